use super::blocks::for_each_block;
use super::tape::{Tile, Workspace};
use super::{Gradient, Network, ParameterBlock, Tape};
use chainrule_core::{Error, Layer, Loss, Real, Targets};
use ndarray::{ArrayView2, ArrayViewMut2};

/// A batch that went forward and may go back, once. Made by [`Network::forward`].
///
/// It borrows the network and the tape, so that neither can change before the way back. Each misuse of the route is a
/// compile error. Backward belongs to a pass, so there is none before a forward:
///
/// ```compile_fail,E0599
/// # use chainrule_core::Targets;
/// # use chainrule_models::{CategoricalCrossEntropy, Network, Sgd};
/// # let mut network = Network::<f64>::builder(2).dense(2).softmax().build()?;
/// # let (x, loss, targets) = (ndarray::array![[1.0, 2.0]], CategoricalCrossEntropy, Targets::Classes(&[0]));
/// let mut tape = network.tape(1);
/// let (loss, gradient) = tape.backward(&loss, targets)?;
/// # Ok::<(), chainrule_core::Error>(())
/// ```
///
/// It is used up on the way back, so there is no second one:
///
/// ```compile_fail,E0382
/// # use chainrule_core::Targets;
/// # use chainrule_models::{CategoricalCrossEntropy, Network, Sgd};
/// # let mut network = Network::<f64>::builder(2).dense(2).softmax().build()?;
/// # let (x, loss, targets) = (ndarray::array![[1.0, 2.0]], CategoricalCrossEntropy, Targets::Classes(&[0]));
/// let mut tape = network.tape(1);
/// let pass = network.forward(x.view(), &mut tape)?;
/// pass.backward(&loss, targets)?;
/// pass.backward(&loss, targets)?;
/// # Ok::<(), chainrule_core::Error>(())
/// ```
///
/// And while it lives, the parameters that it went forward with stay as they are:
///
/// ```compile_fail,E0502
/// # use chainrule_core::Targets;
/// # use chainrule_models::{CategoricalCrossEntropy, Network, Sgd};
/// # let mut network = Network::<f64>::builder(2).dense(2).softmax().build()?;
/// # let (x, loss, targets) = (ndarray::array![[1.0, 2.0]], CategoricalCrossEntropy, Targets::Classes(&[0]));
/// let mut tape = network.tape(1);
/// let pass = network.forward(x.view(), &mut tape)?;
/// network.parameters_mut().fill(0.0);
/// pass.backward(&loss, targets)?;
/// # Ok::<(), chainrule_core::Error>(())
/// ```
///
/// Done right:
///
/// ```
/// # use chainrule_core::Targets;
/// # use chainrule_models::{CategoricalCrossEntropy, Network, Sgd};
/// # let mut network = Network::<f64>::builder(2).dense(2).softmax().build()?;
/// # let (x, loss, targets) = (ndarray::array![[1.0, 2.0]], CategoricalCrossEntropy, Targets::Classes(&[0]));
/// let mut tape = network.tape(1);
/// let pass = network.forward(x.view(), &mut tape)?;
/// assert_eq!(pass.output().dim(), (1, 2));
/// let (loss, gradient) = pass.backward(&loss, targets)?;
/// assert_eq!(gradient.len(), network.parameters().len());
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a pass that does not go back was a prediction; Network::predict is cheaper"]
pub struct Pass<'n, 't, F: Real> {
    network: &'n Network<F>,
    tape: &'t mut Tape<F>,
    rows: usize,
}

impl<'n, 't, F: Real> Pass<'n, 't, F> {
    pub(super) fn new(network: &'n Network<F>, tape: &'t mut Tape<F>, rows: usize) -> Self {
        Pass { network, tape, rows }
    }

    /// The outputs of the network, (rows, outputs).
    pub fn output(&self) -> ArrayView2<'_, F> {
        self.tape.workspace.outputs(self.rows, self.network.layers.len())
    }

    /// Of the forward pass: the mean loss of the batch, and its gradient in all parameters.
    ///
    /// A tile runs back to its inputs on one core; then each block of the parameters sums its gradient over the whole
    /// batch. If the last layer is a head that the loss fuses with (softmax with cross-entropy, by default), both go back
    /// as one.
    ///
    /// # Errors
    /// [`Error::RowCount`] for another number of targets than rows, and what [`Loss::check`] says.
    pub fn backward(self, loss: &dyn Loss<F>, targets: Targets<F>) -> Result<(F, Gradient<'t, F>), Error> {
        let Pass { network, tape, rows } = self;
        network.check_targets(rows, loss, targets)?;
        let Tape { workspace, gradient } = tape;
        let (layers, loss) = network.split_head(loss);
        let scale = F::of(1.0 / rows as f64);
        workspace.for_each_tile(rows, |range, mut tile| {
            network.backward_tile(&mut tile, layers, loss, targets.rows(range), scale);
            Ok(())
        })?;
        for_each_block(&network.blocks, [&mut **gradient], &|block, [gradient]| {
            block_gradient(&*network.layers[block.layer], block, workspace, rows, gradient);
        });
        let mean = F::of(workspace.loss_sum(rows) / rows as f64);
        Ok((mean, Gradient::new(gradient)))
    }
}

impl<F: Real> Network<F> {
    pub(crate) fn check_targets(
        &self,
        rows: usize,
        loss: &dyn Loss<F>,
        targets: Targets<F>,
    ) -> Result<(), Error> {
        if targets.len() != rows {
            return Err(Error::RowCount { place: "targets", expected: rows, found: targets.len() });
        }
        loss.check(self.outputs(), targets)
    }

    /// Through how many layers a batch goes before the loss, and the loss that takes it from there: all layers and the loss
    /// itself, unless the last layer is a head that the loss fuses with.
    pub(crate) fn split_head<'l>(&self, loss: &'l dyn Loss<F>) -> (usize, &'l dyn Loss<F>) {
        let (last, before) = self.layers.split_last().expect("a network has at least one layer");
        let head = last.head().filter(|_| !before.is_empty() && last.parameters().is_empty());
        match head.and_then(|head| loss.fused_with(head)) {
            Some(fused) => (before.len(), fused),
            None => (self.layers.len(), loss),
        }
    }

    /// Of [`Network::forward_tile`], through the first `layers` layers: losses and the gradient in every layer's outputs.
    pub(super) fn backward_tile(
        &self,
        tile: &mut Tile<F>,
        layers: usize,
        loss: &dyn Loss<F>,
        targets: Targets<F>,
        scale: F,
    ) {
        tile.loss(layers, |y, losses, dy| loss.forward_backward(y, targets, scale, losses, dy));
        for (position, layer) in self.layers[..layers].iter().enumerate().skip(1).rev() {
            let parameters = &self.parameters[self.ranges[position].clone()];
            tile.backward(position, |kept, dy, dx| layer.backward_input(parameters, kept, dy, dx));
        }
    }
}

/// The gradient of one block of `layer`, over all rows of a batch whose tiles went back.
pub(super) fn block_gradient<F: Real>(
    layer: &dyn Layer<F>,
    block: &ParameterBlock,
    workspace: &Workspace<F>,
    rows: usize,
    gradient: &mut [F],
) {
    let (kept, dy) = workspace.layer(rows, block.layer);
    let shape = (block.block.rows.len(), block.columns);
    let dblock = ArrayViewMut2::from_shape(shape, gradient).expect("a block has its shape's numbers");
    layer.backward_parameters(&block.block, kept, dy, dblock);
}
