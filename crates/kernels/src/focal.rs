use crate::compile_once::compile_once;
use crate::cross_entropy::{CrossEntropyOptions, assert_fit, clip};
use crate::exponential_rows::{OfSoftmax, for_each_normalizer, for_each_softmax};
use crate::focal_term::{FocalTerm, power};
use crate::normalizer::{Exponentials, Normalizer};
use crate::rows::{assert_same_shape, row, row_mut};
use crate::target::{Target, gradient_of_row, loss_of_row};
use chainrule_core::{Real, Targets};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// lossᵢ ← -Σⱼ tᵢⱼ (1 - pᵢⱼ)^γ log pᵢⱼ with p = clip(ŷ), the focal loss: cross-entropy in which what is already known counts
/// less. The targets t are what [`CrossEntropyOptions`] makes of y.
///
/// Shapes: probabilities ŷ (rows, classes), targets y one per row, losses (rows). Source: T.-Y. Lin et al., "Focal loss for
/// dense object detection", ICCV 2017.
///
/// # Panics
/// If the shapes differ or a class index is out of range.
#[track_caller]
pub fn focal<F: Real>(
    probabilities: ArrayView2<F>,
    targets: Targets<F>,
    options: CrossEntropyOptions,
    gamma: F,
    losses: ArrayViewMut1<F>,
) {
    assert_fit("focal", probabilities.dim(), targets, options, losses.len());
    compile_once!(|probabilities: ArrayView2<F>,
                   targets: Targets<F>,
                   options: CrossEntropyOptions,
                   gamma: F,
                   losses: ArrayViewMut1<F>| {
        for i in 0..probabilities.nrows() {
            let p = row(&probabilities, i);
            let target = options.target(&targets, i, p.len());
            losses[i] =
                loss_of_row(target, p.len(), |class| term_of_probability(p[class]).loss(power(gamma)));
        }
    });
}

/// Of [`focal`]: dŷ ← scale · t ψ(p) / p, with ψ = p ∂/∂p \[-(1 - p)^γ log p\] = (1 - p)^γ (γ p log p / (1 - p) - 1).
///
/// # Panics
/// If the shapes differ or a class index is out of range.
#[track_caller]
pub fn focal_backward<F: Real>(
    probabilities: ArrayView2<F>,
    targets: Targets<F>,
    options: CrossEntropyOptions,
    gamma: F,
    scale: F,
    dprobabilities: ArrayViewMut2<F>,
) {
    assert_same_shape("focal_backward", "dprobabilities", dprobabilities.dim(), probabilities.dim());
    assert_fit("focal_backward", probabilities.dim(), targets, options, probabilities.nrows());
    compile_once!(|probabilities: ArrayView2<F>,
                   targets: Targets<F>,
                   options: CrossEntropyOptions,
                   gamma: F,
                   scale: F,
                   dprobabilities: ArrayViewMut2<F>| {
        for i in 0..probabilities.nrows() {
            let (p, d) = (row(&probabilities, i), row_mut(&mut dprobabilities, i));
            gradient_of_row(options.target(&targets, i, p.len()), d, |class| {
                let term = term_of_probability(p[class]);
                scale * term.slope(gamma, power(gamma)) / term.probability
            });
        }
    });
}

fn term_of_probability<F: Real>(probability: F) -> FocalTerm<F> {
    let probability = clip(probability);
    FocalTerm { log: probability.ln(), probability, rest: F::one() - probability }
}

/// Softmax and [`focal`] in one pass over the logits x, without clipping: with pⱼ = softmax(x)ⱼ,
/// dxⱼ ← scale · (tⱼ ψ(pⱼ) - pⱼ Σₖ tₖ ψ(pₖ)).
///
/// It is the Jacobian's product pⱼ (dpⱼ - Σₖ pₖ dpₖ) with dpⱼ = tⱼ ψ(pⱼ) / pⱼ, in which the quotients cancel. Shapes: logits x
/// and dx (rows, classes), targets y one per row, losses (rows).
///
/// # Panics
/// If the shapes differ or a class index is out of range.
#[track_caller]
pub fn softmax_focal<F: Real>(
    logits: ArrayView2<F>,
    targets: Targets<F>,
    options: CrossEntropyOptions,
    gamma: F,
    scale: F,
    losses: ArrayViewMut1<F>,
    dlogits: ArrayViewMut2<F>,
) {
    assert_same_shape("softmax_focal", "dlogits", dlogits.dim(), logits.dim());
    assert_fit("softmax_focal", logits.dim(), targets, options, losses.len());
    compile_once!(|logits: ArrayView2<F>,
                   targets: Targets<F>,
                   options: CrossEntropyOptions,
                   gamma: F,
                   scale: F,
                   losses: ArrayViewMut1<F>,
                   dlogits: ArrayViewMut2<F>| {
        for_each_softmax(logits, dlogits, Gradient { targets, options, gamma, scale, losses });
    });
}

struct Gradient<'a, 't, F> {
    targets: Targets<'t, F>,
    options: CrossEntropyOptions<'a>,
    gamma: F,
    scale: F,
    losses: ArrayViewMut1<'a, F>,
}

impl<F: Real> OfSoftmax<F> for Gradient<'_, '_, F> {
    #[inline(always)]
    fn factor(&mut self, _: usize, _: &Exponentials<F>) -> F {
        F::one()
    }

    #[inline(always)]
    fn finish(&mut self, i: usize, x: &[F], d: &mut [F], normalizer: Normalizer<F>) {
        let (gamma, scale) = (self.gamma, self.scale);
        let target = self.options.target(&self.targets, i, x.len());
        let term = |class: usize| term_of_logit(x[class], &normalizer);
        self.losses[i] = loss_of_row(target, x.len(), |class| term(class).loss(power(gamma)));
        match target {
            Target::Ignored => d.fill(F::zero()),
            Target::Class { label, weight } => {
                let slope = weight * term(label).slope(gamma, power(gamma));
                d.iter_mut().for_each(|d| *d *= -scale * slope);
                d[label] = scale * slope * term(label).rest;
            }
            Target::Spread(spread) => {
                let slope = |class: usize| match spread.at(class) {
                    t if t == F::zero() => t,
                    t => t * term(class).slope(gamma, power(gamma)),
                };
                let total = F::of((0..x.len()).map(|class| slope(class).as_f64()).sum());
                let classes = d.iter_mut().enumerate();
                classes.for_each(|(class, d)| *d = scale * (slope(class) - *d * total));
            }
        }
    }
}

/// [`softmax_focal`]'s losses alone.
///
/// # Panics
/// If the shapes differ or a class index is out of range.
#[track_caller]
pub fn focal_on_logits<F: Real>(
    logits: ArrayView2<F>,
    targets: Targets<F>,
    options: CrossEntropyOptions,
    gamma: F,
    losses: ArrayViewMut1<F>,
) {
    assert_fit("focal_on_logits", logits.dim(), targets, options, losses.len());
    compile_once!(|logits: ArrayView2<F>,
                   targets: Targets<F>,
                   options: CrossEntropyOptions,
                   gamma: F,
                   losses: ArrayViewMut1<F>| {
        for_each_normalizer(logits, |i, x, normalizer| {
            let target = options.target(&targets, i, x.len());
            losses[i] =
                loss_of_row(target, x.len(), |class| term_of_logit(x[class], &normalizer).loss(power(gamma)));
        });
    });
}

#[inline(always)]
fn term_of_logit<F: Real>(x: F, normalizer: &Normalizer<F>) -> FocalTerm<F> {
    FocalTerm::of_log((x - normalizer.max) - normalizer.log_sum)
}
