use crate::few_classes::{self, FEW};
use crate::lanes::{Kernel, Lanes, dispatch};
use crate::many_classes::Blocks;
use crate::normalizer::{Exponentials, Normalizer};
use crate::rows::{row, row_mut};
use crate::some_classes;
use crate::vectorize;
use chainrule_core::Real;
use ndarray::{ArrayView2, ArrayViewMut2, s};

/// Rows of [few enough classes](some_classes::by_blocks) at a time: their exponentials stay in the second cache.
const CHUNK: usize = 64;

/// The same of more classes: calls are few, and rows stay near.
const LONG_CHUNK: usize = 8;

/// Writes exponentials of each row into the row of `e`, and calls `each` with the row's number, its logits, the exponentials, and
/// the normalizer.
pub(crate) fn for_each_exponential_row<F: Real>(
    x: ArrayView2<F>,
    mut e: ArrayViewMut2<F>,
    mut each: impl FnMut(usize, &[F], Exponentials<F>, Normalizer<F>),
) {
    if !some_classes::by_blocks::<F>(x.ncols()) {
        return dispatch(ExponentialRows { x, e, each });
    }
    vectorize(
        #[inline(always)]
        || {
            let mut chunk = [OfRow::default(); CHUNK];
            for start in (0..x.nrows()).step_by(CHUNK) {
                let rows = start..x.nrows().min(start + CHUNK);
                short_rows(x, Some(&mut e), start, &mut chunk[..rows.len()]);
                for (i, &OfRow { normalizer, share }) in rows.zip(&chunk) {
                    let scaled = row_mut(&mut e, i);
                    each(
                        i,
                        row(&x, i),
                        Exponentials { scaled, block: x.ncols().max(1), shares: &[share] },
                        normalizer,
                    );
                }
            }
        },
    );
}

/// Calls `each` with the number of each row, its logits and their normalizer.
pub(crate) fn for_each_normalizer<F: Real>(
    x: ArrayView2<F>,
    mut each: impl FnMut(usize, &[F], Normalizer<F>),
) {
    let mut blocks = (!some_classes::by_blocks::<F>(x.ncols())).then(|| Blocks::of::<F>(x.ncols()));
    let at_once = if blocks.is_some() { LONG_CHUNK } else { CHUNK };
    vectorize(
        #[inline(always)]
        || {
            let mut chunk = [OfRow::default(); CHUNK];
            for start in (0..x.nrows()).step_by(at_once) {
                let rows = start..x.nrows().min(start + at_once);
                match &mut blocks {
                    Some(blocks) => long_rows(blocks, x, start, &mut chunk[..rows.len()]),
                    None => short_rows(x, None, start, &mut chunk[..rows.len()]),
                }
                for (i, of_row) in rows.zip(&chunk) {
                    each(i, row(&x, i), of_row.normalizer);
                }
            }
        },
    );
}

/// The normalizer of a row, and 1 / Σ exp(x - max).
#[derive(Clone, Copy)]
struct OfRow<F> {
    normalizer: Normalizer<F>,
    share: f64,
}

impl<F: Real> Default for OfRow<F> {
    fn default() -> Self {
        OfRow { normalizer: Normalizer { max: F::zero(), log_sum: F::zero() }, share: 0.0 }
    }
}

/// Of few enough classes, from row `start` on. A function, as everything that calls it would else have a copy of it for each level.
#[inline(never)]
fn short_rows<F: Real>(
    x: ArrayView2<F>,
    e: Option<&mut ArrayViewMut2<F>>,
    start: usize,
    normalizers: &mut [OfRow<F>],
) {
    let rows = s![start..start + normalizers.len(), ..];
    let e = e.map(|e| e.slice_mut(rows));
    dispatch(ShortRows { x: x.slice(rows), e, normalizers });
}

struct ShortRows<'a, F> {
    x: ArrayView2<'a, F>,
    e: Option<ArrayViewMut2<'a, F>>,
    normalizers: &'a mut [OfRow<F>],
}

impl<F: Real> Kernel<F> for ShortRows<'_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        if self.x.ncols() <= FEW {
            return few_classes::for_each_block::<F, L>(
                &self.x,
                #[inline(always)]
                |start, count, block| {
                    let normalizers = few_classes::exponentials(block);
                    if let Some(e) = &mut self.e {
                        few_classes::write_block(block, start, count, e);
                    }
                    normalizers.for_each(
                        count,
                        #[inline(always)]
                        |lane, normalizer, share| {
                            self.normalizers[start + lane] = OfRow { normalizer, share }
                        },
                    );
                },
            );
        }
        let of_row = self.x.ncols().div_ceil(L::WIDTH);
        some_classes::for_each_block::<F, L>(
            &self.x,
            #[inline(always)]
            |start, exponentials, normalizers| {
                let rows = exponentials.chunks_exact(of_row);
                normalizers.for_each(
                    rows.len(),
                    #[inline(always)]
                    |lane, normalizer, share| self.normalizers[start + lane] = OfRow { normalizer, share },
                );
                if let Some(e) = &mut self.e {
                    for (lane, of_row) in rows.enumerate() {
                        some_classes::write_row::<F, L>(of_row, F::one(), F::one(), row_mut(e, start + lane));
                    }
                }
            },
        );
    }
}

/// Of more classes, in the same way; without exponentials.
#[inline(never)]
fn long_rows<F: Real>(blocks: &mut Blocks, x: ArrayView2<F>, start: usize, normalizers: &mut [OfRow<F>]) {
    dispatch(LongRows { blocks, x, start, normalizers });
}

struct LongRows<'a, F> {
    blocks: &'a mut Blocks,
    x: ArrayView2<'a, F>,
    start: usize,
    normalizers: &'a mut [OfRow<F>],
}

impl<F: Real> Kernel<F> for LongRows<'_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(self) {
        for (i, of_row) in (self.start..).zip(self.normalizers) {
            let (x, next) = (row(&self.x, i), next_row(&self.x, i));
            of_row.normalizer = self.blocks.normalizer::<F, L>(x, next);
        }
    }
}

struct ExponentialRows<'a, F, E> {
    x: ArrayView2<'a, F>,
    e: ArrayViewMut2<'a, F>,
    each: E,
}

impl<F: Real, E: FnMut(usize, &[F], Exponentials<F>, Normalizer<F>)> Kernel<F> for ExponentialRows<'_, F, E> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
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
