use chainrule_core::{Error, Real, Rows};
use chainrule_kernels::with_scratch;
use ndarray::{ArrayViewMut2, Axis, Slice};
use rayon::prelude::*;
use std::ops::Range;

/// Multiplications up to which OpenBLAS has kernels for small products.
const SMALL_PRODUCT: usize = 1_000_000;
/// Chunks of rows, each with a sum of its own.
const MOST_CHUNKS: usize = 64;
/// Numbers in the sums of all chunks.
const MOST_PARTIAL_SUMS: usize = 1 << 22;

/// Rows with a column of ones, for the intercept, cut into chunks of tiles: what is summed over all rows is summed tile by tile in each
/// chunk, and then chunk by chunk, so that the sums are the same bits on any number of threads.
pub(super) struct Tiles<'a, F: Real> {
    rows: &'a dyn Rows<F>,
    intercept: bool,
    indices: Vec<usize>,
    tile_rows: usize,
    chunk_rows: usize,
}

/// Some rows that are at hand.
pub(super) struct Tile<'t, F> {
    /// Their numbers.
    pub(super) indices: &'t [usize],
    /// Which they are of their chunk.
    pub(super) in_chunk: Range<usize>,
    /// (rows, width)
    pub(super) x: ArrayViewMut2<'t, F>,
    /// As many numbers of arbitrary value for each row as were asked for.
    pub(super) scratch: &'t mut [F],
}

impl<'a, F: Real> Tiles<'a, F> {
    pub(super) fn new(rows: &'a dyn Rows<F>, intercept: bool, classes: usize) -> Self {
        let (count, width) = (rows.len(), rows.width() + usize::from(intercept));
        // Whole registers of any width; up to 256 rows, so that they stay in a core's cache.
        let tile_rows = (SMALL_PRODUCT / (width * classes).max(1) / 16 * 16).clamp(64, 256);
        let chunks = (MOST_PARTIAL_SUMS / (width * classes).max(1)).clamp(4, MOST_CHUNKS);
        let chunk_rows = count.div_ceil(chunks).next_multiple_of(tile_rows).max(tile_rows);
        Tiles { rows, intercept, indices: (0..count).collect(), tile_rows, chunk_rows }
    }

    /// All rows, by their numbers.
    pub(super) fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// Rows of a tile; the last one of a chunk may have fewer.
    pub(super) fn tile_rows(&self) -> usize {
        self.tile_rows
    }

    /// Columns without that of ones.
    pub(super) fn inputs(&self) -> usize {
        self.rows.width()
    }

    /// Columns, that of ones among them.
    pub(super) fn width(&self) -> usize {
        self.inputs() + usize::from(self.intercept)
    }

    /// Rows of a chunk; the last one may have fewer.
    pub(super) fn chunk_rows(&self) -> usize {
        self.chunk_rows
    }

    /// Σ over all rows of `len` numbers, to which `work` adds those of one tile. It is also given the context of the tile's chunk, of
    /// which there is one for each chunk, and `per_row` numbers of scratch for each row.
    pub(super) fn sum<C: Send>(
        &self,
        len: usize,
        per_row: usize,
        contexts: impl IntoIterator<Item = C>,
        work: impl Fn(&mut C, Tile<F>, &mut [F]) + Sync,
    ) -> Result<Vec<f64>, Error> {
        let chunks = self.indices.chunks(self.chunk_rows).zip(contexts).collect();
        self.sum_chunks(len, per_row, chunks, work)
    }

    /// [`Tiles::sum`] of some of the rows, in these chunks.
    pub(super) fn sum_chunks<C: Send>(
        &self,
        len: usize,
        per_row: usize,
        chunks: Vec<(&[usize], C)>,
        work: impl Fn(&mut C, Tile<F>, &mut [F]) + Sync,
    ) -> Result<Vec<f64>, Error> {
        let partials = chunks.into_par_iter().map(|(chunk, mut context)| {
            let mut partial = vec![F::zero(); len];
            self.for_each_tile(chunk, per_row, |tile| work(&mut context, tile, &mut partial))?;
            Ok(partial)
        });
        let partials = partials.collect::<Result<Vec<_>, Error>>()?;
        let mut sums = vec![0.0; len];
        sums.par_chunks_mut(4096).enumerate().for_each(|(piece, sums)| {
            let first = piece * 4096;
            for partial in &partials {
                let partial = &partial[first..first + sums.len()];
                sums.iter_mut().zip(partial).for_each(|(sum, x)| *sum += x.as_f64());
            }
        });
        Ok(sums)
    }

    /// Calls `work` for tile after tile of the rows `indices`, on this thread.
    fn for_each_tile(
        &self,
        indices: &[usize],
        per_row: usize,
        mut work: impl FnMut(Tile<F>),
    ) -> Result<(), Error> {
        let width = self.width();
        // Rows that begin where registers do.
        let stride = width.next_multiple_of(16);
        with_scratch(self.tile_rows * (stride + per_row), |numbers| {
            let (rows, scratch) = numbers.split_at_mut(self.tile_rows * stride);
            let mut in_chunk = 0..0;
            for indices in indices.chunks(self.tile_rows) {
                in_chunk = in_chunk.end..in_chunk.end + indices.len();
                let rows = &mut rows[..indices.len() * stride];
                let rows = ArrayViewMut2::from_shape((indices.len(), stride), rows);
                let mut x = rows.expect("as many numbers as rows times columns");
                x.slice_axis_inplace(Axis(1), Slice::from(..width));
                let mut inputs = x.view_mut();
                inputs.slice_axis_inplace(Axis(1), Slice::from(..self.inputs()));
                self.rows.gather(indices, inputs)?;
                if self.intercept {
                    x.column_mut(width - 1).fill(F::one());
                }
                let scratch = &mut scratch[..indices.len() * per_row];
                work(Tile { indices, in_chunk: in_chunk.clone(), x, scratch });
            }
            Ok(())
        })
    }
}
