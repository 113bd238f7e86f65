//! cross_entropy.json: PyTorch's `cross_entropy` with every combination of its options, and with sample weights, on every
//! path.

use crate::comparison::Comparison;
use crate::json::{cases, classes, matrix, number, numbers, read, rounded, text};
use chainrule::core::{OwnedTargets, Real, WeightedTargets};
use chainrule::kernels::{
    CLIP, softmax, softmax_backward, softmax_backward_jacobian, softmax_backward_stored_jacobian,
};
use chainrule::models::{LogSoftmax, NegativeLogLikelihood, Summed};
use chainrule::prelude::*;
use ndarray::{Array1, Array2};
use serde_json::Value;
use std::sync::LazyLock;

static FILE: LazyLock<Value> = LazyLock::new(|| read(include_str!("cross_entropy.json")));

/// A loss with a case's options.
macro_rules! with_options {
    ($loss:expr, $case:expr) => {{
        let mut loss = $loss.label_smoothing(number($case, "label_smoothing"));
        if !$case["class_weights"].is_null() {
            loss = loss.class_weights(numbers($case, "class_weights"));
        }
        if let Some(label) = $case["ignored_label"].as_u64() {
            loss = loss.ignored_label(label as usize);
        }
        loss
    }};
}

/// What a case expects, and the scale of the rounding errors: PyTorch's own are among them.
struct Expected<'c> {
    name: &'c str,
    losses: Array2<f64>,
    sum: f64,
    mean: f64,
    gradient_sum: Array2<f64>,
    gradient_mean: Array2<f64>,
    loss_scale: f64,
    gradient_scale: f64,
}

impl<'c> Expected<'c> {
    fn of(case: &'c Value) -> Self {
        let logits = matrix(&case["logits"]);
        let reach = logits.iter().fold(1.0_f64, |reach, x| reach.max(x.abs()));
        let weights =
            if case["class_weights"].is_null() { vec![1.0] } else { numbers(case, "class_weights") };
        let samples =
            if case["sample_weights"].is_null() { vec![1.0] } else { numbers(case, "sample_weights") };
        let largest = |values: Vec<f64>| values.into_iter().fold(1.0_f64, f64::max);
        let weight = largest(weights);
        Expected {
            name: text(case, "name"),
            losses: matrix(&case["losses"]),
            sum: number(case, "sum"),
            mean: number(case, "mean"),
            gradient_sum: matrix(&case["gradient_sum"]),
            gradient_mean: matrix(&case["gradient_mean"]),
            // |x| and log Σ exp enter each loss, whatever is left of them.
            loss_scale: weight * 2.0 * reach,
            gradient_scale: weight * largest(samples),
        }
    }
}

fn targets<F: Real>(case: &Value) -> OwnedTargets<F> {
    match text(case, "kind") {
        "classes" => OwnedTargets::Classes(classes(&case["classes"])),
        _ => OwnedTargets::Probabilities(rounded(&matrix(&case["probabilities"]))),
    }
}

/// Losses, sum, mean and both gradients of `loss`, whose gradient `back` takes from its own outputs to the logits. Where the
/// loss is `clipped`, only the gradients are those of PyTorch.
fn compare<F: Real>(
    compared: &mut Comparison<F>,
    expected: &Expected,
    outputs: &Array2<F>,
    targets: WeightedTargets<F>,
    (loss, summed, clipped): (&dyn Loss<F>, &dyn Loss<F>, bool),
    back: impl Fn(Array2<F>) -> Array2<F>,
) {
    let name = expected.name;
    let all = |value: f64| Array2::from_elem(outputs.dim(), value);
    let of_sum = back(summed.weighted_gradient(outputs.view(), targets).unwrap());
    compared.matrix(name, &of_sum, &expected.gradient_sum, &all(expected.gradient_scale));
    let of_mean = back(loss.weighted_gradient(outputs.view(), targets).unwrap());
    compared.matrix(name, &of_mean, &expected.gradient_mean, &all(expected.gradient_scale));
    if clipped {
        return;
    }
    let (rows, scale) = (outputs.nrows() as f64, expected.loss_scale);
    let losses = loss.losses(outputs.view(), targets.targets).unwrap();
    for (i, (&found, &golden)) in losses.iter().zip(&expected.losses).enumerate() {
        compared.number(|| format!("{name}, loss of row {i}"), found, golden, scale);
    }
    let sum = summed.weighted_mean(outputs.view(), targets).unwrap();
    compared.number(|| format!("{name}, sum"), sum, expected.sum, 3.0 * rows * scale);
    let mean = loss.weighted_mean(outputs.view(), targets).unwrap();
    compared.number(|| format!("{name}, mean"), mean, expected.mean, 3.0 * scale);
}

#[test]
fn options_on_every_path() {
    type Back<F> = fn(ndarray::ArrayView2<F>, ndarray::ArrayView2<F>, ndarray::ArrayViewMut2<F>);
    fn check<F: Real>() {
        let paths: [(&'static str, Back<F>); 3] = [
            ("cross-entropy, product", softmax_backward),
            ("cross-entropy, jacobian", softmax_backward_jacobian),
            ("cross-entropy, stored jacobian", softmax_backward_stored_jacobian),
        ];
        let new = |title: &str| Comparison::<F>::new(title, 16.0);
        let (mut fused, mut log) = (new("cross-entropy, fused"), new("negative log-likelihood"));
        let mut separate = paths.map(|(title, _)| new(title));
        for case in cases(&FILE, "cross_entropy") {
            let expected = Expected::of(case);
            let logits = rounded::<F>(&matrix(&case["logits"]));
            let own = targets::<F>(case);
            let weights: Option<Vec<F>> = (!case["sample_weights"].is_null())
                .then(|| numbers(case, "sample_weights").into_iter().map(F::of).collect());
            let targets = WeightedTargets { targets: own.view(), weights: weights.as_deref() };

            let loss = with_options!(SoftmaxCrossEntropy::new(), case);
            compare(&mut fused, &expected, &logits, targets, (&loss, &Summed(loss.clone()), false), |d| d);

            let loss = with_options!(NegativeLogLikelihood::new(), case);
            let y = LogSoftmax.output(logits.view());
            let back = |dy: Array2<F>| LogSoftmax.input_gradient(logits.view(), y.view(), dy.view());
            compare(&mut log, &expected, &y, targets, (&loss, &Summed(loss.clone()), false), back);

            let mut s = Array2::from_elem(logits.dim(), F::nan());
            softmax(logits.view(), s.view_mut());
            // The separate paths divide by a probability, which F must hold.
            if s.iter().any(|s| s.as_f64() < F::min_positive_value().as_f64() * 2.0_f64.powi(26)) {
                continue;
            }
            let clip = F::of(CLIP)..F::of(1.0 - CLIP);
            let clipped = s.iter().any(|s| !clip.contains(s));
            for ((_, backward), compared) in paths.iter().zip(&mut separate) {
                let loss = with_options!(CategoricalCrossEntropy::new(), case);
                let back = |dy: Array2<F>| {
                    let mut dx = Array2::from_elem(s.dim(), F::nan());
                    backward(s.view(), dy.view(), dx.view_mut());
                    dx
                };
                compare(compared, &expected, &s, targets, (&loss, &Summed(loss.clone()), clipped), back);
            }
        }
        fused.finish();
        log.finish();
        separate.into_iter().for_each(Comparison::finish);
    }
    check::<f64>();
    check::<f32>();
}

/// Through a network, by tiles, the same numbers.
#[test]
fn options_through_a_network() {
    let mut compared = Comparison::<f64>::new("cross-entropy through a network", 16.0);
    for case in cases(&FILE, "cross_entropy") {
        let expected = Expected::of(case);
        let logits = matrix(&case["logits"]);
        let width = logits.ncols();
        let mut network = Network::<f64>::builder(width).dense(width).softmax().build().unwrap();
        let identity = Array2::<f64>::eye(width);
        network.parameters_mut()[..width * width].copy_from_slice(identity.as_slice().unwrap());
        let own = targets::<f64>(case);
        let weights = (!case["sample_weights"].is_null()).then(|| numbers(case, "sample_weights"));
        let targets = WeightedTargets { targets: own.view(), weights: weights.as_deref() };
        let loss = with_options!(CategoricalCrossEntropy::new(), case);
        let mut tape = network.tape(logits.nrows());
        let pass = network.forward(logits.view(), &mut tape).unwrap();
        let (mean, gradient) = pass.backward(&loss, targets).unwrap();
        compared.number(
            || format!("{}, mean", expected.name),
            mean,
            expected.mean,
            3.0 * expected.loss_scale,
        );
        // The bias sees the sum over the rows of the gradient in the logits.
        let sums: Array1<f64> = expected.gradient_mean.sum_axis(ndarray::Axis(0));
        for (class, &golden) in sums.iter().enumerate() {
            let found = gradient[width * width + class];
            let scale = expected.gradient_scale * logits.nrows() as f64;
            compared.number(|| format!("{}, bias {class}", expected.name), found, golden, scale);
        }
    }
    compared.finish();
}
