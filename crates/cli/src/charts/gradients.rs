use super::{COLORS, GRID, INK, failed, svg, text};
use crate::gradient_paths::{PATHS, Row};
use anyhow::Result;
use plotters::prelude::*;

const SIZE: (u32, u32) = (820, 540);

/// Time per logit against the number of classes, both logarithmic, one line for each path.
pub(crate) fn gradients(rows: &[Row]) -> Result<String> {
    let classes = rows.iter().map(|row| row.classes as f64);
    let times = rows.iter().map(|row| row.ns_per_logit);
    let (classes, times) = (extremes(classes, 1.15), extremes(times, 1.6));
    // A single size says which it is; a scale around one point would not.
    let single = rows.first().filter(|first| rows.iter().all(|row| row.classes == first.classes));
    let axis = single.map_or("classes".to_owned(), |row| format!("{} classes", row.classes));
    svg(SIZE, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(16)
            .margin_right(28)
            .caption("Softmax and cross-entropy, forward and back", text(20))
            .x_label_area_size(48)
            .y_label_area_size(70)
            .build_cartesian_2d((classes.0..classes.1).log_scale(), (times.0..times.1).log_scale())
            .map_err(failed)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(INK)
            .x_desc(axis)
            .y_desc("time per logit (ns)")
            .label_style(text(14))
            .axis_desc_style(text(15))
            .x_label_formatter(&|x| format!("{x}"))
            .y_label_formatter(&|y| format!("{y}"))
            .draw()
            .map_err(failed)?;
        for (path, color) in PATHS.into_iter().zip(COLORS) {
            let points: Vec<(f64, f64)> = rows
                .iter()
                .filter(|row| row.path == path)
                .map(|row| (row.classes as f64, row.ns_per_logit))
                .collect();
            let dots = points.iter().map(|&point| Circle::new(point, 4, color.filled()));
            chart.draw_series(dots).map_err(failed)?;
            let style = color.stroke_width(2);
            chart
                .draw_series(LineSeries::new(points, style))
                .map_err(failed)?
                .label(path.title())
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .margin(12)
            .legend_area_size(28)
            .background_style(WHITE.mix(0.85))
            .border_style(GRID)
            .label_font(text(15))
            .draw()
            .map_err(failed)
    })
}

/// The smallest and the largest value, moved apart by a factor.
fn extremes(values: impl Iterator<Item = f64>, room: f64) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
    (low / room, high * room)
}
