use super::{Accuracy, Checkpoints, ClassWeights, EarlyStopping};
use crate::settings::fraction;
use crate::{Adam, CategoricalCrossEntropy, Clipping, Schedule};
use chainrule_core::{Alone, Communicator, Error, Loss, Optimizer, Real, Rows, Targets, WeightedTargets};
use chainrule_kernels::pool;
use std::sync::Arc;

/// Rows and their answers.
#[derive(Clone, Copy, Debug)]
pub struct Samples<'a, F: Real> {
    /// The inputs, raw.
    pub rows: &'a dyn Rows<F>,
    /// One answer for each row, and how much the row counts.
    pub targets: WeightedTargets<'a, F>,
}

impl<'a, F: Real> Samples<'a, F> {
    /// Rows and their answers, plain or [weighted](chainrule_core::Targets::weighted); checked where they are used.
    pub fn new<'t: 'a>(rows: &'a dyn Rows<F>, targets: impl Into<WeightedTargets<'t, F>>) -> Self
    where
        F: 't,
    {
        Samples { rows, targets: targets.into().reborrow() }
    }

    /// The true class of each row: its label, or the most probable one of a soft target.
    pub(crate) fn true_classes(&self, classes: usize) -> Result<Vec<usize>, Error> {
        let Samples { rows, targets } = *self;
        targets.targets.check(classes)?;
        if targets.len() != rows.len() {
            return Err(Error::RowCount { place: "targets", expected: rows.len(), found: targets.len() });
        }
        Ok((0..targets.len()).map(|row| targets.targets.class(row)).collect())
    }

    /// The same targets for other inputs.
    pub(crate) fn with_rows<'b>(self, rows: &'b dyn Rows<F>) -> Samples<'b, F>
    where
        'a: 'b,
    {
        Samples { rows, targets: self.targets.reborrow() }
    }
}

/// How [`Classifier::fit`](crate::Classifier::fit) and [`Network::fit`](crate::Network::fit) train.
#[derive(Clone, Debug)]
pub struct Training<F> {
    /// How often every row is seen, at least 1; by default 10.
    pub epochs: usize,
    /// Rows in a step, at least 1, by default 128; the last batch of an epoch takes what is left.
    pub batch_size: usize,
    /// What becomes smaller. A classifier wants a loss of classes and probabilities; weights of classes, label smoothing and an
    /// ignored label are its settings.
    pub loss: Arc<dyn Loss<F>>,
    /// Which outputs count as right.
    pub accuracy: Accuracy,
    /// What moves the parameters.
    pub optimizer: Arc<dyn Optimizer<F>>,
    /// How the optimiser's learning rate changes over the steps.
    pub schedule: Schedule,
    /// A bound on the gradient.
    pub clipping: Option<Clipping>,
    /// How much each class counts; the loss's own weights unless said. Validation counts by the same.
    pub class_weights: Option<ClassWeights>,
    /// Share of the training rows that is kept back to validate on, the same of each class, by the seed; 0 unless said. Only where no
    /// validation rows are given.
    pub validation_fraction: f64,
    /// Whether it ends before its last epoch when the validation rows say so.
    pub early_stopping: Option<EarlyStopping>,
    /// Whether, where and how often it keeps itself in a file to go on from.
    pub checkpoints: Option<Checkpoints>,
    /// Seed of the order of the rows, and of which validate.
    pub seed: u64,
    /// Threads, at most 1,024 or one per core; 0 stands for rayon's own pool, one thread per core. The result does not depend on it.
    pub threads: usize,
    /// The processes that train together, each with the same network, training and samples; [`Alone`] unless said. Each takes its part
    /// of the rows of every batch, and all take the same steps: the result is that of one process up to rounding, and the same bits
    /// for as many processes.
    pub communicator: Arc<dyn Communicator>,
}

impl<F: Real> Default for Training<F> {
    /// 10 epochs in batches of 128, categorical cross-entropy, with Adam's defaults.
    fn default() -> Self {
        Training {
            epochs: 10,
            batch_size: 128,
            loss: Arc::new(CategoricalCrossEntropy::new()),
            accuracy: Accuracy::Categorical,
            optimizer: Arc::new(Adam::default()),
            schedule: Schedule::Constant,
            clipping: None,
            class_weights: None,
            validation_fraction: 0.0,
            early_stopping: None,
            checkpoints: None,
            seed: 0,
            threads: 0,
            communicator: Arc::new(Alone),
        }
    }
}

impl<F: Real> Training<F> {
    pub(super) fn check(&self) -> Result<(), Error> {
        for (name, value) in [("epochs", self.epochs), ("batch_size", self.batch_size)] {
            if value == 0 {
                return Err(Error::Setting { name, expected: "at least 1", value: 0.0 });
            }
        }
        self.accuracy.check()?;
        self.schedule.check()?;
        self.clipping.map_or(Ok(()), |clipping| clipping.check())?;
        fraction("validation_fraction", self.validation_fraction)?;
        self.early_stopping.map_or(Ok(()), |stopping| stopping.check())?;
        self.checkpoints.as_ref().map_or(Ok(()), Checkpoints::check)?;
        self.optimizer.check()
    }

    /// The same with the class weights in the loss, where any were asked for.
    pub(super) fn with_class_weights(&self, targets: Targets<F>, classes: usize) -> Result<Self, Error> {
        let loss = match &self.class_weights {
            None => self.loss.clone(),
            Some(weights) => self.loss_with(&weights.of(targets, classes)?)?,
        };
        Ok(Training { loss, ..self.clone() })
    }

    /// The loss with these class weights.
    pub(super) fn loss_with(&self, class_weights: &[f64]) -> Result<Arc<dyn Loss<F>>, Error> {
        let unsupported = || Error::ClassWeightsUnsupported { loss: self.loss.name() };
        self.loss.with_class_weights(class_weights).ok_or_else(unsupported)
    }

    /// Does the work on as many threads as the training wants.
    pub(super) fn in_pool<R: Send>(
        &self,
        work: impl FnOnce() -> Result<R, Error> + Send,
    ) -> Result<R, Error> {
        in_pool(self.threads, work)
    }
}

/// Does the work on `threads` threads; 0 stands for rayon's own pool.
pub(crate) fn in_pool<R: Send>(
    threads: usize,
    work: impl FnOnce() -> Result<R, Error> + Send,
) -> Result<R, Error> {
    match threads {
        // A scope runs inside rayon's own pool, as `install` does inside one that was made for the purpose.
        0 => rayon::scope(|_| work()),
        threads => pool(threads)?.install(work),
    }
}
