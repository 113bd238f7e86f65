use super::forward::Run;
use super::pass::Objective;
use super::{Batch, Network, Tape};
use crate::OptimizerState;
use chainrule_core::{Error, Loss, Real};
use std::ops::Range;

impl<F: Real> Network<F> {
    /// What comes before the sum in a [`Network::train_step`] that several ranks take together: the rows `share` of the batch go
    /// forward and back, and their part of the gradient of the whole batch's mean loss is left on the tape.
    ///
    /// It gives the sum of the losses of these rows; [`Network::step_with_gradient`] comes after the sum. The tape need hold no more than these rows.
    ///
    /// # Errors
    /// As [`Network::train_step`].
    pub(crate) fn gradient_of_share(
        &self,
        batch: Batch<F>,
        share: Range<usize>,
        loss: &dyn Loss<F>,
        optimizer: &OptimizerState<F>,
        tape: &mut Tape<F>,
    ) -> Result<f64, Error> {
        let rows = share.len();
        self.check_inputs(batch.rows)?;
        self.check_targets(batch.indices.len(), loss, batch.targets)?;
        tape.check(self, rows)?;
        optimizer.check(self.parameters.len())?;
        if rows == 0 {
            tape.gradient.fill(F::zero());
            return Ok(0.0);
        }
        // Divided by what the whole batch weighs, and drawn by the places in it.
        let objective = Objective::new(self, loss, batch.targets);
        let run = Run { layers: objective.layers, step: Some(optimizer.steps()), first_row: share.start };
        let indices = &batch.indices[share.clone()];
        let part = Batch { indices, targets: batch.targets.rows(share), ..batch };
        self.run_tiles(&part, rows, run, &objective, &mut tape.workspace)?;
        self.gradient_of_rows(rows, run, tape);
        Ok(tape.workspace.loss_sum(rows))
    }
}
