use super::accuracy::Sums;
use super::{Accuracy, Samples, Tally};
use crate::finite::check_finite;
use crate::{Network, Scratch};
use chainrule_core::{Error, Loss, Real, Rows, WeightedTargets};
use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};
use std::ops::Range;

/// How good a network is on some rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// Mean loss, without penalties.
    pub loss: f64,
    /// Share of the answers that were right.
    pub accuracy: f64,
}

impl Score {
    pub(super) fn of(sums: Sums) -> Self {
        Score { loss: sums.mean_loss(), accuracy: sums.accuracy() }
    }
}

/// Rows that are predicted at a time.
const CHUNK_ROWS: usize = 1024;

impl<F: Real> Network<F> {
    /// The outputs for all rows, (rows, outputs).
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Width`] or [`Error::NotFinite`] for the inputs, [`Error::NotFinite`] for outputs that overflow, and
    /// what [`Rows::gather`] says.
    pub fn outputs_for(&self, rows: &dyn Rows<F>) -> Result<Array2<F>, Error> {
        let mut all = Array2::zeros((rows.len(), self.outputs()));
        self.for_each_chunk(self.layers().len(), rows, |first, outputs| {
            let range = Slice::from(first..first + outputs.nrows());
            all.slice_axis_mut(Axis(0), range).assign(&outputs);
        })?;
        Ok(all)
    }

    /// Mean loss and accuracy on `samples`, by their weights.
    ///
    /// Parallel over tiles of rows, in the current rayon pool.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Width`] or [`Error::NotFinite`] for the inputs, [`Error::NotFinite`] for outputs that overflow;
    /// [`Error::RowCount`], [`Error::Weight`], [`Error::LossOfOthers`], [`Error::NothingCounts`] and what [`Loss::check`] says for the targets; and what [`Rows::gather`] says.
    pub fn evaluate(
        &self,
        samples: Samples<F>,
        loss: &dyn Loss<F>,
        accuracy: Accuracy,
    ) -> Result<Score, Error> {
        self.evaluate_with(samples, loss, accuracy, |_, _| {})
    }

    /// [`Network::evaluate`] that also shows `look` the targets and what the loss sees of each chunk of rows.
    pub(crate) fn evaluate_with(
        &self,
        samples: Samples<F>,
        loss: &dyn Loss<F>,
        accuracy: Accuracy,
        mut look: impl FnMut(WeightedTargets<F>, ArrayView2<F>),
    ) -> Result<Score, Error> {
        let Samples { rows, targets } = samples;
        accuracy.check()?;
        self.check_inputs(rows)?;
        self.check_targets(rows.len(), loss, targets)?;
        check_counts("evaluated rows", loss, targets)?;
        rows.check_finite()?;
        let mut first = 0;
        let sums = self.sums_of_rows(samples, 0..rows.len(), loss, accuracy, |targets, outputs| {
            check_finite("outputs", first, outputs)?;
            first += outputs.nrows();
            look(targets, outputs);
            Ok(())
        })?;
        Ok(Score::of(sums))
    }

    /// What a range of rows sums up to, of samples that were checked before.
    pub(super) fn sums_of_rows(
        &self,
        Samples { rows, targets }: Samples<F>,
        range: Range<usize>,
        loss: &dyn Loss<F>,
        accuracy: Accuracy,
        mut look: impl FnMut(WeightedTargets<F>, ArrayView2<F>) -> Result<(), Error>,
    ) -> Result<Sums, Error> {
        let (layers, on_outputs) = self.split_head(loss);
        let mut tally = Tally::of_network(self, loss, accuracy);
        self.for_each_checked_chunk(layers, rows, range, |first, outputs| {
            let targets = targets.rows(first..first + outputs.nrows());
            let mut losses = Array1::zeros(outputs.nrows());
            on_outputs.forward(outputs, targets.targets, losses.view_mut());
            let weighted = losses.iter().enumerate().map(|(i, l)| l.as_f64() * targets.weight(i).as_f64());
            tally.add(weighted.sum(), outputs, targets);
            look(targets, outputs)
        })?;
        Ok(tally.sums)
    }

    /// Calls `f` with the first row of each chunk and the outputs of the first `layers` layers for it.
    pub(crate) fn for_each_chunk(
        &self,
        layers: usize,
        rows: &dyn Rows<F>,
        mut f: impl FnMut(usize, ArrayView2<F>),
    ) -> Result<(), Error> {
        self.check_inputs(rows)?;
        rows.check_finite()?;
        self.for_each_checked_chunk(layers, rows, 0..rows.len(), |first, outputs| {
            check_finite("outputs", first, outputs)?;
            f(first, outputs);
            Ok(())
        })
    }

    /// [`Network::for_each_chunk`] for a range of rows that were checked before.
    pub(crate) fn for_each_checked_chunk(
        &self,
        layers: usize,
        rows: &dyn Rows<F>,
        range: Range<usize>,
        mut f: impl FnMut(usize, ArrayView2<F>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let indices: Vec<usize> = range.collect();
        let mut scratch: Scratch<F> = self.scratch_of_layers(CHUNK_ROWS.min(indices.len()), layers);
        for chunk in indices.chunks(CHUNK_ROWS) {
            f(chunk[0], self.predict_layers(layers, rows, chunk, &mut scratch)?)?;
        }
        Ok(())
    }
}

/// What the losses of all rows are divided by, as a network that takes all of them sums it up.
pub(super) fn divisor_of_chunks<F: Real>(loss: &dyn Loss<F>, targets: WeightedTargets<F>) -> f64 {
    let firsts = (0..targets.len()).step_by(CHUNK_ROWS);
    firsts.map(|first| loss.divisor(targets.rows(first..targets.len().min(first + CHUNK_ROWS)))).sum()
}

/// Makes sure that some row of a whole set counts.
pub(crate) fn check_counts<F: Real>(
    place: &'static str,
    loss: &dyn Loss<F>,
    targets: WeightedTargets<F>,
) -> Result<(), Error> {
    let counts = |row| targets.weight(row) > F::zero() && loss.row_weight(targets.targets, row) > 0.0;
    if (0..targets.len()).any(counts) { Ok(()) } else { Err(Error::NothingCounts { place }) }
}
