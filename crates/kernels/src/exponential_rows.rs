use crate::few_classes::{self, FEW};
use crate::lanes::{Kernel, Lanes, dispatch};
use crate::many_classes::Blocks;
use crate::normalizer::{Exponentials, Normalizer, Total};
use crate::rows::{row, row_before_and_row_mut, row_mut};
use crate::some_classes;
use crate::vectorize;
use chainrule_core::Real;
use ndarray::{ArrayView2, ArrayViewMut2, s};

/// Rows of [few enough classes](some_classes::by_blocks) at a time: their exponentials stay in the second cache.
const CHUNK: usize = 64;

/// The same of more classes, whose logarithms are taken together.
const LONG_CHUNK: usize = 16;

/// What is made of the softmax of each row.
pub(crate) trait OfSoftmax<F> {
    /// What the softmax of row `i` is to be multiplied by.
    fn factor(&mut self, i: usize, exponentials: &Exponentials<F>) -> F;

    /// Called with the logits x of the row, the product, and the normalizer: rows one after the other, each some time after its factor.
    fn finish(&mut self, i: usize, x: &[F], product: &mut [F], normalizer: Normalizer<F>);
}

/// Writes the softmax of each row, times its factor, into the row of `y`.
pub(crate) fn for_each_softmax<F: Real>(
    x: ArrayView2<F>,
    mut y: ArrayViewMut2<F>,
    mut of_softmax: impl OfSoftmax<F>,
) {
    if !some_classes::by_blocks::<F>(x.ncols()) {
        return dispatch(LongSoftmaxes { x, y, of_softmax });
    }
    vectorize(
        #[inline(always)]
        || {
            let mut chunk = [OfRow::default(); CHUNK];
            for start in (0..x.nrows()).step_by(CHUNK) {
                let rows = start..x.nrows().min(start + CHUNK);
                short_rows(x, Some(&mut y), start, &mut chunk[..rows.len()]);
                for (i, &OfRow { normalizer, share }) in rows.zip(&chunk) {
                    let scaled = row_mut(&mut y, i);
                    let exponentials = Exponentials { scaled, block: x.ncols().max(1), shares: &[share] };
                    let factor = of_softmax.factor(i, &exponentials);
                    of_softmax.finish(i, row(&x, i), exponentials.normalize(factor), normalizer);
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
        OfRow { normalizer: Normalizer::default(), share: 0.0 }
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
        let mut totals = [Total::default(); LONG_CHUNK];
        for (i, total) in (self.start..self.start + self.normalizers.len()).zip(&mut totals) {
            *total = self.blocks.total_of_row::<F, L>(&self.x, i);
        }
        for (of_row, normalizer) in self.normalizers.iter_mut().zip(Total::normalizers::<L>(&totals)) {
            of_row.normalizer = normalizer;
        }
    }
}

struct LongSoftmaxes<'a, F, S> {
    x: ArrayView2<'a, F>,
    y: ArrayViewMut2<'a, F>,
    of_softmax: S,
}

impl<F: Real, S: OfSoftmax<F>> Kernel<F> for LongSoftmaxes<'_, F, S> {
    /// A row that takes one number to be multiplied by is so together with the exponentials of the next.
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        let mut blocks = Blocks::of::<F>(self.x.ncols());
        let mut totals = [Total::default(); LONG_CHUNK];
        let mut waiting = None;
        for i in 0..self.x.nrows() {
            let (before, e) = row_before_and_row_mut(&mut self.y, i);
            let before = waiting.map(|factor| (before, factor));
            let (exponentials, total) = blocks.exponentials::<F, L>(&self.x, i, e, before);
            let factor = self.of_softmax.factor(i, &exponentials);
            waiting = if L::SPARE && i + 1 < self.x.nrows() { exponentials.at_once(factor) } else { None };
            if waiting.is_none() {
                exponentials.normalize(factor);
            }
            if i > 0 && i % LONG_CHUNK == 0 {
                self.finish::<L>(i - LONG_CHUNK, &totals);
            }
            totals[i % LONG_CHUNK] = total;
        }
        if let Some(last) = self.x.nrows().checked_sub(1) {
            let start = last - last % LONG_CHUNK;
            self.finish::<L>(start, &totals[..=last - start]);
        }
    }
}

impl<F: Real, S: OfSoftmax<F>> LongSoftmaxes<'_, F, S> {
    #[inline(always)]
    fn finish<L: Lanes<F>>(&mut self, start: usize, totals: &[Total<F>]) {
        for (i, normalizer) in (start..start + totals.len()).zip(Total::normalizers::<L>(totals)) {
            self.of_softmax.finish(i, row(&self.x, i), row_mut(&mut self.y, i), normalizer);
        }
    }
}
