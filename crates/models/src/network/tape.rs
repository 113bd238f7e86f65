use super::Network;
use chainrule_core::{AlignedBuffer, Error, Kept, Real, Rows};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Slice};
use rayon::prelude::*;
use std::ops::Range;

/// Rows of the tiles that a batch of `rows` rows is cut into: a function of the shape alone, never of the threads.
pub fn tile_rows(rows: usize) -> usize {
    const LARGEST: usize = 64;
    // Halves, at least, so that two cores have work.
    rows.div_ceil(2).next_multiple_of(8).min(LARGEST)
}

/// Bytes after which addresses fall in the same sets of the nearest cache.
const PAGE: usize = 4096;

/// A batch on its way: one matrix with a row for each sample and a band of columns for each thing that is known of it.
///
/// ```text
/// | x | y₁ | y₂ | … | dy₁ | dy₂ | … | loss |
/// ```
///
/// So a tile is a range of rows, contiguous in memory and small enough for a core's cache, and what a layer gave for the
/// whole batch is a range of columns, which BLAS reads as it lies.
#[derive(Debug)]
pub(super) struct Workspace<F> {
    cells: AlignedBuffer<F>,
    rows: usize,
    bands: Bands,
}

/// Which columns hold what.
#[derive(Debug)]
pub(super) struct Bands {
    /// The inputs, then the outputs of each layer.
    outputs: Vec<Range<usize>>,
    /// The gradient in the outputs of each layer; empty without backward.
    deltas: Vec<Range<usize>>,
    loss: usize,
    stride: usize,
}

impl Bands {
    fn new<F: Real>(widths: &[usize], backward: bool) -> Self {
        let numbers_per_line = 64 / F::BYTES;
        let mut end = 0_usize;
        let mut next = |width: usize| {
            let start = end.next_multiple_of(numbers_per_line);
            end = start + width;
            start..end
        };
        let outputs = widths.iter().map(|&width| next(width)).collect();
        let deltas = widths[1..].iter().filter(|_| backward).map(|&width| next(width)).collect();
        let loss = next(1).start;
        let mut stride = end.next_multiple_of(numbers_per_line);
        // Rows a multiple of a page apart would all fall in the same few sets of the cache.
        if (stride * F::BYTES).is_multiple_of(PAGE) {
            stride += numbers_per_line;
        }
        Bands { outputs, deltas, loss, stride }
    }
}

impl<F: Real> Workspace<F> {
    pub(super) fn new(network: &Network<F>, rows: usize, backward: bool) -> Self {
        let bands = Bands::new::<F>(&network.widths, backward);
        let cells = rows.checked_mul(bands.stride).expect("a batch that fits this machine's addresses");
        Workspace { cells: AlignedBuffer::zeros(cells), rows, bands }
    }

    /// Makes sure that the workspace was made for `network` and holds `rows` rows.
    pub(super) fn check(&self, place: &'static str, network: &Network<F>, rows: usize) -> Result<(), Error> {
        let widths = self.bands.outputs.iter().map(ExactSizeIterator::len);
        if !widths.clone().eq(network.widths.iter().copied()) {
            return Err(Error::OtherNetwork {
                place,
                expected: network.widths.clone(),
                found: widths.collect(),
            });
        }
        if rows > self.rows {
            return Err(Error::Capacity { place, capacity: self.rows, rows });
        }
        Ok(())
    }

    /// Calls `work` for each tile of a chunk of the rows, in parallel, with the range of its rows.
    pub(super) fn for_each_tile(
        &mut self,
        chunk: Range<usize>,
        work: impl Fn(Range<usize>, Tile<F>) -> Result<(), Error> + Sync,
    ) -> Result<(), Error> {
        let (bands, stride, tile_rows) = (&self.bands, self.bands.stride, tile_rows(chunk.len()));
        let cells = &mut self.cells[chunk.start * stride..chunk.end * stride];
        let tiles = cells.par_chunks_mut(tile_rows * stride);
        tiles.enumerate().try_for_each(|(i, cells)| {
            let shape = (cells.len() / stride, stride);
            let first = chunk.start + i * tile_rows;
            let cells = ArrayViewMut2::from_shape(shape, cells).expect("whole rows");
            work(first..first + shape.0, Tile { cells, bands, lent: None })
        })
    }

    /// Lends the inputs x of a chunk of the rows, where the first layer's outputs y belong, and, where their gradient will belong later,
    /// room for a part of them.
    pub(super) fn first_layer(
        &mut self,
        chunk: Range<usize>,
        f: impl FnOnce(ArrayView2<F>, ArrayViewMut2<F>, ArrayViewMut2<F>),
    ) {
        let Tile { mut cells, bands, .. } = self.tile(chunk.end);
        cells.slice_axis_inplace(Axis(0), Slice::from(chunk));
        let (x, y, part) = (bands.outputs[0].clone(), bands.outputs[1].clone(), bands.deltas[0].clone());
        let (left, right) = cells.split_at(Axis(1), y.start);
        let (middle, right) = right.split_at(Axis(1), part.start - y.start);
        f(columns(left.view(), x), columns_mut(middle, 0..y.len()), columns_mut(right, 0..part.len()));
    }

    /// The first `rows` rows as one tile.
    pub(super) fn tile(&mut self, rows: usize) -> Tile<'_, F> {
        let shape = (rows, self.bands.stride);
        let cells =
            ArrayViewMut2::from_shape(shape, &mut self.cells[..shape.0 * shape.1]).expect("whole rows");
        Tile { cells, bands: &self.bands, lent: None }
    }

    fn rows(&self, rows: Range<usize>) -> ArrayView2<'_, F> {
        let stride = self.bands.stride;
        let cells = &self.cells[rows.start * stride..rows.end * stride];
        ArrayView2::from_shape((rows.len(), stride), cells).expect("whole rows")
    }

    /// What layer `layer` read and wrote for these rows of the batch, and the gradient in what it wrote.
    pub(super) fn layer(&self, rows: Range<usize>, layer: usize) -> (Kept<'_, F>, ArrayView2<'_, F>) {
        let cells = self.rows(rows);
        let kept = Kept::new(
            columns(cells, self.bands.outputs[layer].clone()),
            columns(cells, self.bands.outputs[layer + 1].clone()),
        );
        (kept, columns(cells, self.bands.deltas[layer].clone()))
    }

    /// The outputs after `layers` layers.
    pub(super) fn outputs(&self, rows: usize, layers: usize) -> ArrayView2<'_, F> {
        columns(self.rows(0..rows), self.bands.outputs[layers].clone())
    }

    /// The sum of the losses of these rows, row after row.
    pub(super) fn loss_sum(&self, rows: Range<usize>) -> f64 {
        self.rows(rows).column(self.bands.loss).iter().map(|loss| loss.as_f64()).sum()
    }
}

/// A range of rows of a [`Workspace`], on its way through the network on one core.
pub(super) struct Tile<'a, F> {
    cells: ArrayViewMut2<'a, F>,
    bands: &'a Bands,
    /// The inputs, where they are read elsewhere.
    lent: Option<ArrayView2<'a, F>>,
}

impl<'a, F: Real> Tile<'a, F> {
    /// Fills the inputs in, or reads them where they lie.
    ///
    /// # Errors
    /// What [`Rows::gather`] says; [`Error::RowCount`] or [`Error::Width`] if other rows were lent.
    pub(super) fn read(&mut self, rows: &'a dyn Rows<F>, indices: &[usize]) -> Result<(), Error> {
        self.lent = rows.lend(indices).filter(|x| {
            let (stride, columns) = (x.strides()[0], x.ncols() as isize);
            // Rows a page apart fall in few sets of the cache; those that overlap BLAS cannot read.
            x.strides()[1] == 1 && stride >= columns && stride * F::BYTES as isize % PAGE as isize != 0
        });
        let Some(lent) = self.lent else {
            return rows.gather(indices, self.inputs_mut());
        };
        let ((length, width), (expected, inputs)) =
            (lent.dim(), (indices.len(), self.bands.outputs[0].len()));
        if length != expected {
            return Err(Error::RowCount { place: "rows that were lent", expected, found: length });
        }
        if width != inputs {
            return Err(Error::Width { place: "rows that were lent", expected: inputs, found: width });
        }
        Ok(())
    }

    /// Where the inputs belong.
    pub(super) fn inputs_mut(&mut self) -> ArrayViewMut2<'_, F> {
        columns_mut(self.cells.view_mut(), self.bands.outputs[0].clone())
    }

    /// Lends what layer `layer` reads, x, and where it writes, y.
    pub(super) fn forward(&mut self, layer: usize, f: impl FnOnce(ArrayView2<F>, ArrayViewMut2<F>)) {
        let (x, y) = (self.bands.outputs[layer].clone(), self.bands.outputs[layer + 1].clone());
        let (left, right) = self.cells.view_mut().split_at(Axis(1), y.start);
        let x = self.lent.filter(|_| layer == 0).unwrap_or(columns(left.view(), x));
        f(x, columns_mut(right, 0..y.len()));
    }

    /// Lends the outputs y after `layers` layers, and where their losses and their gradient dy belong.
    pub(super) fn loss(
        &mut self,
        layers: usize,
        f: impl FnOnce(ArrayView2<F>, ArrayViewMut1<F>, ArrayViewMut2<F>),
    ) {
        let (y, dy) = (self.bands.outputs[layers].clone(), self.bands.deltas[layers - 1].clone());
        let (left, right) = self.cells.view_mut().split_at(Axis(1), dy.start);
        let (delta, rest) = right.split_at(Axis(1), dy.len());
        let losses = rest.index_axis_move(Axis(1), self.bands.loss - dy.end);
        f(columns(left.view(), y), losses, delta);
    }

    /// Lends what layer `layer` kept, the gradient dy in what it wrote, and where the gradient dx in what it read belongs.
    pub(super) fn backward(
        &mut self,
        layer: usize,
        f: impl FnOnce(Kept<F>, ArrayView2<F>, ArrayViewMut2<F>),
    ) {
        let bands = self.bands;
        let (dx, dy) = (bands.deltas[layer - 1].clone(), bands.deltas[layer].clone());
        let (left, right) = self.cells.view_mut().split_at(Axis(1), dx.start);
        let (delta, right) = right.split_at(Axis(1), dx.len());
        let x = columns(left.view(), bands.outputs[layer].clone());
        let y = columns(left.view(), bands.outputs[layer + 1].clone());
        let dy = columns(right.view(), dy.start - dx.end..dy.end - dx.end);
        f(Kept::new(x, y), dy, delta);
    }

    /// The first layer's outputs += the part of them that lies where their gradient will.
    pub(super) fn add_first_part(&mut self) {
        let (y, part) = (self.bands.outputs[1].clone(), self.bands.deltas[0].clone());
        let (left, right) = self.cells.view_mut().split_at(Axis(1), part.start);
        let mut sum = columns_mut(left, y);
        sum += &columns(right.view(), 0..part.len());
    }

    /// outputs after `to` layers += outputs after `from` layers, which come before.
    pub(super) fn add_output(&mut self, from: usize, to: usize) {
        let (source, to) = (self.bands.outputs[from].clone(), self.bands.outputs[to].clone());
        let (left, right) = self.cells.view_mut().split_at(Axis(1), to.start);
        let mut sum = columns_mut(right, 0..to.len());
        sum += &self.lent.filter(|_| from == 0).unwrap_or(columns(left.view(), source));
    }

    /// Gradient in the outputs of layer `to` += gradient in the outputs of layer `from`, which comes after.
    pub(super) fn add_delta(&mut self, from: usize, to: usize) {
        let (from, to) = (self.bands.deltas[from].clone(), self.bands.deltas[to].clone());
        let (left, right) = self.cells.view_mut().split_at(Axis(1), from.start);
        let mut sum = columns_mut(left, to);
        sum += &columns(right.view(), 0..from.len());
    }
}

/// All that training a batch needs, and all that it ever allocates: the batch on its way, and the gradient of the
/// parameters. Made by [`Network::tape`].
#[derive(Debug)]
pub struct Tape<F> {
    pub(super) workspace: Workspace<F>,
    /// The gradient, and room behind it for [`BESIDE`] numbers that travel with it.
    pub(super) gradient: AlignedBuffer<F>,
}

/// Numbers that ranks which train together tell each other beside the gradient.
pub(crate) const BESIDE: usize = 6;

impl<F: Real> Tape<F> {
    pub(super) fn new(network: &Network<F>, rows: usize) -> Self {
        let workspace = Workspace::new(network, rows, true);
        Tape { workspace, gradient: AlignedBuffer::zeros(network.parameters.len() + BESIDE) }
    }

    /// Makes sure that the tape was made for `network` and holds `rows` rows.
    pub(super) fn check(&self, network: &Network<F>, rows: usize) -> Result<(), Error> {
        let (expected, found) = (network.parameters.len(), self.gradient.len() - BESIDE);
        self.workspace.check("tape", network, rows)?;
        if found != expected {
            return Err(Error::Length { place: "tape's gradient", expected, found });
        }
        Ok(())
    }

    /// Gradient and what goes beside it, as one buffer: all that ranks send.
    pub(crate) fn sent_mut(&mut self) -> &mut [F] {
        &mut self.gradient
    }

    /// Rows of the largest batch that fits.
    pub fn capacity(&self) -> usize {
        self.workspace.rows
    }
}

fn columns<F>(mut cells: ArrayView2<F>, range: Range<usize>) -> ArrayView2<F> {
    cells.slice_axis_inplace(Axis(1), Slice::from(range));
    cells
}

fn columns_mut<F>(mut cells: ArrayViewMut2<F>, range: Range<usize>) -> ArrayViewMut2<F> {
    cells.slice_axis_inplace(Axis(1), Slice::from(range));
    cells
}
