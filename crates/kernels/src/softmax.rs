use crate::compile_once::compile_once;
use crate::exponential_rows::for_each_exponential_row;
use crate::few_classes::{self, FEW};
use crate::lanes::{Kernel, Lanes, dispatch};
use crate::rows::{assert_same_shape, row, row_mut};
use crate::some_classes::{self, SOME};
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
        if x.ncols() <= SOME {
            return dispatch(ByBlocks { x, s });
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

/// [`softmax`] of at most [`SOME`] classes, by blocks of rows.
struct ByBlocks<'a, F> {
    x: ArrayView2<'a, F>,
    s: ArrayViewMut2<'a, F>,
}

impl<F: Real> Kernel<F> for ByBlocks<'_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        if self.x.ncols() > FEW {
            let of_row = self.x.ncols().div_ceil(L::WIDTH);
            return some_classes::for_each_block::<F, L>(
                &self.x,
                #[inline(always)]
                |start, exponentials, normalizers| {
                    let mut shares = [F::zero(); 16];
                    normalizers.factor.store(&mut shares[..L::WIDTH]);
                    for (lane, e) in exponentials.chunks_exact(of_row).enumerate() {
                        let s = row_mut(&mut self.s, start + lane);
                        some_classes::write_row::<F, L>(e, shares[lane], F::one(), s);
                    }
                },
            );
        }
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
