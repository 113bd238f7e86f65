use super::{COLORS, GRID, INK, failed, svg, text};
use crate::args::Gradient;
use crate::gradient_paths::{PATHS, Row};
use anyhow::Result;
use plotters::coord::Shift;
use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;

/// Of one panel.
const SIZE: (u32, u32) = (820, 540);

/// A line that grows as the number of classes does.
const GUIDE: RGBColor = RGBColor(0x99, 0x99, 0x99);

type Span = (f64, f64);

/// Time per logit against the number of classes, both logarithmic, one line for each path; a panel for each precision
/// and number of threads.
pub(crate) fn gradients(rows: &[Row]) -> Result<String> {
    let panels: Vec<&[Row]> =
        rows.chunk_by(|a, b| (a.precision, a.threads) == (b.precision, b.threads)).collect();
    let columns = panels.len().min(2);
    let lines = panels.len().div_ceil(2).max(1);
    // Of the same scales, so that panels can be compared.
    let times = rows.iter().filter_map(|row| Some(row.figures()?.ns_per_logit));
    let spans = (extremes(rows.iter().map(|row| row.classes as f64), 1.3), extremes(times, 1.6));
    svg((SIZE.0 * columns as u32, SIZE.1 * lines as u32), |area| {
        let areas = area.split_evenly((lines, columns));
        areas.iter().zip(panels).try_for_each(|(area, rows)| draw(area, rows, spans))
    })
}

fn draw(area: &DrawingArea<SVGBackend, Shift>, rows: &[Row], (classes, times): (Span, Span)) -> Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let plural = if first.threads == 1 { "" } else { "s" };
    let caption = format!(
        "Softmax and cross-entropy, forward and back ({}, {} thread{plural})",
        first.precision, first.threads
    );
    let mut ticks: Vec<usize> = rows.iter().map(|row| row.classes).collect();
    ticks.dedup();
    let ticks: Vec<f64> = ticks.into_iter().map(|classes| classes as f64).collect();
    let mut chart = ChartBuilder::on(area)
        .margin(16)
        .margin_right(28)
        .caption(caption, text(20))
        .x_label_area_size(48)
        .y_label_area_size(78)
        .build_cartesian_2d(
            (classes.0..classes.1).log_scale().with_key_points(ticks),
            (times.0..times.1).log_scale(),
        )
        .map_err(failed)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_desc("classes")
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
            .filter_map(|row| Some((row.classes as f64, row.figures()?.ns_per_logit)))
            .collect();
        let dots = points.iter().map(|&point| Circle::new(point, 4, color.filled()));
        chart.draw_series(dots).map_err(failed)?;
        // A line that ends early says where.
        let left_out = rows.iter().any(|row| row.path == path && row.figures().is_none());
        let label = match points.last().filter(|_| left_out) {
            Some((classes, _)) => format!("{} (left out above {classes})", path.title()),
            None => path.title().to_owned(),
        };
        let style = color.stroke_width(2);
        chart
            .draw_series(LineSeries::new(points, style))
            .map_err(failed)?
            .label(label)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
    }
    if let Some(guide) = guide(rows) {
        chart
            .draw_series(DashedLineSeries::new(guide, 6, 5, GUIDE.stroke_width(1)))
            .map_err(failed)?
            .label("in proportion to classes")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 22, y)], GUIDE));
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
}

/// From half the time of the Jacobian by rows at the largest size down to the fastest time of any path.
fn guide(rows: &[Row]) -> Option<[(f64, f64); 2]> {
    let fastest =
        rows.iter().filter_map(|row| Some(row.figures()?.ns_per_logit)).fold(f64::INFINITY, f64::min);
    let last = rows.iter().rfind(|row| row.path == Gradient::Jacobian)?;
    let end = (last.classes as f64, last.figures()?.ns_per_logit / 2.0);
    let start = (end.0 * fastest / end.1, fastest);
    // It must lie within the plot, and there must be a line to compare it with.
    let least = rows.first()?.classes as f64;
    (least < end.0 && least <= start.0 && start.0 < end.0).then_some([start, end])
}

/// The smallest and the largest value, moved apart by a factor.
fn extremes(values: impl Iterator<Item = f64>, room: f64) -> (f64, f64) {
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
    (low / room, high * room)
}
