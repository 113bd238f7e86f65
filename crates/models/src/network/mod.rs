//! The route of the data, in the order of the files: [`builder`] lays a network out once [`layer_check`] let each layer pass, [`tape`] holds a batch, which
//! [`chunk`] cuts if it is large, [`forward`] and [`pass`] run it, [`parameter_gradient`] sums it up, [`gradient`] carries the result to the optimiser, and [`train_step`] is the whole route at once, which several processes take together in [`shared_step`];
//! [`scratch`] is the way forward alone, [`single`] that on one thread; [`divergence`] finds where numbers stopped being finite.

mod blocks;
mod builder;
mod chunk;
mod divergence;
mod first_layer;
mod forward;
mod gradient;
mod layer_check;
mod parameter_gradient;
mod pass;
mod regularization;
mod scratch;
mod shared_step;
mod single;
mod tape;
mod train_step;

pub use blocks::ParameterBlock;
pub use builder::NetworkBuilder;
pub(crate) use chunk::chunk_room;
pub(crate) use divergence::NotFinite;
pub use gradient::Gradient;
pub use pass::Pass;
pub use scratch::Scratch;
pub(crate) use single::SingleTile;
pub(crate) use tape::BESIDE;
pub use tape::{Tape, tile_rows};
pub use train_step::Batch;

use chainrule_core::{AlignedBuffer, Layer, Real};
use std::ops::Range;
use std::sync::Arc;

/// A sequence of layers and their parameters, in one flat buffer.
///
/// ```
/// use chainrule_models::Network;
/// let network = Network::<f32>::builder(64).dense(32).relu().dense(10).softmax().build()?;
/// assert_eq!((network.inputs(), network.outputs()), (64, 10));
/// assert_eq!(network.parameters().len(), 64 * 32 + 32 + 32 * 10 + 10);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Network<F: Real> {
    layers: Vec<Arc<dyn Layer<F>>>,
    /// For each layer, after how many layers what is added to its output came out, if anything is.
    skips: Vec<Option<usize>>,
    parameters: AlignedBuffer<F>,
    /// Each layer's part of the parameters.
    ranges: Vec<Range<usize>>,
    /// All parameters, cut in pieces in order.
    blocks: Vec<ParameterBlock>,
    /// Inputs, then the outputs of each layer.
    widths: Vec<usize>,
}

impl<F: Real> Network<F> {
    /// Starts a network on rows of `inputs` columns.
    pub fn builder(inputs: usize) -> NetworkBuilder<F> {
        NetworkBuilder::new(inputs)
    }

    /// Columns of the inputs.
    pub fn inputs(&self) -> usize {
        self.widths[0]
    }

    /// Columns of the outputs.
    pub fn outputs(&self) -> usize {
        self.widths[self.layers.len()]
    }

    /// The layers, first to last.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = &dyn Layer<F>> {
        self.layers.iter().map(|layer| &**layer)
    }

    /// Of each residual block, after how many layers it starts, and the layer at whose output its inputs are added.
    pub(crate) fn skips(&self) -> impl Iterator<Item = (usize, usize)> {
        self.skips.iter().enumerate().filter_map(|(end, start)| start.map(|start| (start, end)))
    }

    /// All parameters: layer after layer, parameter after parameter, row-major.
    pub fn parameters(&self) -> &[F] {
        &self.parameters
    }

    /// All parameters, to write to.
    pub fn parameters_mut(&mut self) -> &mut [F] {
        &mut self.parameters
    }

    /// The part of [`Network::parameters`] that belongs to a layer.
    ///
    /// # Panics
    /// If there is no such layer.
    pub fn parameter_range(&self, layer: usize) -> Range<usize> {
        self.ranges[layer].clone()
    }

    /// The pieces in which training computes and steps the parameters, in the order of the flat buffer.
    pub fn blocks(&self) -> &[ParameterBlock] {
        &self.blocks
    }

    /// A tape for batches of up to `rows` rows: the one allocation of training.
    ///
    /// # Panics
    /// If so many rows are beyond this machine's addresses. Without the memory for them the process aborts, as by `Vec`.
    pub fn tape(&self, rows: usize) -> Tape<F> {
        Tape::new(self, rows)
    }

    /// A scratch for predictions of up to `rows` rows at a time, by the threads of the current rayon pool: the one allocation
    /// of prediction.
    ///
    /// # Panics
    /// If the outputs for so many rows are beyond this machine's addresses. Without the memory for them the process aborts, as by `Vec`.
    pub fn scratch(&self, rows: usize) -> Scratch<F> {
        self.scratch_of_layers(rows, self.layers.len())
    }

    /// [`Network::scratch`] for the outputs of the first `layers` layers.
    pub(crate) fn scratch_of_layers(&self, rows: usize, layers: usize) -> Scratch<F> {
        Scratch::new(self, rows, layers)
    }
}
