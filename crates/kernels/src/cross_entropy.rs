use crate::reductions::{max, sum};
use crate::rows::{assert_same_shape, row, row_mut};
use crate::softmax::{Normalizer, softmax_row};
use crate::vectorize;
use chainrule_core::{Real, Targets};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// Probabilities are clipped to \[`CLIP`, 1 - `CLIP`\] before their logarithm, as in *Neural Networks from Scratch*,
/// chapter 5.
pub const CLIP: f64 = 1e-7;

#[inline(always)]
fn clip<F: Real>(probability: F) -> F {
    probability.max(F::of(CLIP)).min(F::of(1.0 - CLIP))
}

/// lossᵢ ← -Σⱼ yᵢⱼ log clip(ŷᵢⱼ): the cross-entropy of each row, not divided by anything.
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
    mut losses: ArrayViewMut1<F>,
) {
    assert_fit("cross_entropy", probabilities.dim(), targets, losses.len());
    for i in 0..probabilities.nrows() {
        let probabilities = row(&probabilities, i);
        losses[i] = match targets {
            Targets::Classes(labels) => -clip(probabilities[labels[i]]).ln(),
            Targets::Probabilities(y) => {
                -y.row(i).iter().zip(probabilities).map(|(&y, &p)| y * clip(p).ln()).sum::<F>()
            }
        };
    }
}

/// Of [`cross_entropy`]: dŷ ← -scale · y / clip(ŷ). Shapes: ŷ and dŷ (rows, classes), targets y one per row.
///
/// `scale` is 1 / (number of samples) for the gradient of the mean. Clipping bounds the gradient: no probability, not
/// even 0, divides by less than [`CLIP`].
///
/// # Panics
/// If the shapes differ or a class index is out of range.
#[track_caller]
pub fn cross_entropy_backward<F: Real>(
    probabilities: ArrayView2<F>,
    targets: Targets<F>,
    scale: F,
    mut dprobabilities: ArrayViewMut2<F>,
) {
    assert_same_shape("cross_entropy_backward", "dprobabilities", dprobabilities.dim(), probabilities.dim());
    assert_fit("cross_entropy_backward", probabilities.dim(), targets, probabilities.nrows());
    for i in 0..probabilities.nrows() {
        let (probabilities, dprobabilities) = (row(&probabilities, i), row_mut(&mut dprobabilities, i));
        match targets {
            Targets::Classes(labels) => {
                dprobabilities.fill(F::zero());
                dprobabilities[labels[i]] = -scale / clip(probabilities[labels[i]]);
            }
            Targets::Probabilities(y) => {
                for ((d, &y), &p) in dprobabilities.iter_mut().zip(y.row(i)).zip(probabilities) {
                    *d = -scale * y / clip(p);
                }
            }
        }
    }
}

/// lossᵢ ← log Σⱼ exp(xᵢⱼ) - Σⱼ yᵢⱼ xᵢⱼ: the cross-entropy of the softmax of each row, straight from the logits.
///
/// Shapes: logits x (rows, classes), targets y one per row, losses (rows). With the largest logit subtracted first
/// (log-sum-exp) it is exact where the probability itself would round to 0.
///
/// # Panics
/// If the shapes differ or a class index is out of range.
#[track_caller]
pub fn cross_entropy_on_logits<F: Real>(
    logits: ArrayView2<F>,
    targets: Targets<F>,
    mut losses: ArrayViewMut1<F>,
) {
    assert_fit("cross_entropy_on_logits", logits.dim(), targets, losses.len());
    vectorize(
        #[inline(always)]
        || {
            for i in 0..logits.nrows() {
                let logits = row(&logits, i);
                let max = max(logits);
                // The terms of the same lanes as in `sum`, without a buffer for the exponentials.
                let sum = crate::reductions::sum_of(logits, logits, |x, _| (x - max).exp());
                losses[i] = loss_of_row(logits, targets, i, Normalizer { max, sum });
            }
        },
    );
}

/// Softmax and cross-entropy, forward and backward, in one pass over the logits:
/// lossᵢ as of [`cross_entropy_on_logits`], and dx ← scale · (softmax(x) - y).
///
/// Shapes: logits x and dx (rows, classes), targets y one per row, losses (rows). `scale` is 1 / (number of samples) for
/// the gradient of the mean.
///
/// It is the closed form of the Jacobian's product with -y/ŷ, in which every ŷ cancels:
/// sᵢ (-yᵢ/sᵢ + Σⱼ sⱼ yⱼ/sⱼ) = sᵢ Σⱼ yⱼ - yᵢ, and a target's probabilities sum to 1. (For soft targets the sum is taken as
/// it is, so that rounding in the targets does not show up as an error of the gradient.)
///
/// # Panics
/// If the shapes differ or a class index is out of range.
///
/// ```
/// use chainrule_core::Targets;
/// use chainrule_kernels::softmax_cross_entropy;
/// use ndarray::{Array1, Array2, array};
/// let logits = array![[0.0_f64, 0.0], [0.0, 0.0]];
/// let (mut losses, mut dlogits) = (Array1::zeros(2), Array2::zeros((2, 2)));
/// let targets = Targets::Classes(&[0, 1]);
/// softmax_cross_entropy(logits.view(), targets, 0.5, losses.view_mut(), dlogits.view_mut());
/// assert_eq!(dlogits, array![[-0.25, 0.25], [0.25, -0.25]]);
/// assert!((losses[0] - 2.0_f64.ln()).abs() < 1e-15);
/// ```
#[track_caller]
pub fn softmax_cross_entropy<F: Real>(
    logits: ArrayView2<F>,
    targets: Targets<F>,
    scale: F,
    mut losses: ArrayViewMut1<F>,
    mut dlogits: ArrayViewMut2<F>,
) {
    assert_same_shape("softmax_cross_entropy", "dlogits", dlogits.dim(), logits.dim());
    assert_fit("softmax_cross_entropy", logits.dim(), targets, losses.len());
    vectorize(
        #[inline(always)]
        || {
            for i in 0..logits.nrows() {
                let (logits, dlogits) = (row(&logits, i), row_mut(&mut dlogits, i));
                let normalizer = softmax_row(logits, dlogits);
                losses[i] = loss_of_row(logits, targets, i, normalizer);
                match targets {
                    Targets::Classes(labels) => {
                        dlogits[labels[i]] -= F::one();
                        dlogits.iter_mut().for_each(|d| *d *= scale);
                    }
                    Targets::Probabilities(y) => {
                        let y = row(&y, i);
                        let total = sum(y);
                        dlogits.iter_mut().zip(y).for_each(|(d, &y)| *d = (*d * total - y) * scale);
                    }
                }
            }
        },
    );
}

/// Σⱼ yⱼ (log Σₖ exp(xₖ) - xⱼ) of row `i`.
#[inline(always)]
fn loss_of_row<F: Real>(logits: &[F], targets: Targets<F>, i: usize, normalizer: Normalizer<F>) -> F {
    let log_sum = normalizer.sum.ln();
    let loss_of_class = |x: F| log_sum - (x - normalizer.max);
    match targets {
        Targets::Classes(labels) => loss_of_class(logits[labels[i]]),
        // A class of probability 0 costs nothing, even where its logit is so far off that the other factor is infinite.
        Targets::Probabilities(y) => {
            let terms = y.row(i).into_iter().zip(logits).filter(|(y, _)| **y != F::zero());
            terms.map(|(&y, &x)| y * loss_of_class(x)).sum()
        }
    }
}

#[track_caller]
fn assert_fit<F: Real>(function: &str, outputs: (usize, usize), targets: Targets<F>, losses: usize) {
    let rows = outputs.0;
    assert!(
        targets.len() == rows && losses == rows,
        "{function}: {outputs:?} outputs, {} targets, {losses} losses",
        targets.len()
    );
    if let Targets::Probabilities(y) = targets {
        assert_same_shape(function, "targets", y.dim(), outputs);
    }
}
