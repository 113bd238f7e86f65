use super::Classifier;
use crate::{Callback, History, Samples, Training};
use chainrule_core::{Error, Real};

impl<F: Real> Classifier<F> {
    /// Trains on `train`, going on from the present parameters; the optimiser starts anew.
    ///
    /// Every epoch takes the rows in an order that is a function of the seed and of how many epochs the classifier has
    /// trained in all. The result is the same bits on any number of threads.
    ///
    /// # Errors
    /// As [`Network::fit`](crate::Network::fit). The parameters are then those after the last whole epoch.
    pub fn fit(&mut self, train: Samples<F>, training: &Training<F>) -> Result<History, Error> {
        self.fit_with(train, None, training, &mut ())
    }

    /// [`Classifier::fit`] that also evaluates `validation` after every epoch, by the loss that it trains with, and tells
    /// `callback` of every step and epoch. If that breaks, training ends there, without an error.
    ///
    /// # Errors
    /// As [`Classifier::fit`], for both sets of samples.
    pub fn fit_with(
        &mut self,
        train: Samples<F>,
        validation: Option<Samples<F>>,
        training: &Training<F>,
        callback: &mut dyn Callback<F>,
    ) -> Result<History, Error> {
        let rows = self.scaling.of(train.rows);
        let validation_rows = validation.map(|samples| self.scaling.of(samples.rows));
        self.network.fit_from(
            &mut self.epochs,
            train.with_rows(&rows),
            validation.zip(validation_rows.as_ref()).map(|(samples, rows)| samples.with_rows(rows)),
            training,
            callback,
        )
    }
}
