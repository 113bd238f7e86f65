use super::Classifier;
use crate::{History, Progress, Samples, Training};
use chainrule_core::{Error, Real};
use std::ops::ControlFlow;

impl<F: Real> Classifier<F> {
    /// Trains on `train`, going on from the present parameters; the optimiser starts anew.
    ///
    /// Every epoch takes the rows in an order that is a function of the seed and of how many epochs the classifier has
    /// trained in all. The result is the same bits on any number of threads.
    ///
    /// # Errors
    /// As [`Network::fit`](crate::Network::fit). The parameters are then those after the last whole epoch.
    pub fn fit(&mut self, train: Samples<F>, training: &Training<F>) -> Result<History, Error> {
        self.fit_with(train, None, training, &mut |_| ControlFlow::Continue(()))
    }

    /// [`Classifier::fit`] that also evaluates `validation` after every epoch, by the loss that it trains with, and tells
    /// `on_progress` of every step and epoch. If that breaks, training ends after the step or epoch in question, without an
    /// error.
    ///
    /// # Errors
    /// As [`Classifier::fit`], for both sets of samples.
    pub fn fit_with(
        &mut self,
        train: Samples<F>,
        validation: Option<Samples<F>>,
        training: &Training<F>,
        on_progress: &mut (dyn FnMut(Progress) -> ControlFlow<()> + Send),
    ) -> Result<History, Error> {
        let rows = self.scaling.of(train.rows);
        let validation_rows = validation.map(|samples| self.scaling.of(samples.rows));
        // Whole epochs count even if a later one fails, as their parameters stay.
        let mut epochs = 0;
        let result = self.network.fit_from(
            self.epochs,
            train.with_rows(&rows),
            validation.zip(validation_rows.as_ref()).map(|(samples, rows)| samples.with_rows(rows)),
            training,
            &mut |news| {
                if let Progress::Epoch(_) = news {
                    epochs += 1;
                }
                on_progress(news)
            },
        );
        self.epochs += match &result {
            Ok(history) => history.epochs.len(),
            Err(_) => epochs,
        };
        result
    }
}
