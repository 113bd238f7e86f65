use super::blocks::for_each_block;
use super::chunk::{chunk_room, chunks};
use super::forward::Run;
use super::parameter_gradient::block_gradient;
use super::pass::Objective;
use super::regularization::add_block_penalty;
use super::tape::Workspace;
use super::{Network, ParameterBlock, Tape};
use crate::OptimizerState;
use chainrule_core::{Error, Loss, Real, Rows, WeightedTargets};
use chainrule_kernels::with_scratch;
use ndarray::{ArrayView2, ArrayViewMut2};
use std::ops::Range;

/// The rows of one training step, and their answers.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a, F: Real> {
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

    /// Some of its rows.
    pub(super) fn part(&self, rows: Range<usize>) -> Batch<'a, F> {
        Batch { indices: &self.indices[rows.clone()], targets: self.targets.rows(rows), rows: self.rows }
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
    /// A batch of more than 512 rows goes forward, back and into the gradient chunk by chunk, and a tape for 512 is enough.
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
        self.train_step_seen(batch, loss, optimizer, tape, |_, _, _| {})
    }

    /// [`Network::train_step`], with what [`Network::gradient_of_batch`] calls with each chunk.
    pub(crate) fn train_step_seen(
        &mut self,
        batch: Batch<F>,
        loss: &dyn Loss<F>,
        optimizer: &mut OptimizerState<F>,
        tape: &mut Tape<F>,
        mut seen: impl FnMut(Range<usize>, f64, ArrayView2<F>) + Send,
    ) -> Result<F, Error> {
        let rows = batch.indices.len();
        if rows == 0 {
            return Err(Error::Empty { place: "batch" });
        }
        self.check_inputs(batch.rows)?;
        self.check_targets(rows, loss, batch.targets)?;
        tape.check(self, chunk_room(rows))?;
        optimizer.check(self.parameters.len())?;
        let objective = Objective::new(self, loss, batch.targets);
        let run = Run { layers: objective.layers, step: Some(optimizer.steps()), first_row: 0 };
        if chunks(rows).nth(1).is_some() || optimizer.clipping().is_some() {
            let loss_sum = self.gradient_of_batch(batch, run, &objective, tape, seen)?;
            self.step_with_gradient(tape, optimizer);
            return Ok(objective.mean(loss_sum));
        }
        self.run_tiles(batch, run, &objective, &mut tape.workspace)?;
        let workspace = &tape.workspace;
        let (rule, step, [first, second, third]) = optimizer.begin_step();
        let (layers, cuts) = (&self.layers, self.first_cuts(rows));
        let buffers = [&mut *self.parameters, first, second, third];
        let step_block = |block: &ParameterBlock, [parameters, first, second, third]: [&mut [F]; 4]| {
            // Nobody else needs this gradient: it never leaves the core's cache.
            with_scratch(parameters.len(), |gradient| {
                let layer = &*layers[block.layer];
                block_gradient(layer, block, (workspace, 0..rows, run), gradient);
                add_block_penalty(&layer.parameters()[block.block.parameter], parameters, gradient);
                rule.update(step, parameters, gradient, [first, second, third]);
            });
        };
        // What was seen is counted meanwhile: alone, every other thread would wait for it.
        let ((), loss_sum) = rayon::join(
            || for_each_block(&self.blocks, cuts, buffers, &step_block),
            || {
                let loss_sum = workspace.loss_sum(0..rows);
                seen(0..rows, loss_sum, workspace.outputs(rows, run.layers));
                loss_sum
            },
        );
        optimizer.end_step();
        self.constrain();
        Ok(objective.mean(loss_sum))
    }

    /// Takes a batch forward and back, chunk by chunk, leaves its gradient, without penalty, on the tape, and gives the sum of its losses;
    /// `run` is that of its first row. `seen` gets the rows of each chunk, the sum of their losses, and the outputs that the loss saw.
    ///
    /// Each chunk overwrites the one before on the tape. The first whose losses are not finite comes back at the end, to be looked at.
    pub(super) fn gradient_of_batch(
        &self,
        batch: Batch<F>,
        run: Run,
        objective: &Objective<F>,
        tape: &mut Tape<F>,
        mut seen: impl FnMut(Range<usize>, f64, ArrayView2<F>),
    ) -> Result<f64, Error> {
        let Tape { workspace, gradient } = tape;
        let gradient = &mut gradient[..self.parameters.len()];
        let (mut total, mut not_finite) = (0.0, None);
        for chunk in chunks(batch.indices.len()) {
            let (rows, run) = (chunk.len(), run.at(chunk.start));
            self.run_tiles(batch.part(chunk.clone()), run, objective, workspace)?;
            let loss_sum = workspace.loss_sum(0..rows);
            total += loss_sum;
            if !loss_sum.is_finite() {
                not_finite.get_or_insert(chunk.clone());
            }
            self.add_gradient(workspace, 0..rows, run, chunk.start == 0, gradient);
            seen(chunk, loss_sum, workspace.outputs(rows, run.layers));
        }
        if let Some(chunk) = not_finite {
            let run = run.at(chunk.start);
            self.run_tiles(batch.part(chunk), run, objective, workspace)?;
        }
        Ok(total)
    }

    /// Takes a batch forward and back, tile by tile.
    fn run_tiles(
        &self,
        batch: Batch<F>,
        run: Run,
        objective: &Objective<F>,
        workspace: &mut Workspace<F>,
    ) -> Result<(), Error> {
        let fill =
            |range: Range<usize>, inputs: ArrayViewMut2<F>| batch.rows.gather(&batch.indices[range], inputs);
        self.forward_tiles(0..batch.indices.len(), run, workspace, fill, |range, tile, run| {
            self.backward_tile(tile, run, objective, batch.targets.rows(range));
        })
    }

    /// The optimiser's step with the gradient on the tape, once the penalty has been added and all of it clipped.
    pub(crate) fn step_with_gradient(&mut self, tape: &mut Tape<F>, optimizer: &mut OptimizerState<F>) {
        let gradient = &mut tape.gradient[..self.parameters.len()];
        self.add_penalty(gradient);
        if let Some(clipping) = optimizer.clipping() {
            clipping.apply(gradient);
        }
        let (rule, step, [first, second, third]) = optimizer.begin_step();
        let buffers = [&mut *self.parameters, gradient, first, second, third];
        for_each_block(
            &self.blocks,
            [None; 2],
            buffers,
            &|_, [parameters, gradient, first, second, third]| {
                rule.update(step, parameters, gradient, [first, second, third]);
            },
        );
        optimizer.end_step();
        self.constrain();
    }
}
