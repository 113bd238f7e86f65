use crate::compile_once::compile_once;
use crate::exponential_rows::{OfSoftmax, for_each_softmax};
use crate::few_classes::{self, FEW};
use crate::lanes::{Kernel, Lanes, dispatch};
use crate::normalizer::{Exponentials, Normalizer};
use crate::rows::{assert_same_shape, row_mut};
use crate::some_classes;
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
        if some_classes::by_blocks::<F>(x.ncols()) {
            return dispatch(ByBlocks { x, s });
        }
        for_each_softmax(x, s, Itself);
    });
}

struct Itself;

impl<F: Real> OfSoftmax<F> for Itself {
    #[inline(always)]
    fn factor(&mut self, _: usize, _: &Exponentials<F>) -> F {
        F::one()
    }

    #[inline(always)]
    fn finish(&mut self, _: usize, _: &[F], _: &mut [F], _: Normalizer<F>) {}
}

/// [`softmax`] of [few enough classes](some_classes::by_blocks), by blocks of rows.
struct ByBlocks<'a, F> {
    x: ArrayView2<'a, F>,
    s: ArrayViewMut2<'a, F>,
}

impl<F: Real> Kernel<F> for ByBlocks<'_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        let classes = self.x.ncols();
        if classes > FEW {
            let of_row = classes.div_ceil(L::WIDTH);
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
