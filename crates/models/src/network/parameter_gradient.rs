use super::blocks::for_each_block;
use super::forward::Run;
use super::tape::Workspace;
use super::{Network, ParameterBlock};
use chainrule_core::{Kept, Layer, Real};
use chainrule_kernels::with_scratch;
use ndarray::ArrayViewMut2;
use std::ops::Range;

impl<F: Real> Network<F> {
    /// The gradient of a chunk, rows of the workspace whose tiles went back, without penalty: written if the chunk is the batch's first, else
    /// added to that of those before. `run` is that of its first row.
    pub(super) fn add_gradient(
        &self,
        workspace: &Workspace<F>,
        chunk: Range<usize>,
        run: Run,
        first: bool,
        gradient: &mut [F],
    ) {
        for_each_block(&self.blocks, self.first_cuts(chunk.len()), [gradient], &|block, [gradient]| {
            let of_rows = (workspace, chunk.clone(), run);
            let layer = &*self.layers[block.layer];
            if first {
                return block_gradient(layer, block, of_rows, gradient);
            }
            with_scratch(gradient.len(), |of_chunk| {
                block_gradient(layer, block, of_rows, of_chunk);
                gradient.iter_mut().zip(of_chunk).for_each(|(sum, part)| *sum += *part);
            });
        });
    }
}

/// The gradient of one block of a layer, without penalty, over a chunk of rows; `run` is that of its first row.
pub(super) fn block_gradient<F: Real>(
    layer: &dyn Layer<F>,
    block: &ParameterBlock,
    (workspace, chunk, run): (&Workspace<F>, Range<usize>, Run),
    gradient: &mut [F],
) {
    let (kept, dy) = workspace.layer(chunk, block.layer);
    let shape = (block.block.rows.len(), block.columns);
    let dblock = ArrayViewMut2::from_shape(shape, gradient).expect("a block has its shape's numbers");
    layer.backward_parameters(&block.block, Kept { draw: run.draw(block.layer), ..kept }, dy, dblock);
}
