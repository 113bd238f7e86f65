use super::Network;
use super::forward::Run;
use super::tape::{Workspace, tile_rows};
use chainrule_core::{AlignedBuffer, Error, Real, Rows};
use ndarray::{ArrayView2, ArrayViewMut2};
use rayon::prelude::*;

/// All that predictions need: for each thread one tile on its way forward, small enough for a core's cache (four, where layers are
/// wide), and the outputs. Made by [`Network::scratch`], for as many threads as the current rayon pool has.
#[derive(Debug)]
pub struct Scratch<F> {
    workspaces: Vec<Workspace<F>>,
    outputs: AlignedBuffer<F>,
    rows: usize,
}

impl<F: Real> Scratch<F> {
    /// For the outputs of the first `layers` layers.
    pub(super) fn new(network: &Network<F>, rows: usize, layers: usize) -> Self {
        let tile_rows = tile_rows(rows);
        let tiles = rows.div_ceil(tile_rows.max(1));
        let workspaces = tiles.min(rayon::current_num_threads()).max(1);
        let together = network.tiles_together().min(tiles.div_ceil(workspaces));
        let outputs =
            rows.checked_mul(network.widths[layers]).expect("outputs that fit this machine's addresses");
        Scratch {
            workspaces: (0..workspaces)
                .map(|_| Workspace::new(network, together * tile_rows, false))
                .collect(),
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
        let Scratch { workspaces, outputs, rows: capacity } = scratch;
        if indices.len() > *capacity {
            return Err(Error::Capacity { place: "scratch", capacity: *capacity, rows: indices.len() });
        }
        workspaces[0].check("scratch", self, 0)?;

        let (width, tile_rows) = (self.widths[layers], tile_rows(indices.len()));
        let outputs = &mut outputs[..indices.len() * width];
        // Each of the workspaces takes a run of the batch's tiles, as many together as it has room for.
        let rows_per_run = indices.len().div_ceil(tile_rows).div_ceil(workspaces.len()) * tile_rows;
        let together = workspaces[0].rows_of_tiles(tile_rows);
        let runs = outputs.par_chunks_mut(rows_per_run * width).zip(indices.par_chunks(rows_per_run));
        runs.zip(workspaces).try_for_each(|((outputs, indices), workspace)| {
            for (outputs, indices) in outputs.chunks_mut(together * width).zip(indices.chunks(together)) {
                let mut tiles = workspace.tile(indices.len());
                tiles.read(rows, indices)?;
                self.forward_tiles_together(&mut tiles, Run { layers, step: None, first_row: 0 }, tile_rows);
                let mut outputs =
                    ArrayViewMut2::from_shape((indices.len(), width), outputs).expect("whole rows");
                outputs.assign(&workspace.outputs(indices.len(), layers));
            }
            Ok(())
        })?;
        Ok(ArrayView2::from_shape((indices.len(), width), outputs).expect("whole rows"))
    }
}
