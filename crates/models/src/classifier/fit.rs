use super::{Classifier, EpochRecord, History, LOSS, Progress, Samples, Training};
use crate::{Batch, OptimizerState, Tape};
use chainrule_core::{Error, OwnedTargets, Purpose, Random, Real, Targets};
use chainrule_kernels::{argmax, pool};
use std::ops::ControlFlow;
use std::time::Instant;

impl<F: Real> Classifier<F> {
    /// Trains on `train`, going on from the present parameters; the optimiser starts anew.
    ///
    /// Every epoch takes the rows in an order that is a function of the seed and of how many epochs the classifier has
    /// trained in all. The result is the same bits on any number of threads.
    ///
    /// # Errors
    /// [`Error::Setting`] for the training; [`Error::Empty`], [`Error::Width`] or [`Error::NotFinite`] for the inputs;
    /// [`Error::RowCount`] and what [`Targets::check`] says for the targets; [`Error::Diverged`]; [`Error::Threads`]; and
    /// what [`Rows::gather`](chainrule_core::Rows::gather) says. The parameters are then those after the last whole epoch.
    pub fn fit(&mut self, train: Samples<F>, training: &Training<F>) -> Result<History, Error> {
        self.fit_with(train, None, training, &mut |_| ControlFlow::Continue(()))
    }

    /// [`Classifier::fit`] that also evaluates `validation` after every epoch, and tells `on_progress` of every step and
    /// epoch. If that breaks, training ends after the step or epoch in question, without an error.
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
        training.check()?;
        self.check_samples(train)?;
        validation.map_or(Ok(()), |samples| self.check_samples(samples))?;
        let mut epochs = || self.train_epochs(train, validation, training, on_progress);
        match training.threads {
            // A scope runs inside rayon's own pool, as `install` does inside one that was made for the purpose.
            0 => rayon::scope(|_| epochs()),
            threads => pool(threads)?.install(epochs),
        }
    }

    fn check_samples(&self, samples: Samples<F>) -> Result<(), Error> {
        self.network.check_inputs(samples.rows)?;
        self.network.check_targets(samples.rows.len(), &LOSS, samples.targets)?;
        samples.rows.check_finite()
    }

    fn train_epochs(
        &mut self,
        train: Samples<F>,
        validation: Option<Samples<F>>,
        training: &Training<F>,
        on_progress: &mut (dyn FnMut(Progress) -> ControlFlow<()> + Send),
    ) -> Result<History, Error> {
        let mut work = Work::new(self, train, training)?;
        let mut history = History::default();
        for epoch in 1..=training.epochs {
            let before = self.network.clone();
            let start = Instant::now();
            let trained = work.epoch(self, train, training, epoch, on_progress);
            let (Means { loss, accuracy }, flow) = trained.inspect_err(|_| self.network = before)?;
            let seconds = start.elapsed().as_secs_f64();
            self.epochs += 1;
            let validation = validation.map(|samples| self.evaluate(samples)).transpose()?;
            let record = EpochRecord {
                epoch: self.epochs,
                loss,
                accuracy,
                validation_loss: validation.as_ref().map(|validation| validation.loss),
                validation_accuracy: validation.as_ref().map(|validation| validation.accuracy),
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
}

/// Mean loss and accuracy of the rows of an epoch so far.
#[derive(Clone, Copy)]
struct Means {
    loss: f64,
    accuracy: f64,
}

impl<F: Real> Work<F> {
    fn new(classifier: &Classifier<F>, train: Samples<F>, training: &Training<F>) -> Result<Self, Error> {
        let batch_size = training.batch_size.min(train.rows.len());
        Ok(Work {
            optimizer: OptimizerState::new(training.optimizer.clone(), &classifier.network)?,
            tape: classifier.network.tape(batch_size),
            order: Vec::with_capacity(train.rows.len()),
            targets: OwnedTargets::with_capacity(train.targets, batch_size),
        })
    }

    /// One epoch: every row once, in this epoch's order.
    fn epoch(
        &mut self,
        classifier: &mut Classifier<F>,
        train: Samples<F>,
        training: &Training<F>,
        epoch: usize,
        on_progress: &mut (dyn FnMut(Progress) -> ControlFlow<()> + Send),
    ) -> Result<(Means, ControlFlow<()>), Error> {
        self.order.clear();
        self.order.extend(0..train.rows.len());
        Random::new(training.seed, Purpose::Shuffle, classifier.epochs).shuffle(&mut self.order);

        let rows = classifier.scaling.of(train.rows);
        let network = &mut classifier.network;
        let batches = self.order.len().div_ceil(training.batch_size);
        let (mut seen, mut loss_sum, mut correct) = (0, 0.0, 0);
        let mut flow = ControlFlow::Continue(());
        let mut means = Means { loss: 0.0, accuracy: 0.0 };
        for (number, indices) in self.order.chunks(training.batch_size).enumerate() {
            let targets = self.targets.gather(train.targets, indices);
            let batch = Batch { rows: &rows, indices, targets };
            let loss = network.train_step(batch, &LOSS, &mut self.optimizer, &mut self.tape)?.as_f64();
            if !loss.is_finite() {
                return Err(Error::Diverged { epoch, batch: number + 1, loss });
            }
            seen += indices.len();
            loss_sum += loss * indices.len() as f64;
            correct += count_correct(network.last_outputs(&self.tape, indices.len(), &LOSS), targets);
            means = Means { loss: loss_sum / seen as f64, accuracy: correct as f64 / seen as f64 };
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

fn count_correct<F: Real>(outputs: ndarray::ArrayView2<F>, targets: Targets<F>) -> usize {
    outputs.outer_iter().enumerate().filter(|(i, output)| argmax(*output) == targets.class(*i)).count()
}
