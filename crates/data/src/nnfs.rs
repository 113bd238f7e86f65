use crate::{DataSet, Description, Error};
use chainrule_core::{Error as CoreError, Purpose, Random, Real, Scaling};
use ndarray::Array2;
use std::f64::consts::TAU;

/// Points on as many arms of a spiral as there are classes, (samples_per_class · classes, 2), class after class.
///
/// Sample i of n in class c, with u = i / (n - 1) and ε drawn from the standard normal distribution:
///
/// r = u, t = 4 (c + u) + 0.2 ε, point = (r sin 2.5 t, r cos 2.5 t)
///
/// ε is a function of seed, class and sample alone. The source is `spiral_data` of H. Kinsley and D. Kukieła, *Neural
/// Networks from Scratch in Python* (2020); it draws other random numbers.
///
/// # Errors
/// [`Error::TooManyPoints`], and `Setting` as [`Error::Core`] for zero samples or classes.
///
/// ```
/// let spiral = chainrule_data::spiral(100, 3, 0)?;
/// assert_eq!((spiral.len(), spiral.width()), (300, 2));
/// # Ok::<(), chainrule_data::Error>(())
/// ```
pub fn spiral(samples_per_class: usize, classes: usize, seed: u64) -> Result<DataSet, Error> {
    // A single sample is the first one, at the centre.
    let intervals = samples_per_class.saturating_sub(1).max(1) as f64;
    generate("spiral", samples_per_class, classes, seed, |class, sample, random| {
        let r = sample as f64 / intervals;
        let t = 4.0 * (class as f64 + r) + 0.2 * random.normal(sample as u64);
        [r * (2.5 * t).sin(), r * (2.5 * t).cos()]
    })
}

/// Points in as many round clouds, side by side, as there are classes, (samples_per_class · classes, 2), class after class.
///
/// In class c, with ε and δ drawn from the standard normal distribution:
///
/// point = (0.1 ε + c / 3, 0.1 δ + 0.5)
///
/// ε and δ are functions of seed, class and sample alone. The source is `vertical_data` of H. Kinsley and D. Kukieła,
/// *Neural Networks from Scratch in Python* (2020); it draws other random numbers.
///
/// # Errors
/// As [`spiral`].
///
/// ```
/// let vertical = chainrule_data::vertical(100, 3, 0)?;
/// assert_eq!((vertical.len(), vertical.width()), (300, 2));
/// # Ok::<(), chainrule_data::Error>(())
/// ```
pub fn vertical(samples_per_class: usize, classes: usize, seed: u64) -> Result<DataSet, Error> {
    generate("vertical", samples_per_class, classes, seed, |class, sample, random| {
        let [x, y] = [0, 1].map(|draw| 0.1 * random.normal(2 * sample as u64 + draw));
        [x + class as f64 / 3.0, y + 0.5]
    })
}

/// One period of the sine, as inputs and values, both (samples, 1): the data of a regression.
///
/// Sample i of n: x = i / n, y = sin(2 π x), computed in f64.
///
/// There are no labels, so it is two arrays and not a [`DataSet`]; `Targets::Values` takes the second. The source is
/// `sine_data` of H. Kinsley and D. Kukieła, *Neural Networks from Scratch in Python* (2020).
///
/// # Errors
/// [`Error::TooManySamples`], and `Setting` as [`Error::Core`] for zero samples.
///
/// ```
/// let (x, y) = chainrule_data::sine::<f64>(4)?;
/// assert_eq!(x, ndarray::array![[0.0], [0.25], [0.5], [0.75]]);
/// assert!((y[[1, 0]] - 1.0).abs() < 1e-15 && (y[[3, 0]] + 1.0).abs() < 1e-15);
/// # Ok::<(), chainrule_data::Error>(())
/// ```
pub fn sine<F: Real>(samples: usize) -> Result<(Array2<F>, Array2<F>), Error> {
    check_count("samples", samples)?;
    let (mut inputs, mut values) = (Vec::<[F; 1]>::new(), Vec::<[F; 1]>::new());
    let too_many = |_| Error::TooManySamples { samples };
    inputs.try_reserve_exact(samples).map_err(too_many)?;
    values.try_reserve_exact(samples).map_err(too_many)?;
    for sample in 0..samples {
        let x = sample as f64 / samples as f64;
        inputs.push([F::of(x)]);
        values.push([F::of((TAU * x).sin())]);
    }
    Ok((Array2::from(inputs), Array2::from(values)))
}

fn check_count(name: &'static str, count: usize) -> Result<(), Error> {
    if count == 0 {
        return Err(CoreError::Setting { name, expected: "at least 1", value: 0.0 }.into());
    }
    Ok(())
}

fn generate(
    name: &str,
    samples_per_class: usize,
    classes: usize,
    seed: u64,
    point: impl Fn(usize, usize, Random) -> [f64; 2],
) -> Result<DataSet, Error> {
    check_count("samples_per_class", samples_per_class)?;
    check_count("classes", classes)?;
    let too_many = || Error::TooManyPoints { samples_per_class, classes };
    let rows = samples_per_class.checked_mul(classes).ok_or_else(too_many)?;
    let (mut points, mut labels, mut class_names) = (Vec::<[f32; 2]>::new(), Vec::new(), Vec::new());
    points.try_reserve_exact(rows).map_err(|_| too_many())?;
    labels.try_reserve_exact(rows).map_err(|_| too_many())?;
    class_names.try_reserve_exact(classes).map_err(|_| too_many())?;
    for class in 0..classes {
        let random = Random::new(seed, Purpose::Generate, class);
        points.extend((0..samples_per_class).map(|sample| point(class, sample, random).map(|x| x as f32)));
        labels.resize(labels.len() + samples_per_class, class);
        class_names.push(class.to_string());
    }
    let description =
        Description { name: name.into(), class_names, scaling: Scaling::IDENTITY, image_shape: None };
    DataSet::from_numbers(description, Array2::from(points), labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_core::Rows;

    fn points(set: &DataSet) -> Array2<f64> {
        let mut points = Array2::zeros((set.len(), 2));
        set.gather(&Vec::from_iter(0..set.len()), points.view_mut()).expect("all rows");
        points
    }

    /// Mean and standard deviation.
    fn moments(values: &[f64]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        (mean, (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
    }

    #[test]
    fn spiral_has_the_radii_and_angles_of_the_book() {
        let n = 2000;
        let spiral = spiral(n, 3, 5).expect("a spiral");
        let mut noise = Vec::new();
        for (row, point) in points(&spiral).outer_iter().enumerate() {
            let (class, u) = (row / n, (row % n) as f64 / (n - 1) as f64);
            assert_eq!(spiral.labels()[row], class);
            assert!((point[0].hypot(point[1]) - u).abs() < 1e-6);
            // The angle clockwise from the second axis, less its mean, is 2.5 · 0.2 ε; below a radius of 0.01 rounding
            // blurs it.
            if u > 0.01 {
                let angle = point[0].atan2(point[1]) - 2.5 * 4.0 * (class as f64 + u);
                noise.push((angle / TAU - (angle / TAU).round()) * TAU / 2.5);
            }
        }
        // Five standard errors; an angle beyond half a turn, 6 deviations, does not occur.
        let (mean, deviation) = moments(&noise);
        assert!(mean.abs() < 5.0 * 0.2 / 77.0, "{mean}");
        assert!((deviation - 0.2).abs() < 5.0 * 0.2 / 109.0, "{deviation}");
    }

    #[test]
    fn vertical_has_the_clouds_of_the_book() {
        let n = 5000;
        let vertical = vertical(n, 4, 5).expect("clouds");
        let points = points(&vertical);
        for class in 0..4 {
            let column = |column| {
                let rows = (0..4 * n).filter(|&row| vertical.labels()[row] == class);
                rows.map(|row| points[[row, column]]).collect::<Vec<_>>()
            };
            let (x, y) = (column(0), column(1));
            assert_eq!(x.len(), n);
            // Five standard errors.
            for (values, center) in [(&x, class as f64 / 3.0), (&y, 0.5)] {
                let (mean, deviation) = moments(values);
                assert!((mean - center).abs() < 5.0 * 0.1 / 70.0, "{mean}");
                assert!((deviation - 0.1).abs() < 5.0 * 0.1 / 100.0, "{deviation}");
            }
            let product = x.iter().zip(&y).map(|(x, y)| (x - class as f64 / 3.0) * (y - 0.5)).sum::<f64>();
            assert!((product / n as f64).abs() < 5.0 * 0.01 / 70.0, "the coordinates are independent");
        }
    }

    #[test]
    fn a_point_depends_on_seed_class_and_sample_alone() {
        for generator in [spiral, vertical] {
            let set = generator(50, 3, 1).expect("points");
            assert_eq!(set, generator(50, 3, 1).expect("points"));
            assert_ne!(set, generator(50, 3, 2).expect("points"));
            let fewer_classes = generator(50, 2, 1).expect("points");
            assert_eq!(points(&fewer_classes).row(99), points(&set).row(99));
            assert_ne!(points(&set).row(1), points(&set).row(51));
        }
        // The clouds differ by more than their centres.
        let clouds = points(&vertical(50, 2, 1).expect("points"));
        assert!((clouds[[50, 1]] - clouds[[0, 1]]).abs() > 1e-6);
        let fewer_samples = vertical(20, 3, 1).expect("points");
        let set = vertical(50, 3, 1).expect("points");
        assert_eq!(points(&fewer_samples).row(21), points(&set).row(51));
    }

    #[test]
    fn describe_themselves() {
        for (set, name) in [(spiral(5, 3, 0), "spiral"), (vertical(5, 3, 0), "vertical")] {
            let set = set.expect("points");
            assert_eq!((set.name(), set.image_shape(), set.scaling()), (name, None, &Scaling::IDENTITY));
            assert_eq!(set.class_names(), ["0", "1", "2"]);
            assert_eq!(set.labels(), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2]);
        }
    }

    #[test]
    fn sine_is_one_period_of_the_book() {
        fn check<F: Real>() {
            let (x, y) = sine::<F>(1000).expect("a sine");
            assert_eq!((x.dim(), y.dim()), ((1000, 1), (1000, 1)));
            for (i, (x, y)) in x.iter().zip(&y).enumerate() {
                assert!((x.as_f64() - i as f64 / 1000.0).abs() <= F::epsilon().as_f64());
                // By the second half's symmetry, sin(2 π x) = -sin(2 π (x - 1/2)).
                let (sign, i) = if i < 500 { (1.0, i) } else { (-1.0, i - 500) };
                let expected = sign * (std::f64::consts::PI * i as f64 / 500.0).sin();
                assert!((y.as_f64() - expected).abs() <= 8.0 * F::epsilon().as_f64(), "{i}: {y}");
            }
        }
        check::<f64>();
        check::<f32>();
        let (x, y) = sine::<f64>(1).expect("one sample");
        assert_eq!((x[[0, 0]], y[[0, 0]]), (0.0, 0.0));
    }

    #[test]
    fn sine_names_the_argument_that_is_wrong() {
        let message = |samples| sine::<f32>(samples).expect_err("an error").to_string();
        assert_eq!(message(0), "samples is 0, expected at least 1");
        assert_eq!(message(usize::MAX), format!("samples: {} do not fit in memory", usize::MAX));
    }

    #[test]
    fn a_single_sample_lies_at_the_centre() {
        let single = spiral(1, 2, 0).expect("two points");
        assert_eq!(points(&single), Array2::<f64>::zeros((2, 2)));
    }

    #[test]
    fn names_the_argument_that_is_wrong() {
        for generator in [spiral, vertical] {
            let message =
                |samples, classes| generator(samples, classes, 0).expect_err("an error").to_string();
            assert_eq!(message(0, 3), "samples_per_class is 0, expected at least 1");
            assert_eq!(message(3, 0), "classes is 0, expected at least 1");
            for (samples, classes) in [(usize::MAX, 1), (1, usize::MAX), (usize::MAX / 2 + 1, 2)] {
                let error = generator(samples, classes, 0).expect_err("no such memory");
                assert!(matches!(error, Error::TooManyPoints { .. }), "{error}");
            }
        }
    }
}
