use crate::compile_once::compile_once;
use crate::rows::{assert_same_shape, row, row_mut};
use chainrule_core::{Real, Targets};
use ndarray::{ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2};

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

impl CrossEntropyOptions<'_> {
    /// What row `i` aims at.
    #[inline(always)]
    pub(crate) fn target<'t, F: Real>(
        &'t self,
        targets: &'t Targets<F>,
        i: usize,
        classes: usize,
    ) -> Target<'t, F> {
        let label = match targets {
            Targets::Classes(labels) if self.ignored_label == Some(labels[i]) => return Target::Ignored,
            Targets::Classes(labels) => Some(labels[i]),
            Targets::Probabilities(_) | Targets::Values(_) => None,
        };
        match label {
            Some(label) if self.label_smoothing == 0.0 => {
                let weight = self.class_weights.map_or(F::one(), |weights| F::of(weights[label]));
                Target::Class { label, weight }
            }
            _ => Target::Spread(Spread {
                label,
                soft: match targets {
                    Targets::Classes(_) => None,
                    Targets::Probabilities(y) | Targets::Values(y) => Some(y.row(i)),
                },
                kept: F::of(1.0 - self.label_smoothing),
                shared: F::of(self.label_smoothing / classes as f64),
                weights: self.class_weights,
            }),
        }
    }
}

/// The numbers tⱼ of one row.
#[derive(Clone, Copy)]
pub(crate) enum Target<'a, F> {
    /// All 0.
    Ignored,
    /// `weight` at `label`, 0 elsewhere.
    Class { label: usize, weight: F },
    /// Any.
    Spread(Spread<'a, F>),
}

/// tⱼ = wⱼ ((1 - ε) yⱼ + ε / C), where y is soft or one-hot.
#[derive(Clone, Copy)]
pub(crate) struct Spread<'a, F> {
    label: Option<usize>,
    soft: Option<ArrayView1<'a, F>>,
    kept: F,
    shared: F,
    weights: Option<&'a [f64]>,
}

impl<F: Real> Spread<'_, F> {
    #[inline(always)]
    pub(crate) fn at(&self, class: usize) -> F {
        let y = match &self.soft {
            Some(soft) => soft[class],
            None if self.label == Some(class) => F::one(),
            None => F::zero(),
        };
        let t = self.kept * y + self.shared;
        self.weights.map_or(t, |weights| F::of(weights[class]) * t)
    }

    /// Σⱼ tⱼ
    #[inline(always)]
    pub(crate) fn sum(&self, classes: usize) -> F {
        F::of((0..classes).map(|class| self.at(class).as_f64()).sum())
    }
}

/// Σⱼ tⱼ lossⱼ. A class of target 0 costs nothing, even where its own loss is infinite.
#[inline(always)]
pub(crate) fn loss_of_row<F: Real>(target: Target<F>, classes: usize, loss: impl Fn(usize) -> F) -> F {
    match target {
        Target::Ignored => F::zero(),
        Target::Class { weight, .. } if weight == F::zero() => F::zero(),
        Target::Class { label, weight } => weight * loss(label),
        Target::Spread(spread) => {
            let aimed_at =
                (0..classes).map(|class| (spread.at(class), class)).filter(|(t, _)| *t != F::zero());
            F::of(aimed_at.map(|(t, class)| (t * loss(class)).as_f64()).sum())
        }
    }
}

/// dⱼ ← tⱼ · derivative(j)
#[inline(always)]
pub(crate) fn gradient_of_row<F: Real>(target: Target<F>, d: &mut [F], derivative: impl Fn(usize) -> F) {
    match target {
        Target::Ignored => d.fill(F::zero()),
        Target::Class { label, weight } => {
            d.fill(F::zero());
            d[label] = weight * derivative(label);
        }
        Target::Spread(spread) => {
            d.iter_mut().enumerate().for_each(|(class, d)| *d = spread.at(class) * derivative(class));
        }
    }
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
