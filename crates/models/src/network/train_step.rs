use super::blocks::for_each_block;
use super::forward::Run;
use super::pass::{Objective, block_gradient};
use super::regularization::add_block_penalty;
use super::tape::Workspace;
use super::{Network, Tape};
use crate::OptimizerState;
use chainrule_core::{Error, Loss, Real, Rows, WeightedTargets};
use chainrule_kernels::with_scratch;
use ndarray::{ArrayView2, ArrayViewMut2};
use std::ops::Range;

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
    /// every block of the parameters sums its gradient and takes its step while it is hot. (A first layer of many inputs takes two
    /// more regions, by halves of its inputs, before its tiles go on.)
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
        let objective = Objective::new(self, loss, batch.targets);
        let run = Run { layers: objective.layers, step: Some(optimizer.steps()), first_row: 0 };
        self.run_tiles(&batch, rows, run, &objective, &mut tape.workspace)?;
        let mean = objective.mean(tape.workspace.loss_sum(rows));
        if optimizer.clipping().is_some() {
            self.gradient_of_rows(rows, run, tape);
            self.step_with_gradient(tape, optimizer);
            return Ok(mean);
        }
        let (rule, step, [first, second, third]) = optimizer.begin_step();
        let (layers, cuts) = (&self.layers, self.first_cuts(rows));
        let of_rows = (&tape.workspace, rows, run);
        let buffers = [&mut *self.parameters, first, second, third];
        for_each_block(&self.blocks, cuts, buffers, &|block, [parameters, first, second, third]| {
            // Nobody else needs this gradient: it never leaves the core's cache.
            with_scratch(parameters.len(), |gradient| {
                let layer = &*layers[block.layer];
                block_gradient(layer, block, of_rows, gradient);
                add_block_penalty(&layer.parameters()[block.block.parameter], parameters, gradient);
                rule.update(step, parameters, gradient, [first, second, third]);
            });
        });
        optimizer.end_step();
        self.constrain();
        Ok(mean)
    }

    /// Takes the first `rows` rows of a batch forward and back, tile by tile; `run` is that of the first of them.
    pub(super) fn run_tiles(
        &self,
        batch: &Batch<F>,
        rows: usize,
        run: Run,
        objective: &Objective<F>,
        workspace: &mut Workspace<F>,
    ) -> Result<(), Error> {
        let fill =
            |range: Range<usize>, inputs: ArrayViewMut2<F>| batch.rows.gather(&batch.indices[range], inputs);
        self.forward_tiles(rows, run, workspace, fill, |range, tile, run| {
            self.backward_tile(tile, run, objective, batch.targets.rows(range));
        })
    }

    /// The gradient of the first `rows` rows of a tape whose tiles went back in `run`, without penalty, onto the tape.
    pub(super) fn gradient_of_rows(&self, rows: usize, run: Run, tape: &mut Tape<F>) {
        let Tape { workspace, gradient } = tape;
        let gradient = &mut gradient[..self.parameters.len()];
        for_each_block(&self.blocks, self.first_cuts(rows), [gradient], &|block, [gradient]| {
            block_gradient(&*self.layers[block.layer], block, (workspace, rows, run), gradient);
        });
    }

    /// The optimiser's step with the gradient on the tape, once the penalty has been added and all of it clipped.
    pub(crate) fn step_with_gradient(&mut self, tape: &mut Tape<F>, optimizer: &mut OptimizerState<F>) {
        let gradient = &mut tape.gradient[..self.parameters.len()];
        let (blocks, layers) = (&self.blocks, &self.layers);
        let buffers = [&mut *self.parameters, &mut *gradient];
        for_each_block(blocks, [None; 2], buffers, &|block, [parameters, gradient]| {
            let specs = layers[block.layer].parameters();
            add_block_penalty(&specs[block.block.parameter], parameters, gradient);
        });
        if let Some(clipping) = optimizer.clipping() {
            clipping.apply(gradient);
        }
        let (rule, step, [first, second, third]) = optimizer.begin_step();
        let buffers = [&mut *self.parameters, gradient, first, second, third];
        for_each_block(blocks, [None; 2], buffers, &|_, [parameters, gradient, first, second, third]| {
            rule.update(step, parameters, gradient, [first, second, third]);
        });
        optimizer.end_step();
        self.constrain();
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
