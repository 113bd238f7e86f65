use crate::compile_once::compile_once;
use crate::rows::{assert_same_shape, row, row_mut};
use crate::target::{gradient_of_row, loss_of_row};
use chainrule_core::{Real, Targets};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// Probabilities are clipped to \[`CLIP`, 1 - `CLIP`\] before their logarithm, as in *Neural Networks from Scratch*,
/// chapter 5.
pub const CLIP: f64 = 1e-7;

/// The probability, clipped. NaN stays NaN.
#[inline(always)]
pub(crate) fn clip<F: Real>(probability: F) -> F {
    let (low, high) = (F::of(CLIP), F::of(1.0 - CLIP));
    if probability < low {
        low
    } else if probability > high {
        high
    } else {
        probability
    }
}

/// The probability that a gradient divides by: 0 and its neighbours become 2²⁶ times the smallest normal number (2⁻¹⁰⁰ in f32,
/// 2⁻⁹⁹⁶ in f64), so that the quotient, and a weight times it, stay finite.
#[inline(always)]
fn divisor<F: Real>(probability: F) -> F {
    let smallest = F::min_positive_value() * F::of(67_108_864.0);
    if probability < smallest { smallest } else { probability }
}

/// What a cross-entropy does to its targets before it compares: with smoothing ε, class weights w and C classes, the target
/// y becomes tⱼ = wⱼ ((1 - ε) yⱼ + ε / C), and a row's loss is -Σⱼ tⱼ log pⱼ.
///
/// It is PyTorch's meaning of these three. The default does nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CrossEntropyOptions<'a> {
    /// One weight for each class; 1 each if there are none.
    pub class_weights: Option<&'a [f64]>,
    /// ε, at least 0 and below 1.
    pub label_smoothing: f64,
    /// A label that is no class: its rows have loss 0 and gradient 0.
    pub ignored_label: Option<usize>,
}

/// lossᵢ ← -Σⱼ tᵢⱼ log clip(ŷᵢⱼ): the cross-entropy of each row, not divided by anything, for the targets t that
/// [`CrossEntropyOptions`] makes of y.
///
/// Shapes: probabilities ŷ (rows, classes), targets y one per row, losses (rows). For a class index it is -log of that
/// class's probability; for soft targets the true cross-entropy.
///
/// # Panics
/// If the shapes differ or a class index is out of range.
#[track_caller]
pub fn cross_entropy<F: Real>(
    probabilities: ArrayView2<F>,
    targets: Targets<F>,
    options: CrossEntropyOptions,
    losses: ArrayViewMut1<F>,
) {
    assert_fit("cross_entropy", probabilities.dim(), targets, options, losses.len());
    compile_once!(|probabilities: ArrayView2<F>,
                   targets: Targets<F>,
                   options: CrossEntropyOptions,
                   losses: ArrayViewMut1<F>| {
        let classes = probabilities.ncols();
        for i in 0..probabilities.nrows() {
            let probabilities = row(&probabilities, i);
            let target = options.target(&targets, i, classes);
            losses[i] = loss_of_row(target, classes, |class| -clip(probabilities[class]).ln());
        }
    });
}

/// Of [`cross_entropy()`]: dŷ ← -scale · t / ŷ. Shapes: ŷ and dŷ (rows, classes), targets y one per row.
///
/// `scale` is 1 / (number of samples) for the gradient of the mean. It is the gradient of the unclipped loss: a clipped
/// one would be 0 where the model is most wrong. Only below 2⁻¹⁰⁰ (f32) or 2⁻⁹⁹⁶ (f64) ŷ counts as that, so that it stays finite
/// where ŷ is 0.
///
/// # Panics
/// If the shapes differ or a class index is out of range.
#[track_caller]
pub fn cross_entropy_backward<F: Real>(
    probabilities: ArrayView2<F>,
    targets: Targets<F>,
    options: CrossEntropyOptions,
    scale: F,
    dprobabilities: ArrayViewMut2<F>,
) {
    let function = "cross_entropy_backward";
    assert_same_shape(function, "dprobabilities", dprobabilities.dim(), probabilities.dim());
    assert_fit(function, probabilities.dim(), targets, options, probabilities.nrows());
    compile_once!(|probabilities: ArrayView2<F>,
                   targets: Targets<F>,
                   options: CrossEntropyOptions,
                   scale: F,
                   dprobabilities: ArrayViewMut2<F>| {
        for i in 0..probabilities.nrows() {
            let (probabilities, d) = (row(&probabilities, i), row_mut(&mut dprobabilities, i));
            let target = options.target(&targets, i, probabilities.len());
            gradient_of_row(target, d, |class| -scale / divisor(probabilities[class]));
        }
    });
}

#[track_caller]
pub(crate) fn assert_fit<F: Real>(
    function: &str,
    outputs: (usize, usize),
    targets: Targets<F>,
    options: CrossEntropyOptions,
    losses: usize,
) {
    let (rows, classes) = outputs;
    assert!(
        targets.len() == rows && losses == rows,
        "{function}: {outputs:?} outputs, {} targets, {losses} losses",
        targets.len()
    );
    if let Targets::Probabilities(y) | Targets::Values(y) = targets {
        assert_same_shape(function, "targets", y.dim(), outputs);
    }
    if let Some(weights) = options.class_weights {
        assert!(weights.len() == classes, "{function}: {} class weights, {classes} classes", weights.len());
    }
}
