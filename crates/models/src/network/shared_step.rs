use super::chunk::chunk_room;
use super::forward::Run;
use super::pass::Objective;
use super::{Batch, Network, Tape};
use crate::OptimizerState;
use chainrule_core::{Error, Loss, Real};
use ndarray::ArrayView2;
use std::ops::Range;

impl<F: Real> Network<F> {
    /// What comes before the sum in a [`Network::train_step`] that several ranks take together: the rows `share` of the batch go
    /// forward and back, and their part of the gradient of the whole batch's mean loss is left on the tape.
    ///
    /// `seen` gets their losses and outputs, as in [`Network::gradient_of_batch`]; [`Network::step_with_gradient`] comes after the sum. The tape
    /// need hold no more than a chunk of these rows.
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
        seen: impl FnMut(Range<usize>, f64, ArrayView2<F>),
    ) -> Result<(), Error> {
        let rows = share.len();
        self.check_inputs(batch.rows)?;
        self.check_targets(batch.indices.len(), loss, batch.targets)?;
        tape.check(self, chunk_room(rows))?;
        optimizer.check(self.parameters.len())?;
        if rows == 0 {
            tape.gradient.fill(F::zero());
            return Ok(());
        }
        // Divided by what the whole batch weighs, and drawn by the places in it.
        let objective = Objective::new(self, loss, batch.targets);
        let run = Run { layers: objective.layers, step: Some(optimizer.steps()), first_row: share.start };
        self.gradient_of_batch(batch.part(share), run, &objective, tape, seen).map(drop)
    }
}
