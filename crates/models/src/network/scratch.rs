use super::Network;
use super::forward::Run;
use super::tape::{Workspace, tile_rows};
use chainrule_core::{AlignedBuffer, Error, Real, Rows};
use ndarray::{ArrayView2, ArrayViewMut2};
use rayon::prelude::*;

/// All that predictions need: for each thread one tile on its way forward, small enough for a core's cache, and the outputs.
/// Made by [`Network::scratch`], for as many threads as the current rayon pool has.
#[derive(Debug)]
pub struct Scratch<F> {
    tiles: Vec<Workspace<F>>,
    outputs: AlignedBuffer<F>,
    rows: usize,
}

impl<F: Real> Scratch<F> {
    /// For the outputs of the first `layers` layers.
    pub(super) fn new(network: &Network<F>, rows: usize, layers: usize) -> Self {
        let tile_rows = tile_rows(rows);
        let tiles = rows.div_ceil(tile_rows.max(1)).min(rayon::current_num_threads()).max(1);
        let outputs =
            rows.checked_mul(network.widths[layers]).expect("outputs that fit this machine's addresses");
        Scratch {
            tiles: (0..tiles).map(|_| Workspace::new(network, tile_rows, false)).collect(),
            outputs: AlignedBuffer::zeros(outputs),
            rows,
        }
    }

    /// The most rows that it can hold at a time.
    pub fn capacity(&self) -> usize {
        self.rows
    }
}

impl<F: Real> Network<F> {
    /// The outputs for the rows `indices` of `rows`: (indices, outputs), in the scratch. Allocates nothing.
    ///
    /// Parallel over the tiles of the scratch, in the current rayon pool. Any number of threads may predict with one network,
    /// each with a scratch of its own.
    ///
    /// # Errors
    /// [`Error::Empty`] or [`Error::Width`] for the inputs; [`Error::OtherNetwork`] or [`Error::Capacity`] for the
    /// scratch; what [`Rows::gather`] says; [`Error::RowCount`] or [`Error::Width`] if [`Rows::lend`] lent other rows.
    /// Inputs are not searched for NaN; see [`Rows::check_finite`].
    pub fn predict<'s>(
        &self,
        rows: &dyn Rows<F>,
        indices: &[usize],
        scratch: &'s mut Scratch<F>,
    ) -> Result<ArrayView2<'s, F>, Error> {
        self.predict_layers(self.layers.len(), rows, indices, scratch)
    }

    /// [`Network::predict`], up to the outputs of the first `layers` layers, for which the scratch was made.
    pub(crate) fn predict_layers<'s>(
        &self,
        layers: usize,
        rows: &dyn Rows<F>,
        indices: &[usize],
        scratch: &'s mut Scratch<F>,
    ) -> Result<ArrayView2<'s, F>, Error> {
        self.check_inputs(rows)?;
        if indices.is_empty() {
            return Err(Error::Empty { place: "indices" });
        }
        let Scratch { tiles, outputs, rows: capacity } = scratch;
        if indices.len() > *capacity {
            return Err(Error::Capacity { place: "scratch", capacity: *capacity, rows: indices.len() });
        }
        tiles[0].check("scratch", self, 0)?;

        let (width, tile_rows) = (self.widths[layers], tile_rows(indices.len()));
        let outputs = &mut outputs[..indices.len() * width];
        // Each of the scratch's tiles takes a run of the batch's tiles, one after the other.
        let rows_per_run = indices.len().div_ceil(tile_rows).div_ceil(tiles.len()) * tile_rows;
        let runs = outputs.par_chunks_mut(rows_per_run * width).zip(indices.par_chunks(rows_per_run));
        runs.zip(tiles).try_for_each(|((outputs, indices), workspace)| {
            for (outputs, indices) in outputs.chunks_mut(tile_rows * width).zip(indices.chunks(tile_rows)) {
                let mut tile = workspace.tile(indices.len());
                tile.read(rows, indices)?;
                self.forward_tile(&mut tile, Run { layers, step: None, first_row: 0 });
                let mut outputs =
                    ArrayViewMut2::from_shape((indices.len(), width), outputs).expect("whole rows");
                outputs.assign(&workspace.outputs(indices.len(), layers));
            }
            Ok(())
        })?;
        Ok(ArrayView2::from_shape((indices.len(), width), outputs).expect("whole rows"))
    }
}
