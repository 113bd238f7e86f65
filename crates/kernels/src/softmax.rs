use crate::exp::ln_1p;
use crate::few_classes::{FEW, for_each_row_of_few};
use crate::many_classes::{exponentials, normalizer};
use crate::reductions::dot;
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
            for_each_exponential_row(
                &x,
                &mut s,
                #[inline(always)]
                |_, _, s, normalizer| {
                    let factor = F::one() / normalizer.sum;
                    for s in s {
                        *s *= factor;
                    }
                },
            );
        },
    );
}

/// What the exponentials of one row sum to.
#[derive(Clone, Copy)]
pub(crate) struct Normalizer<F> {
    /// The largest logit.
    pub(crate) max: F,
    /// Σⱼ exp(xⱼ - max)
    pub(crate) sum: F,
    /// log Σⱼ exp(xⱼ - max), exact also where it is tiny.
    pub(crate) log_sum: F,
}

impl<F: Real> Normalizer<F> {
    /// Of the largest logit, and Σⱼ exp(xⱼ - max) - 1.
    #[inline(always)]
    pub(crate) fn new(max: F, excess: F) -> Self {
        Normalizer { max, sum: F::one() + excess, log_sum: ln_1p(excess) }
    }
}

/// Writes exp(x - max) of each row into the row of `e`, and calls `each` with the row's number, its logits, that, and the
/// normalizer.
#[inline(always)]
pub(crate) fn for_each_exponential_row<F: Real>(
    x: &ArrayView2<F>,
    e: &mut ArrayViewMut2<F>,
    mut each: impl FnMut(usize, &[F], &mut [F], Normalizer<F>),
) {
    if x.ncols() <= FEW {
        return for_each_row_of_few(
            x,
            #[inline(always)]
            |i, x, exponentials, normalizer| {
                let e = row_mut(e, i);
                exponentials.write_to(e);
                each(i, x, e, normalizer);
            },
        );
    }
    for i in 0..x.nrows() {
        let (x, e) = (row(x, i), row_mut(e, i));
        let normalizer = exponentials(x, e);
        each(i, x, e, normalizer);
    }
}

/// Calls `each` with the number of each row, its logits and their normalizer.
#[inline(always)]
pub(crate) fn for_each_normalizer<F: Real>(
    x: &ArrayView2<F>,
    mut each: impl FnMut(usize, &[F], Normalizer<F>),
) {
    if x.ncols() <= FEW {
        return for_each_row_of_few(
            x,
            #[inline(always)]
            |i, x, _, normalizer| each(i, x, normalizer),
        );
    }
    for i in 0..x.nrows() {
        let x = row(x, i);
        each(i, x, normalizer(x));
    }
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
