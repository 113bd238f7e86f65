use super::{COLORS, GRID, INK, failed, svg, text};
use anyhow::Result;
use chainrule_models::metrics::Reliability;
use plotters::prelude::*;

const SIZE: (u32, u32) = (520, 460);

/// What is right on a diagonal: of the rows of each confidence, the share that was right.
pub(crate) fn reliability(reliability: &Reliability) -> Result<String> {
    svg(SIZE, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(14)
            .margin_right(24)
            .x_label_area_size(46)
            .y_label_area_size(62)
            .build_cartesian_2d(0.0..1.0, 0.0..1.0)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(INK)
            .x_desc("confidence (probability of the class that was chosen)")
            .y_desc("accuracy (share that was right)")
            .label_style(text(14))
            .axis_desc_style(text(15))
            .draw()
            .map_err(failed)?;
        let filled = || reliability.bins.iter().filter(|bin| bin.weight > 0.0);
        let bars = filled().map(|bin| {
            Rectangle::new([(bin.above, 0.0), (bin.up_to, bin.accuracy)], COLORS[0].mix(0.35).filled())
        });
        chart.draw_series(bars).map_err(failed)?;
        let diagonal = LineSeries::new([(0.0, 0.0), (1.0, 1.0)], INK.stroke_width(1));
        chart.draw_series(diagonal).map_err(failed)?;
        let dots = filled().map(|bin| Circle::new((bin.confidence, bin.accuracy), 4, COLORS[0].filled()));
        chart.draw_series(dots).map_err(failed)?;
        Ok(())
    })
}
