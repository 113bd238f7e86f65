use super::blocks::for_each_block;
use super::forward::Run;
use super::pass::{Objective, block_gradient};
use super::{Network, Tape};
use crate::OptimizerState;
use chainrule_core::{Error, Loss, Real, Rows, WeightedTargets};
use chainrule_kernels::with_scratch;
use ndarray::ArrayView2;

/// The rows of one training step, and their answers.
#[derive(Clone, Copy)]
pub struct Batch<'a, F> {
    /// Where the inputs come from.
    pub rows: &'a dyn Rows<F>,
    /// Which of the rows, in the order of the batch.
    pub indices: &'a [usize],
    /// The answers and their weights, in the order of the batch.
    pub targets: WeightedTargets<'a, F>,
}

impl<'a, F: Real> Batch<'a, F> {
    /// Rows, and their answers, plain or [weighted](chainrule_core::Targets::weighted); checked where they are used.
    pub fn new<'t: 'a>(
        rows: &'a dyn Rows<F>,
        indices: &'a [usize],
        targets: impl Into<WeightedTargets<'t, F>>,
    ) -> Self
    where
        F: 't,
    {
        Batch { rows, indices, targets: targets.into().reborrow() }
    }
}

impl<F: Real> Network<F> {
    /// The whole route for one batch, in two parallel regions: every tile is gathered and goes forward and back; then
    /// every block of the parameters sums its gradient and takes its step while it is hot.
    ///
    /// It gives the mean loss before the step. Parameters come out as the same bits as by [`Network::forward_training`],
    /// [`Pass::backward`](crate::Pass::backward), [`OptimizerState::step`] and [`Network::constrain`], on any number of
    /// threads. (To clip the gradient all of it must be there, so the blocks then go twice.) Runs in the current rayon pool; a
    /// loop of steps belongs inside it, so that no step wakes a sleeping thread.
    ///
    /// # Errors
    /// What those three say, and [`Rows::gather`]; then no parameter has changed. Inputs are not searched for NaN; see
    /// [`Rows::check_finite`].
    pub fn train_step(
        &mut self,
        batch: Batch<F>,
        loss: &dyn Loss<F>,
        optimizer: &mut OptimizerState<F>,
        tape: &mut Tape<F>,
    ) -> Result<F, Error> {
        let rows = batch.indices.len();
        if rows == 0 {
            return Err(Error::Empty { place: "batch" });
        }
        self.check_inputs(batch.rows)?;
        self.check_targets(rows, loss, batch.targets)?;
        tape.check(self, rows)?;
        optimizer.check(self.parameters.len())?;
        let Tape { workspace, gradient } = tape;
        let objective = Objective::new(self, loss, batch.targets);
        let step = Some(optimizer.steps());

        workspace.for_each_tile(rows, |range, mut tile| {
            let run = Run { layers: objective.layers, step, first_row: range.start };
            batch.rows.gather(&batch.indices[range.clone()], tile.inputs_mut())?;
            self.forward_tile(&mut tile, run);
            self.backward_tile(&mut tile, run, &objective, batch.targets.rows(range));
            Ok(())
        })?;
        let mean = objective.mean(workspace.loss_sum(rows));

        // A sum over several machines has its place here: gradients first, one sum of the flat buffer, then the steps, as
        // clipping does it.
        let clipping = optimizer.clipping();
        let (rule, step_of_rule, [first, second, third]) = optimizer.begin_step();
        let (blocks, layers) = (&self.blocks, &self.layers);
        let buffers = [&mut *self.parameters, &mut **gradient, first, second, third];
        let of_block = (&*workspace, rows, step);
        match clipping {
            None => {
                let [parameters, _, first, second, third] = buffers;
                let buffers = [parameters, first, second, third];
                for_each_block(blocks, buffers, &|block, [parameters, first, second, third]| {
                    // Nobody else needs this gradient: it never leaves the core's cache.
                    with_scratch(parameters.len(), |gradient| {
                        block_gradient(&*layers[block.layer], block, of_block, parameters, gradient);
                        rule.update(step_of_rule, parameters, gradient, [first, second, third]);
                    });
                })
            }
            Some(clipping) => {
                let [parameters, gradient, first, second, third] = buffers;
                for_each_block(
                    blocks,
                    [&mut *parameters, &mut *gradient],
                    &|block, [parameters, gradient]| {
                        block_gradient(&*layers[block.layer], block, of_block, parameters, gradient);
                    },
                );
                clipping.apply(gradient);
                let buffers = [parameters, gradient, first, second, third];
                for_each_block(blocks, buffers, &|_, [parameters, gradient, first, second, third]| {
                    rule.update(step_of_rule, parameters, gradient, [first, second, third]);
                });
            }
        }
        optimizer.end_step();
        self.constrain();
        Ok(mean)
    }

    /// What the loss saw in the last step of `rows` rows: the outputs, or the logits if it fused with the last layer.
    pub(crate) fn last_outputs<'t>(
        &self,
        tape: &'t Tape<F>,
        rows: usize,
        loss: &dyn Loss<F>,
    ) -> ArrayView2<'t, F> {
        tape.workspace.outputs(rows, self.split_head(loss).0)
    }
}
