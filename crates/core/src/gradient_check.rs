use crate::{Activation, Block, Kept, Layer, Loss, Purpose, Random, Targets};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2};
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
/// The gradient of the parameters is asked for in blocks of at most two rows, as training asks for it in blocks.
///
/// # Panics
/// If `parameters` or `x` do not fit the layer.
pub fn check_layer(layer: &dyn Layer<f64>, parameters: &[f64], x: ArrayView2<f64>) -> GradientCheck {
    let (rows, (inputs, outputs)) = (x.nrows(), layer.width());
    let (x, x_shape) = (flat(x), (rows, inputs));
    let dy = direction(rows, outputs);
    let output = |parameters: &[f64], x: &[f64]| {
        let mut y = unset(rows, outputs);
        layer.forward(parameters, view(x, x_shape), y.view_mut());
        y
    };
    let objective = |parameters: &[f64], x: &[f64]| (&output(parameters, x) * &dy).sum();

    let y = output(parameters, &x);
    let kept = Kept::new(view(&x, x_shape), y.view());
    let mut dx = unset(rows, inputs);
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
    let mut gradient = unset(rows, columns);
    for (i, mut dblock) in gradient.axis_chunks_iter_mut(ndarray::Axis(0), 2).enumerate() {
        let block = Block { parameter, rows: 2 * i..2 * i + dblock.nrows() };
        layer.backward_parameters(&block, kept, dy, dblock.view_mut());
    }
    gradient.into_iter().collect()
}

/// Checks an activation: every input, for the objective Σ c ⊙ y with fixed random c.
pub fn check_activation(activation: &dyn Activation<f64>, x: ArrayView2<f64>) -> GradientCheck {
    let (rows, width) = x.dim();
    let dy = direction(rows, width);
    let forward = |x: &[f64]| {
        let mut y = unset(rows, width);
        activation.forward(view(x, (rows, width)), y.view_mut());
        y
    };
    let x = flat(x);
    let mut dx = unset(rows, width);
    activation.backward(view(&x, (rows, width)), forward(&x).view(), dy.view(), dx.view_mut());
    check_function(
        &x,
        |x| (&forward(x) * &dy).sum(),
        &flat(dx.view()),
        |i| format!("input[{}, {}]", i / width, i % width),
    )
}

/// Checks a loss in every output that it is given, for the mean over the rows: [`Loss::backward`], and
/// [`Loss::forward_backward`] beside it.
pub fn check_loss(loss: &dyn Loss<f64>, y: ArrayView2<f64>, targets: Targets<f64>) -> GradientCheck {
    let (rows, width) = y.dim();
    let scale = 1.0 / rows as f64;
    let y = flat(y);
    let y_view = view(&y, (rows, width));
    let mean = |y: &[f64]| {
        let mut losses = Array1::from_elem(rows, f64::NAN);
        loss.forward(view(y, (rows, width)), targets, losses.view_mut());
        losses.sum() * scale
    };
    let check = |write_gradient: &dyn Fn(ArrayViewMut2<f64>), name: &str| {
        let mut dy = unset(rows, width);
        write_gradient(dy.view_mut());
        check_function(&y, mean, &flat(dy.view()), |i| format!("{name}[{}, {}]", i / width, i % width))
    };
    let separate = check(&|dy| loss.backward(y_view, targets, scale, dy), "output");
    let joint = check(
        &|dy| {
            let mut losses = Array1::from_elem(rows, f64::NAN);
            loss.forward_backward(y_view, targets, scale, losses.view_mut(), dy);
        },
        "output, forward and backward at once,",
    );
    separate.and(joint)
}

/// Contents that show up as an infinite error wherever a backward forgets to write.
fn unset(rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_elem((rows, columns), f64::NAN)
}

/// The fixed weights c of an objective Σ c ⊙ y, between -1 and 1.
fn direction(rows: usize, columns: usize) -> Array2<f64> {
    let random = Random::new(0, Purpose::Check, 0);
    Array2::from_shape_fn((rows, columns), |(i, j)| 2.0 * random.uniform((i * columns + j) as u64) - 1.0)
}

fn flat(x: ArrayView2<f64>) -> Vec<f64> {
    x.iter().copied().collect()
}

#[track_caller]
fn view(x: &[f64], shape: (usize, usize)) -> ArrayView2<'_, f64> {
    ArrayView2::from_shape(shape, x).expect("as many numbers as the shape has")
}
