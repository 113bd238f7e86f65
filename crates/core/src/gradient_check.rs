use crate::{Activation, Block, Kept, Layer, Loss, Purpose, Random, Targets};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, Slice};
use std::fmt;

/// The entry of a gradient that differs most from its finite difference.
#[derive(Clone, Debug)]
pub struct WorstEntry {
    /// Which one, for example `"weight[3, 5]"` or `"input[0, 2]"`.
    pub place: String,
    /// The derivative as the code under test computes it.
    pub analytic: f64,
    /// The derivative by finite differences.
    pub numeric: f64,
    /// |analytic - numeric|, relative to the two and to a thousandth of the function or its largest derivative.
    pub error: f64,
}

/// What a gradient check found: how many derivatives it compared, and the worst of them.
///
/// A NaN anywhere counts as an infinite error.
#[derive(Clone, Debug, Default)]
pub struct GradientCheck {
    /// Number of derivatives compared.
    pub checked: usize,
    /// The largest error; `None` if nothing was compared.
    pub worst: Option<WorstEntry>,
}

impl GradientCheck {
    /// The largest relative error; 0 if nothing was compared.
    pub fn error(&self) -> f64 {
        self.worst.as_ref().map_or(0.0, |worst| worst.error)
    }

    /// Both checks as one.
    pub fn and(self, other: GradientCheck) -> GradientCheck {
        let checked = self.checked + other.checked;
        let worst = if other.error() > self.error() { other.worst } else { self.worst.or(other.worst) };
        GradientCheck { checked, worst }
    }
}

impl fmt::Display for GradientCheck {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} derivatives checked", self.checked)?;
        match &self.worst {
            None => Ok(()),
            Some(w) => write!(
                f,
                "; worst relative error {:.1e} at {}: {} by the code, {} by finite differences",
                w.error, w.place, w.analytic, w.numeric
            ),
        }
    }
}

/// Distance of the points of a difference quotient. Its truncation error, h⁴ f⁽⁵⁾/30, and its rounding error, about
/// 10⁻¹⁶ f / h, are both below 10⁻¹² here for functions of order 1.
const H: f64 = 3e-4;

/// Compares a gradient with 5-point central differences, f′ ≈ (f₋₂ - 8 f₋₁ + 8 f₊₁ - f₊₂) / 12h, entry by entry.
///
/// `at` is the point, `f` the function, `analytic` its gradient there by the code under test, and `place` names an entry
/// in the report.
///
/// # Panics
/// If `at` and `analytic` differ in length.
///
/// ```
/// use chainrule_core::check_function;
/// let check = check_function(&[2.0], |x| x[0] * x[0], &[4.0], |i| format!("x[{i}]"));
/// assert!(check.error() < 1e-10, "{check}");
/// let wrong = check_function(&[2.0], |x| x[0] * x[0], &[5.0], |i| format!("x[{i}]"));
/// assert!(wrong.error() > 0.1, "{wrong}");
/// ```
#[track_caller]
pub fn check_function(
    at: &[f64],
    mut f: impl FnMut(&[f64]) -> f64,
    analytic: &[f64],
    place: impl Fn(usize) -> String,
) -> GradientCheck {
    assert_eq!(at.len(), analytic.len(), "a gradient has one entry for each number of its point");
    let mut point = at.to_vec();
    let numeric: Vec<f64> = (0..at.len())
        .map(|i| {
            let mut shifted = |steps: f64| {
                point[i] = at[i] + steps * H;
                f(&point)
            };
            let difference = shifted(-2.0) - 8.0 * shifted(-1.0) + 8.0 * shifted(1.0) - shifted(2.0);
            point[i] = at[i];
            difference / (12.0 * H)
        })
        .collect();
    // Rounding errors grow with the function, not with one entry, so a small entry is held to the scale of the function
    // and of its peers.
    let scale = analytic.iter().chain(&numeric).fold(f(at).abs(), |largest, d| largest.max(d.abs()));
    let error = |i: usize| {
        let difference = (analytic[i] - numeric[i]).abs();
        match difference / (analytic[i].abs() + numeric[i].abs() + 1e-3 * scale) {
            _ if difference == 0.0 => 0.0,
            error if error.is_nan() => f64::INFINITY,
            error => error,
        }
    };
    let worst = (0..at.len())
        .map(|i| (i, error(i)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(i, error)| WorstEntry { place: place(i), analytic: analytic[i], numeric: numeric[i], error });
    GradientCheck { checked: at.len(), worst }
}

/// Checks a layer: every parameter and every input, for the objective Σ c ⊙ y with fixed random c.
///
/// The gradient of the parameters is asked for in blocks of at most two rows, as training asks for it in blocks, and rows lie apart in
/// memory, as in training.
///
/// # Panics
/// If `parameters` or `x` do not fit the layer.
pub fn check_layer(layer: &dyn Layer<f64>, parameters: &[f64], x: ArrayView2<f64>) -> GradientCheck {
    let (rows, (inputs, outputs)) = (x.nrows(), layer.width());
    let (x, x_shape) = (flat(x), (rows, inputs));
    let dy = direction(rows, outputs);
    let output = |parameters: &[f64], x: &[f64]| {
        let mut y = RowsApart::unset(rows, outputs);
        layer.forward(parameters, RowsApart::of(x, x_shape).view(), y.view_mut());
        y
    };
    let objective = |parameters: &[f64], x: &[f64]| (&output(parameters, x).view() * &dy.view()).sum();

    let (kept_x, y) = (RowsApart::of(&x, x_shape), output(parameters, &x));
    let kept = Kept::new(kept_x.view(), y.view());
    let mut dx = RowsApart::unset(rows, inputs);
    layer.backward_input(parameters, kept, dy.view(), dx.view_mut());
    let of_inputs = check_function(
        &x,
        |x| objective(parameters, x),
        &flat(dx.view()),
        |i| format!("input[{}, {}]", i / inputs, i % inputs),
    );

    let specs = layer.parameters();
    let gradient: Vec<f64> =
        specs.iter().enumerate().flat_map(|(i, _)| parameter_gradient(layer, i, kept, dy.view())).collect();
    let of_parameters = check_function(
        parameters,
        |parameters| objective(parameters, &x),
        &gradient,
        |mut i| {
            let mut specs = specs.iter();
            loop {
                let spec = specs.next().expect("an entry of one of the parameters");
                if i < spec.len() {
                    return format!("{}[{}, {}]", spec.name, i / spec.shape.1, i % spec.shape.1);
                }
                i -= spec.len();
            }
        },
    );
    of_inputs.and(of_parameters)
}

/// The whole gradient of one parameter, put together from blocks of two rows.
fn parameter_gradient(
    layer: &dyn Layer<f64>,
    parameter: usize,
    kept: Kept<f64>,
    dy: ArrayView2<f64>,
) -> Vec<f64> {
    let (rows, columns) = layer.parameters()[parameter].shape;
    let mut gradient = Array2::from_elem((rows, columns), f64::NAN);
    for (i, mut dblock) in gradient.axis_chunks_iter_mut(Axis(0), 2).enumerate() {
        let block = Block { parameter, rows: 2 * i..2 * i + dblock.nrows() };
        layer.backward_parameters(&block, kept, dy, dblock.view_mut());
    }
    gradient.into_iter().collect()
}

/// Checks an activation: every input, for the objective Σ c ⊙ y with fixed random c. Rows lie apart in memory, as in training.
pub fn check_activation(activation: &dyn Activation<f64>, x: ArrayView2<f64>) -> GradientCheck {
    let (rows, width) = x.dim();
    let dy = direction(rows, width);
    let forward = |x: &RowsApart| {
        let mut y = RowsApart::unset(rows, width);
        activation.forward(x.view(), y.view_mut());
        y
    };
    let x = flat(x);
    let at = RowsApart::of(&x, (rows, width));
    let mut dx = RowsApart::unset(rows, width);
    activation.backward(at.view(), forward(&at).view(), dy.view(), dx.view_mut());
    check_function(
        &x,
        |x| (&forward(&RowsApart::of(x, (rows, width))).view() * &dy.view()).sum(),
        &flat(dx.view()),
        |i| format!("input[{}, {}]", i / width, i % width),
    )
}

/// Checks a loss in every output that it is given, for the mean over the rows: [`Loss::backward`], and
/// [`Loss::forward_backward`] beside it. Rows, and losses, lie apart in memory, as in training.
pub fn check_loss(loss: &dyn Loss<f64>, y: ArrayView2<f64>, targets: Targets<f64>) -> GradientCheck {
    let (rows, width) = y.dim();
    let scale = 1.0 / rows as f64;
    let y = flat(y);
    let at = RowsApart::of(&y, (rows, width));
    let mean = |y: &[f64]| {
        let mut losses = RowsApart::unset(rows, 1);
        let y = RowsApart::of(y, (rows, width));
        loss.forward(y.view(), targets, losses.view_mut().column_mut(0));
        losses.view().sum() * scale
    };
    let check = |write_gradient: &dyn Fn(ArrayViewMut2<f64>), name: &str| {
        let mut dy = RowsApart::unset(rows, width);
        write_gradient(dy.view_mut());
        check_function(&y, mean, &flat(dy.view()), |i| format!("{name}[{}, {}]", i / width, i % width))
    };
    let separate = check(&|dy| loss.backward(at.view(), targets, scale, dy), "output");
    let joint = check(
        &|dy| {
            let mut losses = RowsApart::unset(rows, 1);
            loss.forward_backward(at.view(), targets, scale, losses.view_mut().column_mut(0), dy);
        },
        "output, forward and backward at once,",
    );
    separate.and(joint)
}

/// A matrix as a network has it: a band of a larger one, so that the numbers of a row follow one another, and rows lie apart.
struct RowsApart {
    cells: Array2<f64>,
    columns: usize,
}

impl RowsApart {
    /// Numbers between one row and the next: NaN, which shows wherever it is taken for a row's.
    const BETWEEN: usize = 3;

    /// Contents that show up as an infinite error wherever a backward forgets to write.
    fn unset(rows: usize, columns: usize) -> Self {
        RowsApart { cells: Array2::from_elem((rows, columns + Self::BETWEEN), f64::NAN), columns }
    }

    #[track_caller]
    fn of(x: &[f64], (rows, columns): (usize, usize)) -> Self {
        let x = ArrayView2::from_shape((rows, columns), x).expect("as many numbers as the shape has");
        let mut apart = Self::unset(rows, columns);
        apart.view_mut().assign(&x);
        apart
    }

    fn view(&self) -> ArrayView2<'_, f64> {
        self.cells.slice_axis(Axis(1), Slice::from(..self.columns))
    }

    fn view_mut(&mut self) -> ArrayViewMut2<'_, f64> {
        self.cells.slice_axis_mut(Axis(1), Slice::from(..self.columns))
    }
}

/// The fixed weights c of an objective Σ c ⊙ y, between -1 and 1.
fn direction(rows: usize, columns: usize) -> RowsApart {
    let random = Random::new(0, Purpose::Check, 0);
    let c = |i: usize| 2.0 * random.uniform(i as u64) - 1.0;
    RowsApart::of(&(0..rows * columns).map(c).collect::<Vec<_>>(), (rows, columns))
}

fn flat(x: ArrayView2<f64>) -> Vec<f64> {
    x.iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{ArrayViewMut1, array};

    /// A layer, an activation and a loss that go number by number through memory, right only where rows follow one another.
    #[derive(Debug)]
    struct InOneRun;

    /// y ← f(x), if each is one run of memory.
    fn map(x: ArrayView2<f64>, mut y: ArrayViewMut2<f64>, f: impl Fn(f64) -> f64) {
        if let (Some(x), Some(y)) = (x.to_slice(), y.as_slice_mut()) {
            y.iter_mut().zip(x).for_each(|(y, x)| *y = f(*x));
        }
    }

    impl Activation<f64> for InOneRun {
        fn name(&self) -> &'static str {
            "doubled"
        }
        fn forward(&self, x: ArrayView2<f64>, y: ArrayViewMut2<f64>) {
            map(x, y, |x| 2.0 * x);
        }
        fn backward(
            &self,
            _: ArrayView2<f64>,
            _: ArrayView2<f64>,
            dy: ArrayView2<f64>,
            dx: ArrayViewMut2<f64>,
        ) {
            map(dy, dx, |dy| 2.0 * dy);
        }
    }

    impl Layer<f64> for InOneRun {
        fn name(&self) -> &'static str {
            "doubled"
        }
        fn width(&self) -> (usize, usize) {
            (2, 2)
        }
        fn forward(&self, _: &[f64], x: ArrayView2<f64>, y: ArrayViewMut2<f64>) {
            map(x, y, |x| 2.0 * x);
        }
        fn backward_input(&self, _: &[f64], _: Kept<f64>, dy: ArrayView2<f64>, dx: ArrayViewMut2<f64>) {
            map(dy, dx, |dy| 2.0 * dy);
        }
    }

    /// The sum of a row.
    impl Loss<f64> for InOneRun {
        fn name(&self) -> &'static str {
            "sum"
        }
        fn forward(&self, y: ArrayView2<f64>, _: Targets<f64>, mut losses: ArrayViewMut1<f64>) {
            if let Some(losses) = losses.as_slice_mut() {
                losses.iter_mut().zip(y.outer_iter()).for_each(|(loss, y)| *loss = y.sum());
            }
        }
        fn backward(&self, _: ArrayView2<f64>, _: Targets<f64>, scale: f64, mut dy: ArrayViewMut2<f64>) {
            dy.fill(scale);
        }
    }

    #[test]
    fn what_relies_on_rows_that_follow_one_another_fails() {
        let x = array![[1.0, -3.0], [0.5, 2.0]];
        for check in [
            check_activation(&InOneRun, x.view()),
            check_layer(&InOneRun, &[], x.view()),
            check_loss(&InOneRun, x.view(), Targets::Classes(&[0, 1])),
        ] {
            assert_eq!(check.error(), f64::INFINITY, "{check}");
        }
    }
}
