use super::EpochRecord;
use crate::Adam;
use chainrule_core::{Error, Optimizer, Real, Rows, Targets};
use std::sync::Arc;

/// Rows and their answers.
#[derive(Clone, Copy)]
pub struct Samples<'a, F> {
    /// The inputs, raw.
    pub rows: &'a dyn Rows<F>,
    /// One answer for each row.
    pub targets: Targets<'a, F>,
}

impl<'a, F: Real> Samples<'a, F> {
    /// Rows and their answers; checked where they are used.
    pub fn new(rows: &'a dyn Rows<F>, targets: Targets<'a, F>) -> Self {
        Samples { rows, targets }
    }
}

/// How [`Classifier::fit`](super::Classifier::fit) trains.
#[derive(Clone, Debug)]
pub struct Training<F> {
    /// How often every row is seen, at least 1.
    pub epochs: usize,
    /// Rows in a step, at least 1; the last batch of an epoch takes what is left.
    pub batch_size: usize,
    /// What moves the parameters.
    pub optimizer: Arc<dyn Optimizer<F>>,
    /// Seed of the order of the rows.
    pub seed: u64,
    /// Threads; 0 stands for rayon's own pool, one thread per core. The result does not depend on it.
    pub threads: usize,
}

impl<F: Real> Default for Training<F> {
    /// 10 epochs in batches of 128, with Adam's defaults.
    fn default() -> Self {
        Training { epochs: 10, batch_size: 128, optimizer: Arc::new(Adam::default()), seed: 0, threads: 0 }
    }
}

impl<F: Real> Training<F> {
    pub(super) fn check(&self) -> Result<(), Error> {
        for (name, value) in [("epochs", self.epochs), ("batch_size", self.batch_size)] {
            if value == 0 {
                return Err(Error::Setting { name, expected: "at least 1", value: 0.0 });
            }
        }
        self.optimizer.check()
    }
}

/// News of a training under way.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A step was taken.
    Batch {
        /// Epoch of this training, from 1.
        epoch: usize,
        /// Epochs that this training will take.
        epochs: usize,
        /// Batch of the epoch, from 1.
        batch: usize,
        /// Batches of the epoch.
        batches: usize,
        /// Mean loss of the epoch's rows so far.
        loss: f64,
        /// Share of the epoch's rows so far whose class was the most probable one.
        accuracy: f64,
    },
    /// An epoch is over.
    Epoch(&'a EpochRecord),
}
