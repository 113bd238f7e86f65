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
    /// [`Error::Empty`], [`Error::Width`] or [`Error::NotFinite`] for the inputs, [`Error::NotFinite`] for outputs or losses that overflow;
    /// [`Error::AccuracyOfOthers`]; [`Error::RowCount`], [`Error::Weight`], [`Error::LossOfOthers`], [`Error::NothingCounts`] and what [`Loss::check`] says for the targets; and what [`Rows::gather`] says.
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
        look: impl FnMut(WeightedTargets<F>, ArrayView2<F>),
    ) -> Result<Score, Error> {
        let Samples { rows, targets } = samples;
        accuracy.check()?;
        self.check_inputs(rows)?;
        self.check_targets(rows.len(), loss, targets)?;
        check_counts("evaluated rows", loss, targets)?;
        accuracy.check_fits(self.outputs(), targets.targets)?;
        rows.check_finite()?;
        let places = ["outputs", "losses"];
        Ok(Score::of(self.sums_of_rows(samples, 0..rows.len(), loss, accuracy, places, look)?))
    }

    /// What a range of rows sums up to, of samples that were checked before; `places` are the names of outputs and losses that are not finite.
    pub(super) fn sums_of_rows(
        &self,
        Samples { rows, targets }: Samples<F>,
        range: Range<usize>,
        loss: &dyn Loss<F>,
        accuracy: Accuracy,
        [of_outputs, of_losses]: [&'static str; 2],
        mut look: impl FnMut(WeightedTargets<F>, ArrayView2<F>),
    ) -> Result<Sums, Error> {
        let (layers, on_outputs) = self.split_head(loss);
        let mut tally = Tally::of_network(self, loss, accuracy);
        let divisor = loss.divisor(targets.rows(range.clone()));
        self.for_each_checked_chunk(layers, rows, range, |first, outputs| {
            check_finite(of_outputs, first, outputs)?;
            let targets = targets.rows(first..first + outputs.nrows());
            let mut losses = Array1::zeros(outputs.nrows());
            on_outputs.forward(outputs, targets.targets, losses.view_mut());
            let loss_sum = targets.sum_of(losses.view());
            if !loss_sum.is_finite() {
                let counted =
                    losses.iter().enumerate().map(|(i, &loss)| match targets.weight(i) > F::zero() {
                        true => loss,
                        false => F::zero(),
                    });
                check_finite(of_losses, first, Array1::from_iter(counted).view().insert_axis(Axis(1)))?;
                // All are, but not their sum.
                return Err(Error::NotFinite { place: of_losses, row: first, column: 0, value: loss_sum });
            }
            tally.add(loss_sum, outputs, targets);
            look(targets, outputs);
            Ok(())
        })?;
        Ok(tally.sums.with_divisor(divisor))
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

/// Makes sure that some row of a whole set counts.
pub(crate) fn check_counts<F: Real>(
    place: &'static str,
    loss: &dyn Loss<F>,
    targets: WeightedTargets<F>,
) -> Result<(), Error> {
    let counts = |row| targets.weight(row) > F::zero() && loss.row_weight(targets.targets, row) > 0.0;
    if (0..targets.len()).any(counts) { Ok(()) } else { Err(Error::NothingCounts { place }) }
}
