use crate::compile_once::compile_once;
use crate::exp::ln_1p;
use crate::few_classes::{self, FEW};
use crate::lanes::{Kernel, Lanes, dispatch};
use crate::many_classes::Blocks;
use crate::rows::{assert_same_shape, row, row_mut};
use crate::scaled_exp::TWO_TO_64;
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
pub fn softmax<F: Real>(x: ArrayView2<F>, s: ArrayViewMut2<F>) {
    assert_same_shape("softmax", "s", s.dim(), x.dim());
    compile_once!(|x: ArrayView2<F>, s: ArrayViewMut2<F>| {
        if x.ncols() <= FEW {
            return dispatch(OfFew { x, s });
        }
        for_each_exponential_row(
            x,
            s,
            #[inline(always)]
            |_, _, exponentials, _| {
                exponentials.normalize(F::one());
            },
        );
    });
}

struct OfFew<'a, F> {
    x: ArrayView2<'a, F>,
    s: ArrayViewMut2<'a, F>,
}

impl<F: Real> Kernel<F> for OfFew<'_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        few_classes::for_each_block::<F, L>(
            &self.x,
            #[inline(always)]
            |start, count, block| {
                let normalizers = few_classes::exponentials(block);
                for e in block.iter_mut() {
                    *e = *e * normalizers.factor;
                }
                few_classes::write_block(block, start, count, &mut self.s);
            },
        );
    }
}

/// What the exponentials of one row sum to.
#[derive(Clone, Copy)]
pub(crate) struct Normalizer<F> {
    /// The largest logit.
    pub(crate) max: F,
    /// log Σⱼ exp(xⱼ - max), exact also where it is tiny.
    pub(crate) log_sum: F,
}

impl<F: Real> Normalizer<F> {
    /// Of the largest logit, and Σⱼ exp(xⱼ - max) - 1.
    #[inline(always)]
    pub(crate) fn new(max: F, excess: F) -> Self {
        Normalizer { max, log_sum: ln_1p(excess) }
    }
}

/// The exponentials of one row, not yet divided by their sum.
pub(crate) struct Exponentials<'r, F> {
    /// exp(xⱼ - the block's largest) 2⁶⁴
    pub(crate) scaled: &'r mut [F],
    /// How many have a largest logit in common.
    pub(crate) block: usize,
    /// exp(a block's largest - the row's) / Σⱼ exp(xⱼ - max), block by block.
    pub(crate) shares: &'r [f64],
}

impl<'r, F: Real> Exponentials<'r, F> {
    /// softmax(x)ⱼ
    #[inline(always)]
    pub(crate) fn probability(&self, class: usize) -> F {
        let share = F::of(self.shares[class / self.block]);
        self.scaled[class] * F::of(1.0 / TWO_TO_64) * share
    }

    /// Makes of them factor · softmax(x).
    #[inline(always)]
    pub(crate) fn normalize(self, factor: F) -> &'r mut [F] {
        for (scaled, share) in self.scaled.chunks_mut(self.block).zip(self.shares) {
            let factor = share * factor.as_f64();
            let at_once = F::of(factor / TWO_TO_64);
            if at_once.is_normal() {
                for e in scaled {
                    *e *= at_once;
                }
            } else {
                for e in scaled {
                    *e = *e * F::of(1.0 / TWO_TO_64) * F::of(factor);
                }
            }
        }
        self.scaled
    }
}

/// Writes exponentials of each row into the row of `e`, and calls `each` with the row's number, its logits, the exponentials, and
/// the normalizer.
pub(crate) fn for_each_exponential_row<F: Real>(
    x: ArrayView2<F>,
    e: ArrayViewMut2<F>,
    each: impl FnMut(usize, &[F], Exponentials<F>, Normalizer<F>),
) {
    dispatch(ExponentialRows { x, e, each });
}

struct ExponentialRows<'a, F, E> {
    x: ArrayView2<'a, F>,
    e: ArrayViewMut2<'a, F>,
    each: E,
}

impl<F: Real, E: FnMut(usize, &[F], Exponentials<F>, Normalizer<F>)> Kernel<F> for ExponentialRows<'_, F, E> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        if self.x.ncols() <= FEW {
            return few_classes::for_each_exponential_row::<F, L>(&self.x, &mut self.e, self.each);
        }
        let mut blocks = Blocks::of::<F>(self.x.ncols());
        for i in 0..self.x.nrows() {
            let x = row(&self.x, i);
            let e = row_mut(&mut self.e, i);
            let (exponentials, normalizer) = blocks.exponentials::<F, L>(x, e, next_row(&self.x, i));
            (self.each)(i, x, exponentials, normalizer);
        }
    }
}

/// Row `i` + 1, empty after the last one.
#[inline(always)]
fn next_row<'a, F>(x: &'a ArrayView2<F>, i: usize) -> &'a [F] {
    if i + 1 < x.nrows() { row(x, i + 1) } else { &[] }
}

/// Calls `each` with the number of each row, its logits and their normalizer.
pub(crate) fn for_each_normalizer<F: Real>(x: ArrayView2<F>, each: impl FnMut(usize, &[F], Normalizer<F>)) {
    dispatch(Normalizers { x, each });
}

struct Normalizers<'a, F, E> {
    x: ArrayView2<'a, F>,
    each: E,
}

impl<F: Real, E: FnMut(usize, &[F], Normalizer<F>)> Kernel<F> for Normalizers<'_, F, E> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        let x = &self.x;
        if x.ncols() <= FEW {
            return few_classes::for_each_block::<F, L>(
                x,
                #[inline(always)]
                |start, count, block| {
                    few_classes::exponentials(block).for_each(
                        count,
                        #[inline(always)]
                        |sample, normalizer, _| {
                            (self.each)(start + sample, row(x, start + sample), normalizer);
                        },
                    );
                },
            );
        }
        let mut blocks = Blocks::of::<F>(x.ncols());
        for i in 0..x.nrows() {
            (self.each)(i, row(x, i), blocks.normalizer::<F, L>(row(x, i), next_row(x, i)));
        }
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
pub fn softmax_backward<F: Real>(s: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
    assert_same_shape("softmax_backward", "dy", dy.dim(), s.dim());
    assert_same_shape("softmax_backward", "dx", dx.dim(), s.dim());
    compile_once!(|s: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>| {
        dispatch(ClosedForm { s, dy, dx });
    });
}

struct ClosedForm<'a, F> {
    s: ArrayView2<'a, F>,
    dy: ArrayView2<'a, F>,
    dx: ArrayViewMut2<'a, F>,
}

impl<F: Real> Kernel<F> for ClosedForm<'_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        for i in 0..self.s.nrows() {
            let (s, dy) = (row(&self.s, i), row(&self.dy, i));
            let mean = dot::<F, L>(s, dy);
            for ((dx, &s), &dy) in row_mut(&mut self.dx, i).iter_mut().zip(s).zip(dy) {
                *dx = s * (dy - mean);
            }
        }
    }
}

/// ⟨x, y⟩, in parts short enough for the roundings of f32 to stay below one unit in the last place.
#[inline(always)]
fn dot<F: Real, L: Lanes<F>>(x: &[F], y: &[F]) -> F {
    const ACCUMULATORS: usize = 4;
    let part = 16 * ACCUMULATORS * L::WIDTH;
    let mut total = 0.0;
    for (x, y) in x.chunks(part).zip(y.chunks(part)) {
        let mut sums = [L::splat(F::zero()); ACCUMULATORS];
        let (x, y) = (x.chunks_exact(ACCUMULATORS * L::WIDTH), y.chunks_exact(ACCUMULATORS * L::WIDTH));
        let rest = x.remainder().chunks(L::WIDTH).zip(y.remainder().chunks(L::WIDTH));
        for (x, y) in x.zip(y) {
            for (i, sum) in sums.iter_mut().enumerate() {
                let lanes = i * L::WIDTH..(i + 1) * L::WIDTH;
                *sum = L::load(&x[lanes.clone()]).mul_add(L::load(&y[lanes]), *sum);
            }
        }
        for (x, y) in rest {
            sums[0] = L::load_part(x, F::zero()).mul_add(L::load_part(y, F::zero()), sums[0]);
        }
        total += ((sums[0] + sums[1]) + (sums[2] + sums[3])).sum().as_f64();
    }
    F::of(total)
}
