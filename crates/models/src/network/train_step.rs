use super::blocks::for_each_block;
use super::pass::block_gradient;
use super::{Network, Tape};
use crate::OptimizerState;
use chainrule_core::{Error, Loss, Real, Rows, Targets};
use ndarray::ArrayView2;

/// The rows of one training step, and their answers.
#[derive(Clone, Copy)]
pub struct Batch<'a, F> {
    /// Where the inputs come from.
    pub rows: &'a dyn Rows<F>,
    /// Which of the rows, in the order of the batch.
    pub indices: &'a [usize],
    /// The answers, in the order of the batch.
    pub targets: Targets<'a, F>,
}

impl<F: Real> Network<F> {
    /// The whole route for one batch, in two parallel regions: every tile is gathered and goes forward and back; then
    /// every block of the parameters sums its gradient and takes its step while it is hot.
    ///
    /// It gives the mean loss before the step. Parameters come out as the same bits as by [`Network::forward`],
    /// [`Pass::backward`](crate::Pass::backward) and [`OptimizerState::step`], on any number of threads. Runs in the
    /// current rayon pool; a loop of steps belongs inside it, so that no step wakes a sleeping thread.
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
        let (layers, loss) = self.split_head(loss);
        let scale = F::of(1.0 / rows as f64);

        workspace.for_each_tile(rows, |range, mut tile| {
            batch.rows.gather(&batch.indices[range.clone()], tile.inputs_mut())?;
            self.forward_tile(&mut tile, layers);
            self.backward_tile(&mut tile, layers, loss, batch.targets.rows(range), scale);
            Ok(())
        })?;

        // A sum over several machines has its place here: gradients first, one sum of the flat buffer, then the steps.
        let (rule, step, [first, second, third]) = optimizer.begin_step();
        let layers = &self.layers;
        let buffers = [&mut *self.parameters, &mut **gradient, first, second, third];
        for_each_block(&self.blocks, buffers, &|block, [parameters, gradient, first, second, third]| {
            block_gradient(&*layers[block.layer], block, workspace, rows, gradient);
            rule.update(step, parameters, gradient, [first, second, third]);
        });
        optimizer.end_step();
        Ok(F::of(workspace.loss_sum(rows) / rows as f64))
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
