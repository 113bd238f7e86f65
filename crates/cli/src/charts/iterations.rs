use super::{COLORS, GRID, failed, svg, text};
use anyhow::Result;
use chainrule_models::Iteration;
use plotters::coord::Shift;
use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;

const SIZE: (u32, u32) = (1080, 430);

/// Up to so many iterations each has a dot.
const MOST_DOTS: usize = 60;

/// One quantity over the iterations.
struct Panel {
    title: &'static str,
    unit: &'static str,
    color: RGBColor,
    points: Vec<(f64, f64)>,
}

/// Objective and relative gradient by iteration, both logarithmic, side by side.
pub(crate) fn iterations(iterations: &[Iteration]) -> Result<String> {
    // What is 0 has no logarithm.
    let points = |value: fn(&Iteration) -> f64| -> Vec<(f64, f64)> {
        let point = |i: &Iteration| (i.iteration as f64, value(i));
        iterations.iter().map(point).filter(|point| point.1 > 0.0 && point.1.is_finite()).collect()
    };
    let objective = Panel {
        title: "Objective",
        unit: "losses and penalty (nats)",
        color: COLORS[0],
        points: points(|iteration| iteration.objective),
    };
    let gradient = Panel {
        title: "Gradient",
        unit: "norm, by that at 0",
        color: COLORS[1],
        points: points(|iteration| iteration.relative_gradient),
    };
    let last = iterations.last().map_or(0, |iteration| iteration.iteration);
    svg(SIZE, |area| {
        let (left, right) = area.split_horizontally(SIZE.0 / 2);
        draw(&left, objective, last)?;
        draw(&right, gradient, last)
    })
}

fn draw(area: &DrawingArea<SVGBackend, Shift>, panel: Panel, last: usize) -> Result<()> {
    let Panel { title, unit, color, points } = panel;
    let values = points.iter().map(|point| point.1);
    let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), y| (low.min(y), high.max(y)));
    // Nothing to show is shown around 1.
    let (low, high) = if low <= high { (low, high) } else { (1.0, 1.0) };
    let room = (high / low).powf(0.05).max(1.02);
    let range = (low / room).max(f64::MIN_POSITIVE)..(high * room).min(f64::MAX);
    let ticks = ticks(range.start, range.end);
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .margin_right(24)
        .caption(title, text(20))
        .x_label_area_size(46)
        .y_label_area_size(74)
        .build_cartesian_2d(0.0..last.max(1) as f64, range.log_scale().with_key_points(ticks))
        .map_err(failed)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(super::INK)
        .x_desc("iteration")
        .y_desc(unit)
        .x_labels((last + 1).clamp(3, 10))
        .label_style(text(14))
        .axis_desc_style(text(15))
        // Between two iterations there is nothing to label.
        .x_label_formatter(&|x| if x.fract() == 0.0 { format!("{x}") } else { String::new() })
        .y_label_formatter(&|y| label(*y))
        .draw()
        .map_err(failed)?;
    if points.len() <= MOST_DOTS {
        let dots = points.iter().map(|&point| Circle::new(point, 3, color.filled()));
        chart.draw_series(dots).map_err(failed)?;
    }
    chart.draw_series(LineSeries::new(points, color.stroke_width(2))).map_err(failed)?;
    Ok(())
}

/// Round numbers from `low` to `high`: powers of ten if there are enough, else some between them.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    const MOST: i32 = 8;
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let inside = |y: &f64| (low..=high).contains(y);
    if last - first > 3 {
        let every = (last - first + MOST - 1) / MOST;
        let first = first.div_euclid(every) * every;
        let powers = (first..=last).step_by(every as usize).map(|e| 10_f64.powi(e));
        return powers.filter(inside).collect();
    }
    let of_decades = |factors: &[f64]| -> Vec<f64> {
        let of_decade = |e| factors.iter().map(move |factor| factor * 10_f64.powi(e));
        (first..=last).flat_map(of_decade).filter(inside).collect()
    };
    let some = of_decades(&[1.0, 2.0, 5.0]);
    if some.len() >= 3 { some } else { even(low, high) }
}

/// Some numbers at equal distances of 1, 2 or 5 times a power of ten: a narrow range is as good as linear.
fn even(low: f64, high: f64) -> Vec<f64> {
    let power = 10_f64.powf(((high - low) / 4.0).log10().floor());
    let distance = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    let distance = distance.into_iter().find(|distance| (high - low) / distance <= 6.0).unwrap_or(power);
    let first = (low / distance).ceil();
    (0..=6).map(|i| (first + f64::from(i)) * distance).filter(|y| *y <= high).collect()
}

fn label(y: f64) -> String {
    if (1e-3..1e6).contains(&y) {
        // At most six digits.
        let decimals = (5 - y.log10().floor() as i32).clamp(0, 6) as usize;
        let text = format!("{y:.decimals$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    } else {
        format!("{y:.0e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_few_and_round() {
        let labels = |low, high| ticks(low, high).into_iter().map(label).collect::<Vec<_>>().join(" ");
        assert_eq!(labels(3e-7, 1.2), "1e-6 1e-5 1e-4 0.001 0.01 0.1 1");
        assert_eq!(labels(340.0, 4300.0), "500 1000 2000");
        assert_eq!(labels(351.0, 366.0), "355 360 365");
        for (low, high) in [(1e-300, 1e300), (0.98, 1.02), (1.1e-9, 1e-8), (7.0, 7.3)] {
            let ticks = ticks(low, high);
            assert!((2..=10).contains(&ticks.len()), "{low} to {high}: {ticks:?}");
            assert!(ticks.iter().all(|tick| (low..=high).contains(tick)), "{low} to {high}: {ticks:?}");
        }
    }

    #[test]
    fn nothing_and_zeros_are_drawn() {
        let of = |text: &str| serde_json::from_str::<Vec<Iteration>>(text).expect("iterations");
        let zeros = r#"[{"iteration":0,"objective":0.0,"gradient_norm":0.0,"relative_gradient":0.0,"step":0.0,"products":0,
            "seconds":0.0}]"#;
        for records in [of("[]"), of(zeros)] {
            assert!(iterations(&records).expect("a picture").trim_end().ends_with("</svg>"));
        }
    }
}
