use super::{Classifier, LOSS};
use crate::{Accuracy, Samples, Score};
use chainrule_core::{Error, Real};
use chainrule_kernels::argmax;
use ndarray::Array2;

/// How good a classifier is on some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Mean cross-entropy by the rows' weights, in nats.
    pub loss: f64,
    /// Share of the rows, by their weights, whose true class was the most probable one.
    pub accuracy: f64,
    /// How many rows of each true class (rows) were taken for each class (columns), whatever their weights.
    pub confusion: Array2<usize>,
}

impl<F: Real> Classifier<F> {
    /// Loss, accuracy and confusion on `samples`; the true class of a soft target is its most probable one.
    ///
    /// Takes classes² numbers for the confusion; [`Network::evaluate`](crate::Network::evaluate) of [`Classifier::network`] takes none, and any loss:
    /// also one that ignores a label, which this does not know of.
    ///
    /// Parallel over tiles of rows, in the current rayon pool.
    ///
    /// # Errors
    /// As [`Network::evaluate`](crate::Network::evaluate) by categorical cross-entropy.
    pub fn evaluate(&self, samples: Samples<F>) -> Result<Evaluation, Error> {
        let classes = self.network.outputs();
        let mut confusion = Array2::zeros((classes, classes));
        let rows = self.scaling.of(samples.rows);
        let samples = samples.with_rows(&rows);
        let score = self.network.evaluate_with(samples, &LOSS, Accuracy::Categorical, |targets, outputs| {
            for (i, output) in outputs.outer_iter().enumerate() {
                confusion[[targets.targets.class(i), argmax(output)]] += 1;
            }
        });
        let Score { loss, accuracy } = score?;
        Ok(Evaluation { loss, accuracy, confusion })
    }
}
