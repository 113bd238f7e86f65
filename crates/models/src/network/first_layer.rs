use super::Network;
use super::forward::Run;
use super::tape::{Tile, Workspace};
use crate::layers::affine;
use chainrule_core::{Error, Real};
use chainrule_kernels::matmul;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use std::ops::Range;

/// Numbers that cores must spare each other before it pays: some two thousand lines of a cache.
const WORTH: usize = 32 * 1024;

/// Rows of the first layer's products, at most.
const TILE_ROWS: usize = 64;

impl<F: Real> Network<F> {
    /// Of how many inputs the first half of the first layer is, if a batch of `rows` rows goes through it by halves.
    ///
    /// A layer of many inputs is y = (b + x₁ W₁) + x₂ W₂: where a core takes the same half of the inputs in every batch, and later
    /// the same half of W's blocks, it need not fetch what another core has written, line by line, nor take back for writing what
    /// another has read. What is told instead is x₂ W₂. A function of the shapes alone, as the sum is rounded in another order.
    pub(super) fn first_half(&self, rows: usize) -> Option<usize> {
        self.layers[0].affine(&self.parameters[self.ranges[0].clone()])?;
        let (inputs, outputs) = (self.widths[0], self.widths[1]);
        let spared = (inputs / 2).saturating_sub(rows) * outputs;
        let middle = self.blocks[self.weight_blocks().div_ceil(2) - 1].block.rows.end;
        (spared >= WORTH && middle < inputs).then_some(middle)
    }

    /// In how many blocks the first layer's weight is cut.
    fn weight_blocks(&self) -> usize {
        self.blocks.iter().take_while(|block| block.layer == 0 && block.block.parameter == 0).count()
    }

    /// Where the blocks are cut first, for the halves of the first layer to stay with their cores.
    pub(super) fn first_cuts(&self, rows: usize) -> [Option<usize>; 2] {
        let blocks = self.weight_blocks();
        match self.first_half(rows) {
            Some(_) => [Some(blocks.div_ceil(2)), Some(blocks / 2)],
            None => [None; 2],
        }
    }

    /// Takes a chunk of a batch forward, in tiles whose inputs `fill` gives, and does `then` with each.
    pub(super) fn forward_tiles(
        &self,
        chunk: Range<usize>,
        run: Run,
        workspace: &mut Workspace<F>,
        fill: impl Fn(Range<usize>, ArrayViewMut2<F>) -> Result<(), Error> + Sync,
        then: impl Fn(Range<usize>, &mut Tile<F>, Run) + Sync,
    ) -> Result<(), Error> {
        let Some(first) = self.first_half(chunk.len()) else {
            return workspace.for_each_tile(chunk, |range, mut tile| {
                let run = run.at(range.start);
                fill(range.clone(), tile.inputs_mut())?;
                self.forward_tile(&mut tile, run);
                then(range, &mut tile, run);
                Ok(())
            });
        };
        workspace.for_each_tile(chunk.clone(), |range, mut tile| fill(range, tile.inputs_mut()))?;
        let parameters = &self.parameters[self.ranges[0].clone()];
        let (weight, bias) = self.layers[0].affine(parameters).expect("a layer that goes by halves");
        let (first_weight, second_weight) = weight.split_at(Axis(0), first);
        workspace.first_layer(chunk.clone(), |x, y, part| {
            let (first_x, second_x) = x.split_at(Axis(1), first);
            rayon::join(
                || for_each_tile(first_x, y, &|x, y| affine(x, first_weight, bias, y)),
                || {
                    for_each_tile(second_x, part, &|x, part| {
                        matmul(F::one(), x, second_weight, F::zero(), part);
                    });
                },
            );
        });
        workspace.for_each_tile(chunk, |range, mut tile| {
            let run = run.at(range.start);
            tile.add_first_part();
            self.add_skip(&mut tile, 0);
            self.forward_layers(&mut tile, run, 1);
            then(range, &mut tile, run);
            Ok(())
        })
    }
}

/// Calls `work` for x and y tile by tile, in parallel if there are more threads than halves; each thread must fetch the half's weights. A product may round a row
/// otherwise elsewhere among its rows, so the tiles are of the shape alone.
fn for_each_tile<F: Real>(
    x: ArrayView2<F>,
    mut y: ArrayViewMut2<F>,
    work: &(impl Fn(ArrayView2<F>, ArrayViewMut2<F>) + Sync),
) {
    let rows = x.nrows();
    let middle = (rows / 2).next_multiple_of(TILE_ROWS);
    if rayon::current_num_threads() <= 2 || middle >= rows {
        let tiles = x.axis_chunks_iter(Axis(0), TILE_ROWS).zip(y.axis_chunks_iter_mut(Axis(0), TILE_ROWS));
        return tiles.for_each(|(x, y)| work(x, y));
    }
    let ((x, last_x), (y, last_y)) = (x.split_at(Axis(0), middle), y.split_at(Axis(0), middle));
    rayon::join(|| for_each_tile(x, y, work), || for_each_tile(last_x, last_y, work));
}
