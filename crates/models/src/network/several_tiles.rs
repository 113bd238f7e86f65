use super::Network;
use super::forward::Run;
use super::tape::{PAGE, Tile};
use crate::layers::affine_by_tiles;
use chainrule_core::Real;
use ndarray::Axis;

/// Tiles that go forward together where that pays.
const SEVERAL: usize = 4;

impl<F: Real> Network<F> {
    /// How many tiles of a prediction best go through the layers together on one core, where it has as many.
    ///
    /// Rows of a weight that are a page long or more are read from another page each, so that every tile takes some time to read the
    /// weight again. Where rows are short the tile's own numbers had better stay in the cache.
    pub(super) fn tiles_together(&self) -> usize {
        let is_wide = |position: usize| {
            let affine = self.layers[position].affine(&self.parameters[self.ranges[position].clone()]);
            affine.is_some_and(|(weight, _)| weight.ncols() * F::BYTES >= PAGE)
        };
        if (0..self.layers.len()).any(is_wide) { SEVERAL } else { 1 }
    }

    /// [`Network::forward_tile`] of several tiles as one, each of `tile_rows` rows but for the last: layer by layer, with the same bits as
    /// one tile after the other.
    pub(super) fn forward_tiles_together(&self, tiles: &mut Tile<F>, run: Run, tile_rows: usize) {
        if tiles.rows() <= tile_rows {
            self.forward_tile(tiles, run);
        } else {
            self.forward_layer_by_layer(tiles, run, tile_rows);
        }
    }

    // Apart, as it made a single row wait.
    #[inline(never)]
    fn forward_layer_by_layer(&self, tiles: &mut Tile<F>, run: Run, tile_rows: usize) {
        for (position, layer) in self.layers[..run.layers].iter().enumerate() {
            let parameters = &self.parameters[self.ranges[position].clone()];
            tiles.forward(position, |x, mut y| match layer.affine(parameters) {
                Some((weight, bias)) => affine_by_tiles(x, weight, bias, y, tile_rows),
                None => {
                    let tiles = x.axis_chunks_iter(Axis(0), tile_rows);
                    for (x, y) in tiles.zip(y.axis_chunks_iter_mut(Axis(0), tile_rows)) {
                        layer.forward(parameters, x, y);
                    }
                }
            });
            self.add_skip(tiles, position);
        }
    }
}
