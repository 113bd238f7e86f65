use super::forward::Run;
use super::tape::Workspace;
use super::{Network, tile_rows};
use chainrule_core::{Error, Real};
use ndarray::{ArrayView2, ArrayViewMut2};

/// One tile on its way forward, on the thread that calls.
#[derive(Debug)]
pub(crate) struct SingleTile<F>(Workspace<F>);

impl<F: Real> Network<F> {
    /// Room for tiles of batches of up to `rows` rows.
    pub(crate) fn single_tile(&self, rows: usize) -> SingleTile<F> {
        SingleTile(Workspace::new(self, tile_rows(rows), false))
    }

    /// The outputs for a tile of inputs that `fill` writes. Allocates nothing, and starts no thread.
    ///
    /// # Panics
    /// If the tile was made for another network, or for fewer rows.
    pub(crate) fn predict_tile<'t>(
        &self,
        rows: usize,
        tile: &'t mut SingleTile<F>,
        fill: impl FnOnce(ArrayViewMut2<F>),
    ) -> ArrayView2<'t, F> {
        let layers = self.layers.len();
        let mut cells = tile.0.tile(rows);
        fill(cells.inputs_mut());
        self.forward_tile(&mut cells, Run { layers, step: None, first_row: 0 });
        tile.0.outputs(rows, layers)
    }

    /// Makes sure that the tile was made for a network of these widths.
    pub(crate) fn check_tile(&self, tile: &SingleTile<F>) -> Result<(), Error> {
        tile.0.check("scratch", self, 0)
    }
}
