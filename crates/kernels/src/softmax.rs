use crate::reductions::{dot, max, sum_of};
use crate::rows::{assert_same_shape, row, row_mut};
use crate::vectorize;
use chainrule_core::Real;
use ndarray::{ArrayView2, ArrayViewMut2};

/// sᵢ ← exp(xᵢ - max x) / Σⱼ exp(xⱼ - max x), row by row. Shapes: all (rows, classes).
///
/// Subtracting the largest logit changes nothing but keeps exp from overflowing: finite logits give finite probabilities
/// that sum to 1.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn softmax<F: Real>(x: ArrayView2<F>, mut s: ArrayViewMut2<F>) {
    assert_same_shape("softmax", "s", s.dim(), x.dim());
    vectorize(
        #[inline(always)]
        || {
            for i in 0..x.nrows() {
                softmax_row(row(&x, i), row_mut(&mut s, i));
            }
        },
    );
}

/// What the exponentials of one row sum to.
pub(crate) struct Normalizer<F> {
    /// The largest logit.
    pub(crate) max: F,
    /// Σⱼ exp(xⱼ - max) - 1. Without the largest term, which is exactly 1, a small rest is not rounded away.
    excess: F,
}

impl<F: Real> Normalizer<F> {
    /// Of logits x and numbers e, of which `exponential` makes exp(x - max).
    #[inline(always)]
    fn new(x: &[F], max: F, e: &[F], exponential: impl Fn(F) -> F) -> Self {
        let below = sum_of(x, e, |x, e| if x == max { F::zero() } else { exponential(e) });
        let largest = sum_of(x, x, |x, _| if x == max { F::one() } else { F::zero() });
        // With NaN among them no logit need be the largest; `below` is NaN then.
        Normalizer { max, excess: below + (largest - F::one()) }
    }

    /// The normalizer of a row, without keeping its exponentials.
    #[inline(always)]
    pub(crate) fn of_row(x: &[F]) -> Self {
        let max = max(x);
        Self::new(x, max, x, |x| shifted_exp(x, max))
    }

    /// log Σⱼ exp(xⱼ - max), exact also where it is tiny.
    #[inline(always)]
    pub(crate) fn log_sum(&self) -> F {
        self.excess.ln_1p()
    }

    /// Σⱼ exp(xⱼ - max)
    #[inline(always)]
    pub(crate) fn sum(&self) -> F {
        F::one() + self.excess
    }
}

/// exp(x - max) for x ≤ max, with what the subtraction rounds away: exp would carry an error of half a unit in the last
/// place of x - max on as |x - max| / 2 units of the result.
#[inline(always)]
pub(crate) fn shifted_exp<F: Real>(x: F, max: F) -> F {
    let difference = x - max;
    let negated_max = difference - x;
    let lost = (x - (difference - negated_max)) - (max + negated_max);
    let e = difference.exp();
    // Where e is 0 the difference may be infinite, and `lost` NaN.
    if e == F::zero() { e } else { e + e * lost }
}

/// s ← softmax(x) of one row.
#[inline(always)]
pub(crate) fn softmax_row<F: Real>(x: &[F], s: &mut [F]) -> Normalizer<F> {
    let max = max(x);
    for (s, &x) in s.iter_mut().zip(x) {
        *s = shifted_exp(x, max);
    }
    let normalizer = Normalizer::new(x, max, s, |e| e);
    let factor = F::one() / normalizer.sum();
    s.iter_mut().for_each(|s| *s *= factor);
    normalizer
}

/// Of [`softmax`], in closed form: dx ← s ⊙ (dy - ⟨s, dy⟩), row by row. Shapes: all (rows, classes).
///
/// It is the product of the Jacobian diag(s) - s sᵀ with dy, multiplied out: (diag(s) - s sᵀ) dy = s ⊙ dy - s ⟨s, dy⟩.
/// O(classes) a row, where the Jacobian takes O(classes²).
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn softmax_backward<F: Real>(s: ArrayView2<F>, dy: ArrayView2<F>, mut dx: ArrayViewMut2<F>) {
    assert_same_shape("softmax_backward", "dy", dy.dim(), s.dim());
    assert_same_shape("softmax_backward", "dx", dx.dim(), s.dim());
    vectorize(
        #[inline(always)]
        || {
            for i in 0..s.nrows() {
                let (s, dy) = (row(&s, i), row(&dy, i));
                let mean = dot(s, dy);
                for ((dx, &s), &dy) in row_mut(&mut dx, i).iter_mut().zip(s).zip(dy) {
                    *dx = s * (dy - mean);
                }
            }
        },
    );
}
