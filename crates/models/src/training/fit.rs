use super::early_stopping::Watch;
use super::epoch::{Epoch, Means, Work};
use super::evaluate::check_counts;
use super::validation_split::{Part, ValidationSplit};
use super::{Callback, Ending, EpochRecord, History, Samples, Training};
use crate::Network;
use chainrule_core::{Error, Real};
use chainrule_kernels::pool;
use std::time::Instant;

impl<F: Real> Network<F> {
    /// Trains on `train`, going on from the present parameters; the optimiser starts anew.
    ///
    /// Every epoch takes the rows in an order that is a function of the seed and of the number of the epoch. The result is
    /// the same bits on any number of threads.
    ///
    /// ```
    /// use chainrule_core::Targets;
    /// use chainrule_models::{Accuracy, Adam, MeanSquaredError, Network, Samples, Tanh, Training};
    /// use ndarray::Array2;
    /// use std::sync::Arc;
    ///
    /// let x = Array2::from_shape_fn((200, 1), |(i, _)| i as f64 / 200.0);
    /// let y = x.mapv(|x| (6.0 * x).sin());
    /// let targets = Targets::Values(y.view());
    /// let mut network = Network::<f64>::builder(1).dense(32).activation(Tanh).dense(1).build()?;
    /// let training = Training {
    ///     epochs: 300,
    ///     batch_size: 20,
    ///     loss: Arc::new(MeanSquaredError),
    ///     accuracy: Accuracy::Regression { tolerance: 0.1 },
    ///     optimizer: Arc::new(Adam { learning_rate: 0.01, ..Adam::default() }),
    ///     ..Training::default()
    /// };
    /// network.fit(Samples::new(&x, targets), &training)?;
    /// assert!(network.evaluate(Samples::new(&x, targets), &MeanSquaredError, training.accuracy)?.accuracy > 0.9);
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::NoValidation`] and [`Error::ClassWeightsUnsupported`] for the training; [`Error::Empty`], [`Error::Width`] or [`Error::NotFinite`] for the inputs;
    /// [`Error::RowCount`], [`Error::Weight`], [`Error::NothingCounts`] and what [`Loss::check`](chainrule_core::Loss::check)
    /// says for the targets; [`Error::Diverged`]; [`Error::Threads`]; and what
    /// [`Rows::gather`](chainrule_core::Rows::gather) says. The parameters are then those after the last whole epoch.
    pub fn fit(&mut self, train: Samples<F>, training: &Training<F>) -> Result<History, Error> {
        self.fit_with(train, None, training, &mut ())
    }

    /// [`Network::fit`] that also evaluates `validation` after every epoch, and tells `callback` of every step and epoch. If that
    /// breaks, training ends there, without an error.
    ///
    /// # Errors
    /// As [`Network::fit`], for both sets of samples.
    pub fn fit_with(
        &mut self,
        train: Samples<F>,
        validation: Option<Samples<F>>,
        training: &Training<F>,
        callback: &mut dyn Callback<F>,
    ) -> Result<History, Error> {
        self.fit_from(&mut 0, train, validation, training, callback)
    }

    /// [`Network::fit_with`] of a network that trained `epochs` epochs: orders and records go on from there, and those that were
    /// trained count, also if a later one fails.
    pub(crate) fn fit_from(
        &mut self,
        epochs: &mut usize,
        train: Samples<F>,
        validation: Option<Samples<F>>,
        training: &Training<F>,
        callback: &mut dyn Callback<F>,
    ) -> Result<History, Error> {
        training.check()?;
        let training = &training.with_class_weights(train.targets.targets, self.outputs())?;
        self.check_samples("training rows", train, training)?;
        validation.map_or(Ok(()), |samples| self.check_samples("validation rows", samples, training))?;
        let fraction = training.validation_fraction;
        if fraction > 0.0 {
            if validation.is_some() {
                let expected = "0 where validation rows are given";
                return Err(Error::Setting { name: "validation_fraction", expected, value: fraction });
            }
            let split = ValidationSplit::new(train.targets.targets, fraction, training.seed)?;
            let part = |indices| Part::new(train.rows, train.targets, indices);
            let (kept, held) = (part(&split.train)?, part(&split.validation)?);
            check_counts("training rows", &*training.loss, kept.samples().targets)?;
            check_counts("validation rows", &*training.loss, held.samples().targets)?;
            return self.train_in_pool(epochs, kept.samples(), Some(held.samples()), training, callback);
        }
        if training.early_stopping.is_some() && validation.is_none() {
            return Err(Error::NoValidation { place: "early stopping" });
        }
        self.train_in_pool(epochs, train, validation, training, callback)
    }

    fn train_in_pool(
        &mut self,
        epochs: &mut usize,
        train: Samples<F>,
        validation: Option<Samples<F>>,
        training: &Training<F>,
        callback: &mut dyn Callback<F>,
    ) -> Result<History, Error> {
        let mut train_epochs = || self.train_epochs(epochs, train, validation, training, callback);
        match training.threads {
            // A scope runs inside rayon's own pool, as `install` does inside one that was made for the purpose.
            0 => rayon::scope(|_| train_epochs()),
            threads => pool(threads)?.install(train_epochs),
        }
    }

    fn check_samples(
        &self,
        place: &'static str,
        samples: Samples<F>,
        training: &Training<F>,
    ) -> Result<(), Error> {
        self.check_inputs(samples.rows)?;
        self.check_targets(samples.rows.len(), &*training.loss, samples.targets)?;
        check_counts(place, &*training.loss, samples.targets)?;
        samples.rows.check_finite()
    }

    fn train_epochs(
        &mut self,
        epochs: &mut usize,
        train: Samples<F>,
        validation: Option<Samples<F>>,
        training: &Training<F>,
        callback: &mut dyn Callback<F>,
    ) -> Result<History, Error> {
        let mut work = Work::new(self, train, training)?;
        let mut history = History::default();
        let mut before = self.parameters().to_vec();
        let mut watch = training.early_stopping.map(Watch::new);
        for number in 1..=training.epochs {
            if callback.epoch_begin(number, training.epochs).is_break() {
                history.ending = Some(Ending::Callback);
                break;
            }
            before.copy_from_slice(self.parameters());
            let start = Instant::now();
            let epoch = Epoch { number, shuffle: *epochs };
            let trained = work.epoch(self, train, training, epoch, callback);
            let (Means { loss, accuracy }, flow) =
                trained.inspect_err(|_| self.parameters_mut().copy_from_slice(&before))?;
            let seconds = start.elapsed().as_secs_f64();
            let evaluate =
                |samples| self.evaluate_checked(samples, &*training.loss, training.accuracy, |_, _| {});
            let validation = validation.map(evaluate).transpose()?;
            *epochs += 1;
            let record = EpochRecord {
                epoch: *epochs,
                loss,
                accuracy,
                validation_loss: validation.map(|validation| validation.loss),
                validation_accuracy: validation.map(|validation| validation.accuracy),
                learning_rate: work.optimizer.learning_rate(),
                seconds,
            };
            history.epochs.push(record);
            if let Some(watch) = &mut watch {
                watch.see(&record, self);
            }
            if flow.is_break() || callback.epoch_end(&record, self).is_break() {
                history.ending = Some(Ending::Callback);
                break;
            }
            if watch.as_ref().is_some_and(Watch::is_over) {
                history.ending = Some(Ending::EarlyStopping);
                break;
            }
        }
        if let Some(watch) = &watch {
            watch.restore(self);
            history.best_epoch = watch.best.map(|best| best.epoch);
        }
        history.ending.get_or_insert(Ending::Epochs);
        callback.end(&history, self);
        Ok(history)
    }
}
