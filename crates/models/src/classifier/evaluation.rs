use super::{Classifier, Samples};
use chainrule_core::{Error, Real};
use chainrule_kernels::argmax;
use ndarray::{Array1, Array2};

/// How good a classifier is on some rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Mean cross-entropy, in nats.
    pub loss: f64,
    /// Share of the rows whose true class was the most probable one.
    pub accuracy: f64,
    /// How many rows of each true class (rows) were taken for each class (columns).
    pub confusion: Array2<usize>,
}

impl<F: Real> Classifier<F> {
    /// Loss, accuracy and confusion on `samples`; the true class of a soft target is its most probable one.
    ///
    /// Parallel over tiles of rows, in the current rayon pool.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Width`] or [`Error::NotFinite`] for the inputs, [`Error::RowCount`] and what
    /// [`Targets::check`](chainrule_core::Targets::check) says for the targets, and what
    /// [`Rows::gather`](chainrule_core::Rows::gather) says.
    pub fn evaluate(&self, samples: Samples<F>) -> Result<Evaluation, Error> {
        let Samples { rows, targets } = samples;
        self.network.check_inputs(rows)?;
        let (layers, loss) = self.loss_after();
        self.network.check_targets(rows.len(), loss, targets)?;
        let classes = self.network.outputs();
        let mut confusion = Array2::zeros((classes, classes));
        let mut loss_sum = 0.0;
        self.for_each_chunk(layers, rows, |first, outputs| {
            let mut losses = Array1::zeros(outputs.nrows());
            loss.forward(outputs, targets.rows(first..first + outputs.nrows()), losses.view_mut());
            loss_sum += losses.iter().map(|loss| loss.as_f64()).sum::<f64>();
            for (i, output) in outputs.outer_iter().enumerate() {
                confusion[[targets.class(first + i), argmax(output)]] += 1;
            }
        })?;
        let n = rows.len() as f64;
        let correct: usize = confusion.diag().sum();
        Ok(Evaluation { loss: loss_sum / n, accuracy: correct as f64 / n, confusion })
    }
}
