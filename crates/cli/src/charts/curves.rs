use super::{COLORS, GRID, failed, svg, text};
use anyhow::Result;
use chainrule_models::EpochRecord;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::ops::Range;

const SIZE: (u32, u32) = (1080, 430);

/// Up to so many epochs each has a dot.
const MOST_DOTS: usize = 40;

/// Larger losses are drawn as this one: in a range without end plotters looks for labels without end.
const LARGEST_LOSS: f64 = 1e300;

/// One quantity over the epochs, of the training and the test part.
struct Panel {
    title: &'static str,
    unit: &'static str,
    range: Range<f64>,
    legend: SeriesLabelPosition,
    train: Vec<(f64, f64)>,
    test: Vec<(f64, f64)>,
}

/// Loss and accuracy by epoch, side by side, of the training part and of the one that was evaluated, which is called `held_out`.
pub(crate) fn curves(epochs: &[EpochRecord], held_out: &str) -> Result<String> {
    let points = |value: fn(&EpochRecord) -> Option<f64>, largest: f64| -> Vec<(f64, f64)> {
        let point = |epoch: &EpochRecord| Some((epoch.epoch as f64, value(epoch)?.clamp(0.0, largest)));
        epochs.iter().filter_map(point).collect()
    };
    let losses = |value| points(value, LARGEST_LOSS);
    let (train, test) = (losses(|epoch| Some(epoch.loss)), losses(|epoch| epoch.validation_loss));
    let largest = train.iter().chain(&test).map(|point| point.1).fold(0.0, f64::max);
    let loss = Panel {
        title: "Loss",
        unit: "mean cross-entropy (nats)",
        range: 0.0..(1.05 * largest).max(1e-6),
        legend: SeriesLabelPosition::UpperRight,
        train,
        test,
    };
    let shares = |value| points(value, 1.0);
    let (train, test) = (shares(|epoch| Some(epoch.accuracy)), shares(|epoch| epoch.validation_accuracy));
    let smallest = train.iter().chain(&test).map(|point| point.1).fold(0.95, f64::min);
    let accuracy = Panel {
        title: "Accuracy",
        unit: "share of rows classified right",
        // Down to a multiple of 0.05, and a little room above for the line.
        range: (smallest * 20.0).floor() / 20.0..1.0 + 0.02 * (1.0 - smallest),
        legend: SeriesLabelPosition::LowerRight,
        train,
        test,
    };
    svg(SIZE, |area| {
        let (left, right) = area.split_horizontally(SIZE.0 / 2);
        draw(&left, loss, held_out)?;
        draw(&right, accuracy, held_out)
    })
}

fn draw(area: &DrawingArea<SVGBackend, Shift>, panel: Panel, held_out: &str) -> Result<()> {
    let Panel { title, unit, range, legend, train, test } = panel;
    let first = train.first().map_or(1.0, |point| point.0);
    let last = train.last().map_or(first, |point| point.0);
    // A single epoch stands in the middle.
    let epochs = if first < last { first..last } else { first - 1.0..first + 1.0 };
    let decimals = if range.end - range.start < 0.1 { 3 } else { 2 };
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .margin_right(24)
        .caption(title, text(20))
        .x_label_area_size(46)
        .y_label_area_size(66)
        .build_cartesian_2d(epochs, range)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(super::INK)
        .x_desc("epoch")
        .y_desc(unit)
        .x_labels(train.len().clamp(3, 10))
        .y_labels(8)
        .label_style(text(14))
        .axis_desc_style(text(15))
        // Between two epochs there is nothing to label.
        .x_label_formatter(&|x| if x.fract() == 0.0 { format!("{x}") } else { String::new() })
        .y_label_formatter(&|y| if *y < 1e6 { format!("{y:.decimals$}") } else { format!("{y:.1e}") })
        .draw()
        .map_err(failed)?;
    for (name, points, color) in [("train", train, COLORS[0]), (held_out, test, COLORS[1])] {
        let style = color.stroke_width(2);
        if points.len() <= MOST_DOTS {
            let dots = points.iter().map(|&point| Circle::new(point, 3, color.filled()));
            chart.draw_series(dots).map_err(failed)?;
        }
        chart
            .draw_series(LineSeries::new(points, style))
            .map_err(failed)?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
    }
    chart
        .configure_series_labels()
        .position(legend)
        .margin(10)
        .legend_area_size(28)
        .background_style(WHITE.mix(0.85))
        .border_style(GRID)
        .label_font(text(15))
        .draw()
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn numbers_of_any_size_are_drawn() {
        for (loss, accuracy) in [(f64::MAX, 0.5), (1.75e308, f64::MAX), (1.0, -1e308), (f64::MIN, f64::MIN)] {
            let text = format!(
                r#"[{{"epoch":1,"loss":{loss:e},"accuracy":{accuracy:e},"validation_loss":{loss:e},
                "validation_accuracy":{accuracy:e},"learning_rate":0.1,"seconds":0.1}}]"#
            );
            let epochs: Vec<EpochRecord> = serde_json::from_str(&text).expect("epochs");
            let (sender, receiver) = mpsc::channel();
            thread::spawn(move || sender.send(curves(&epochs, "test").expect("a picture")));
            let picture = receiver.recv_timeout(Duration::from_secs(30)).expect("an end");
            assert!(picture.trim_end().ends_with("</svg>"), "{loss:e} {accuracy:e}");
            assert!(picture.len() < 20_000, "{loss:e} {accuracy:e}: {} bytes", picture.len());
        }
    }
}
