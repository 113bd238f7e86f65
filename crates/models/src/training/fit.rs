use super::evaluate::check_counts;
use super::{EpochRecord, History, Progress, Samples, Tally, Training};
use crate::{Batch, Network, OptimizerState, Tape};
use chainrule_core::{Error, OwnedTargets, Purpose, Random, Real, WeightedTargets};
use chainrule_kernels::pool;
use std::ops::ControlFlow;
use std::time::Instant;

/// What is told of every step and epoch, and may end the training by breaking.
pub(crate) type OnProgress<'a> = &'a mut (dyn FnMut(Progress) -> ControlFlow<()> + Send);

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
    /// [`Error::Setting`] for the training; [`Error::Empty`], [`Error::Width`] or [`Error::NotFinite`] for the inputs;
    /// [`Error::RowCount`], [`Error::Weight`], [`Error::NothingCounts`] and what [`Loss::check`](chainrule_core::Loss::check)
    /// says for the targets; [`Error::Diverged`]; [`Error::Threads`]; and what
    /// [`Rows::gather`](chainrule_core::Rows::gather) says. The parameters are then those after the last whole epoch.
    pub fn fit(&mut self, train: Samples<F>, training: &Training<F>) -> Result<History, Error> {
        self.fit_with(train, None, training, &mut |_| ControlFlow::Continue(()))
    }

    /// [`Network::fit`] that also evaluates `validation` after every epoch, and tells `on_progress` of every step and epoch. If
    /// that breaks, training ends after the step or epoch in question, without an error.
    ///
    /// # Errors
    /// As [`Network::fit`], for both sets of samples.
    pub fn fit_with(
        &mut self,
        train: Samples<F>,
        validation: Option<Samples<F>>,
        training: &Training<F>,
        on_progress: OnProgress,
    ) -> Result<History, Error> {
        self.fit_from(0, train, validation, training, on_progress)
    }

    /// [`Network::fit_with`] of a network that trained `epochs_before` epochs: orders and records go on from there.
    pub(crate) fn fit_from(
        &mut self,
        epochs_before: usize,
        train: Samples<F>,
        validation: Option<Samples<F>>,
        training: &Training<F>,
        on_progress: OnProgress,
    ) -> Result<History, Error> {
        training.check()?;
        self.check_samples("training rows", train, training)?;
        validation.map_or(Ok(()), |samples| self.check_samples("validation rows", samples, training))?;
        let mut epochs = || self.train_epochs(epochs_before, train, validation, training, on_progress);
        match training.threads {
            // A scope runs inside rayon's own pool, as `install` does inside one that was made for the purpose.
            0 => rayon::scope(|_| epochs()),
            threads => pool(threads)?.install(epochs),
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
        epochs_before: usize,
        train: Samples<F>,
        validation: Option<Samples<F>>,
        training: &Training<F>,
        on_progress: OnProgress,
    ) -> Result<History, Error> {
        let mut work = Work::new(self, train, training)?;
        let mut history = History::default();
        for epoch in 1..=training.epochs {
            let before = self.clone();
            let start = Instant::now();
            let trained = work.epoch(self, train, training, (epochs_before, epoch), on_progress);
            let (Means { loss, accuracy }, flow) = trained.inspect_err(|_| *self = before)?;
            let seconds = start.elapsed().as_secs_f64();
            let evaluate = |samples| self.evaluate(samples, &*training.loss, training.accuracy);
            let validation = validation.map(evaluate).transpose()?;
            let record = EpochRecord {
                epoch: epochs_before + epoch,
                loss,
                accuracy,
                validation_loss: validation.map(|validation| validation.loss),
                validation_accuracy: validation.map(|validation| validation.accuracy),
                seconds,
            };
            history.epochs.push(record);
            if flow.is_break() || on_progress(Progress::Epoch(&record)).is_break() {
                break;
            }
        }
        Ok(history)
    }
}

/// All that training allocates.
struct Work<F> {
    optimizer: OptimizerState<F>,
    tape: Tape<F>,
    order: Vec<usize>,
    targets: OwnedTargets<F>,
    weights: Vec<F>,
}

/// Mean loss and accuracy of the rows of an epoch so far.
#[derive(Clone, Copy)]
struct Means {
    loss: f64,
    accuracy: f64,
}

impl<F: Real> Work<F> {
    fn new(network: &Network<F>, train: Samples<F>, training: &Training<F>) -> Result<Self, Error> {
        let batch_size = training.batch_size.min(train.rows.len());
        let optimizer = OptimizerState::new(training.optimizer.clone(), network)?;
        let optimizer = optimizer.with_schedule(training.schedule.clone())?;
        Ok(Work {
            optimizer: match training.clipping {
                None => optimizer,
                Some(clipping) => optimizer.with_clipping(clipping)?,
            },
            tape: network.tape(batch_size),
            order: Vec::with_capacity(train.rows.len()),
            targets: OwnedTargets::with_capacity(train.targets.targets, batch_size),
            weights: Vec::with_capacity(batch_size),
        })
    }

    /// One epoch: every row once, in this epoch's order.
    fn epoch(
        &mut self,
        network: &mut Network<F>,
        train: Samples<F>,
        training: &Training<F>,
        (epochs_before, epoch): (usize, usize),
        on_progress: OnProgress,
    ) -> Result<(Means, ControlFlow<()>), Error> {
        self.order.clear();
        self.order.extend(0..train.rows.len());
        Random::new(training.seed, Purpose::Shuffle, epochs_before + epoch - 1).shuffle(&mut self.order);

        let loss = &*training.loss;
        let fused = network.split_head(loss).0 < network.layers().len();
        let mut tally = Tally::new(loss, training.accuracy, network.head().filter(|_| fused));
        let batches = self.order.len().div_ceil(training.batch_size);
        let mut flow = ControlFlow::Continue(());
        let mut means = Means { loss: 0.0, accuracy: 0.0 };
        for (number, indices) in self.order.chunks(training.batch_size).enumerate() {
            let targets = self.targets.gather(train.targets.targets, indices);
            let weights = train.targets.weights.map(|weights| {
                self.weights.clear();
                self.weights.extend(indices.iter().map(|&index| weights[index]));
                &*self.weights
            });
            let targets = WeightedTargets { targets, weights };
            let batch = Batch { rows: train.rows, indices, targets };
            let mean = network.train_step(batch, loss, &mut self.optimizer, &mut self.tape)?.as_f64();
            if !mean.is_finite() {
                return Err(Error::Diverged { epoch, batch: number + 1, loss: mean });
            }
            let outputs = network.last_outputs(&self.tape, indices.len(), loss);
            tally.add(mean * loss.divisor(targets), outputs, targets);
            means = Means { loss: tally.mean_loss(), accuracy: tally.accuracy() };
            let Means { loss, accuracy } = means;
            let news = Progress::Batch {
                epoch,
                epochs: training.epochs,
                batch: number + 1,
                batches,
                loss,
                accuracy,
            };
            flow = on_progress(news);
            if flow.is_break() {
                break;
            }
        }
        // The loss tells of the parameters before a step; the last step is seen here.
        if let Some(parameter) = network.parameters().iter().find(|parameter| !parameter.is_finite()) {
            return Err(Error::Diverged { epoch, batch: batches, loss: parameter.as_f64() });
        }
        Ok((means, flow))
    }
}
