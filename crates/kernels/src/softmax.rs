use crate::reductions::{dot, max, sum};
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

/// The softmax of one row of logits, with what the loss needs beside it.
pub(crate) struct Normalizer<F> {
    /// The largest logit.
    pub(crate) max: F,
    /// Σⱼ exp(xⱼ - max)
    pub(crate) sum: F,
}

/// s ← softmax(x) of one row.
#[inline(always)]
pub(crate) fn softmax_row<F: Real>(x: &[F], s: &mut [F]) -> Normalizer<F> {
    let max = max(x);
    for (s, &x) in s.iter_mut().zip(x) {
        *s = (x - max).exp();
    }
    let sum = sum(s);
    let factor = F::one() / sum;
    s.iter_mut().for_each(|s| *s *= factor);
    Normalizer { max, sum }
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
