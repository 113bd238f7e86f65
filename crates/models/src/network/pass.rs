use super::chunk::chunks;
use super::forward::Run;
use super::tape::Tile;
use super::{Gradient, Network, Tape};
use chainrule_core::{Error, Head, Kept, Loss, Real, WeightedTargets};
use ndarray::ArrayView2;

/// A batch that went forward and may go back, once. Made by [`Network::forward`].
///
/// It borrows the network and the tape, so that neither can change before the way back. Each misuse of the route is a
/// compile error. Backward belongs to a pass, so there is none before a forward:
///
/// ```compile_fail,E0599
/// # use chainrule_core::Targets;
/// # use chainrule_models::{CategoricalCrossEntropy, Network, Sgd};
/// # let mut network = Network::<f64>::builder(2).dense(2).softmax().build()?;
/// # let (x, loss, targets) = (ndarray::array![[1.0, 2.0]], CategoricalCrossEntropy::new(), Targets::Classes(&[0]));
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
/// # let (x, loss, targets) = (ndarray::array![[1.0, 2.0]], CategoricalCrossEntropy::new(), Targets::Classes(&[0]));
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
/// # let (x, loss, targets) = (ndarray::array![[1.0, 2.0]], CategoricalCrossEntropy::new(), Targets::Classes(&[0]));
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
/// # let (x, loss, targets) = (ndarray::array![[1.0, 2.0]], CategoricalCrossEntropy::new(), Targets::Classes(&[0]));
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
    step: Option<u64>,
}

impl<'n, 't, F: Real> Pass<'n, 't, F> {
    pub(super) fn new(
        network: &'n Network<F>,
        tape: &'t mut Tape<F>,
        rows: usize,
        step: Option<u64>,
    ) -> Self {
        Pass { network, tape, rows, step }
    }

    /// The outputs of the network, (rows, outputs).
    pub fn output(&self) -> ArrayView2<'_, F> {
        self.tape.workspace.outputs(self.rows, self.network.layers.len())
    }

    /// Of the forward pass: the mean loss of the batch, and its gradient in all parameters. Targets may be weighted
    /// ([`Targets::weighted`](chainrule_core::Targets::weighted)).
    ///
    /// A tile runs back to its inputs on one core; then each block of the parameters sums its gradient over the whole
    /// batch; over 512 rows at most at a time. If the last layer is a head that the loss fuses with (softmax with cross-entropy, by default), both go back
    /// as one. The gradient is that of the mean loss and of [`Network::penalty`]; the loss does not include the penalty.
    ///
    /// A batch in which nothing counts (all rows ignored, or of weight 0) has the loss 0, and only the penalty's gradient.
    ///
    /// # Errors
    /// [`Error::RowCount`] for another number of targets than rows, [`Error::Weight`], [`Error::LossOfOthers`], and what [`Loss::check`] says.
    pub fn backward<'a>(
        self,
        loss: &dyn Loss<F>,
        targets: impl Into<WeightedTargets<'a, F>>,
    ) -> Result<(F, Gradient<'t, F>), Error>
    where
        F: 'a,
    {
        let Pass { network, tape, rows, step } = self;
        let targets = targets.into();
        network.check_targets(rows, loss, targets)?;
        let Tape { workspace, gradient } = tape;
        let objective = Objective::new(network, loss, targets);
        let run = Run { layers: objective.layers, step, first_row: 0 };
        let gradient = &mut gradient[..network.parameters.len()];
        let mut loss_sum = 0.0;
        for chunk in chunks(rows) {
            workspace.for_each_tile(chunk.clone(), |range, mut tile| {
                network.backward_tile(&mut tile, run.at(range.start), &objective, targets.rows(range));
                Ok(())
            })?;
            let first = chunk.start == 0;
            network.add_gradient(workspace, chunk.clone(), run.at(chunk.start), first, gradient);
            loss_sum += workspace.loss_sum(chunk);
        }
        network.add_penalty(gradient);
        Ok((objective.mean(loss_sum), Gradient::new(gradient)))
    }
}

/// What a batch is measured by.
pub(super) struct Objective<'l, F> {
    /// Through how many layers it goes before the loss.
    pub(super) layers: usize,
    loss: &'l dyn Loss<F>,
    divisor: f64,
}

impl<'l, F: Real> Objective<'l, F> {
    pub(super) fn new(network: &Network<F>, loss: &'l dyn Loss<F>, targets: WeightedTargets<F>) -> Self {
        let divisor = loss.divisor(targets);
        let (layers, loss) = network.split_head(loss);
        Objective { layers, loss, divisor }
    }

    /// The mean that a sum of losses makes; 0 if nothing counts.
    pub(super) fn mean(&self, sum: f64) -> F {
        F::of(if self.divisor > 0.0 { sum / self.divisor } else { 0.0 })
    }
}

impl<F: Real> Network<F> {
    /// Makes sure that there is a target for each row, and that they and the loss fit what the network ends in.
    pub(crate) fn check_targets(
        &self,
        rows: usize,
        loss: &dyn Loss<F>,
        targets: WeightedTargets<F>,
    ) -> Result<(), Error> {
        self.check_targets_at_any_layer(rows, loss, targets)?;
        let last = self.layers.last().expect("a network has at least one layer");
        match loss.expected_outputs().zip(last.output_kind()) {
            Some((expected, found)) if !found.is(expected) => {
                Err(Error::LossOfOthers { loss: loss.name(), expected, found, layer: last.name() })
            }
            _ => Ok(()),
        }
    }

    /// [`Network::check_targets`] for a loss that is not asked of the last layer's outputs, but of as many from before it.
    pub(crate) fn check_targets_at_any_layer(
        &self,
        rows: usize,
        loss: &dyn Loss<F>,
        targets: WeightedTargets<F>,
    ) -> Result<(), Error> {
        if targets.len() != rows {
            return Err(Error::RowCount { place: "targets", expected: rows, found: targets.len() });
        }
        targets.check_weights()?;
        loss.check(self.outputs(), targets.targets)
    }

    /// Through how many layers a batch goes before the loss, and the loss that takes it from there: all layers and the loss
    /// itself, unless the last layer is a head that the loss fuses with.
    pub(crate) fn split_head<'l>(&self, loss: &'l dyn Loss<F>) -> (usize, &'l dyn Loss<F>) {
        match self.head().and_then(|head| loss.fused_with(head)) {
            Some(fused) => (self.layers.len() - 1, fused),
            None => (self.layers.len(), loss),
        }
    }

    /// The head that the network ends in, if a loss may take it over.
    pub(crate) fn head(&self) -> Option<Head> {
        let (last, before) = self.layers.split_last().expect("a network has at least one layer");
        last.head().filter(|_| !before.is_empty() && last.parameters().is_empty())
    }

    /// Of [`Network::forward_tile`]: losses and the gradient in every layer's outputs.
    pub(super) fn backward_tile(
        &self,
        tile: &mut Tile<F>,
        run: Run,
        objective: &Objective<F>,
        targets: WeightedTargets<F>,
    ) {
        tile.loss(run.layers, |y, losses, dy| {
            objective.loss.forward_backward_weighted(y, targets, objective.divisor, losses, dy);
        });
        for (position, layer) in self.layers[..run.layers].iter().enumerate().skip(1).rev() {
            let parameters = &self.parameters[self.ranges[position].clone()];
            tile.backward(position, |kept, dy, dx| {
                layer.backward_input(parameters, Kept { draw: run.draw(position), ..kept }, dy, dx);
            });
            // What left after `position` layers and was added further on, too.
            for (sum, skip) in self.skips[..run.layers].iter().enumerate() {
                if *skip == Some(position) {
                    tile.add_delta(sum, position - 1);
                }
            }
        }
    }
}
