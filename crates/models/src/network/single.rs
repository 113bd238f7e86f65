use super::forward::Run;
use super::tape::Workspace;
use super::{Network, tile_rows};
use chainrule_core::{Error, Real};
use ndarray::{ArrayView2, ArrayViewMut2};

/// Tiles on their way forward, on the thread that calls.
#[derive(Debug)]
pub(crate) struct SingleThread<F>(Workspace<F>);

impl<F: Real> SingleThread<F> {
    /// Rows of as many tiles of `tile_rows` rows as it takes at a time.
    pub(crate) fn rows_of_tiles(&self, tile_rows: usize) -> usize {
        self.0.rows_of_tiles(tile_rows)
    }
}

impl<F: Real> Network<F> {
    /// Room for tiles of batches of up to `rows` rows.
    pub(crate) fn single_thread(&self, rows: usize) -> SingleThread<F> {
        let tile_rows = tile_rows(rows);
        let together = self.tiles_together().min(rows.div_ceil(tile_rows));
        SingleThread(Workspace::new(self, together * tile_rows, false))
    }

    /// The outputs for tiles of `tile_rows` rows, the last of which may have fewer, and whose inputs `fill` writes. Allocates nothing, and
    /// starts no thread.
    ///
    /// # Panics
    /// If the room was made for another network, or for fewer rows.
    pub(crate) fn predict_tiles<'t>(
        &self,
        rows: usize,
        tile_rows: usize,
        room: &'t mut SingleThread<F>,
        fill: impl FnOnce(ArrayViewMut2<F>),
    ) -> ArrayView2<'t, F> {
        let layers = self.layers.len();
        let mut tiles = room.0.tile(rows);
        fill(tiles.inputs_mut());
        self.forward_tiles_together(&mut tiles, Run { layers, step: None, first_row: 0 }, tile_rows);
        room.0.outputs(rows, layers)
    }

    /// Makes sure that the room was made for a network of these widths.
    pub(crate) fn check_single_thread(&self, room: &SingleThread<F>) -> Result<(), Error> {
        room.0.check("scratch", self, 0)
    }
}
