use super::{EpochRecord, History};
use crate::Network;
use chainrule_core::Real;
use std::ops::ControlFlow;

/// Where a training is after a step.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BatchRecord {
    /// Epoch of this training, from 1.
    pub epoch: usize,
    /// Epochs that this training will take.
    pub epochs: usize,
    /// Batch of the epoch, from 1.
    pub batch: usize,
    /// Batches of the epoch.
    pub batches: usize,
    /// Mean loss of the epoch's rows so far.
    pub loss: f64,
    /// Share of the epoch's answers so far that were right.
    pub accuracy: f64,
}

/// Who is told how a training goes, and may end it: by breaking, after the step or epoch in question, without an error.
///
/// Each method does nothing unless written. A closure that takes [`Progress`] is a callback, too. Where several processes train
/// together, each has its own; all end after the same step, which is the one after that in which any of them broke.
///
/// ```
/// use chainrule_core::Targets;
/// use chainrule_models::{Callback, Classifier, EpochRecord, Network, Samples, Training};
/// use std::ops::ControlFlow;
///
/// /// Keeps how long the weights were after each epoch; enough is enough.
/// struct Lengths(Vec<f32>);
///
/// impl Callback<f32> for Lengths {
///     fn epoch_end(&mut self, _: &EpochRecord, network: &Network<f32>) -> ControlFlow<()> {
///         self.0.push(network.parameters().iter().map(|p| p * p).sum::<f32>().sqrt());
///         if self.0.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
///     }
/// }
///
/// let x = ndarray::array![[0.0_f32, 1.0], [1.0, 0.0]];
/// let samples = Samples::new(&x, Targets::Classes(&[0, 1]));
/// let mut lengths = Lengths(Vec::new());
/// let mut classifier = Classifier::<f32>::builder(2, 2).build()?;
/// let history = classifier.fit_with(samples, None, &Training::default(), &mut lengths)?;
/// assert_eq!((history.epochs.len(), lengths.0.len()), (3, 3));
/// # Ok::<(), chainrule_core::Error>(())
/// ```
pub trait Callback<F: Real>: Send {
    /// An epoch is about to begin, number `epoch` of `epochs` of this training, from 1. Breaking here ends the training before it.
    fn epoch_begin(&mut self, epoch: usize, epochs: usize) -> ControlFlow<()> {
        let _ = (epoch, epochs);
        ControlFlow::Continue(())
    }

    /// A step was taken. If this breaks, the epoch ends here: it is evaluated and recorded as it is.
    fn batch_end(&mut self, record: &BatchRecord) -> ControlFlow<()> {
        let _ = record;
        ControlFlow::Continue(())
    }

    /// An epoch is over and evaluated.
    fn epoch_end(&mut self, record: &EpochRecord, network: &Network<F>) -> ControlFlow<()> {
        let _ = (record, network);
        ControlFlow::Continue(())
    }

    /// Training is over, without an error; the network is as it will stay.
    fn end(&mut self, history: &History, network: &Network<F>) {
        let _ = (history, network);
    }
}

/// Is told nothing.
impl<F: Real> Callback<F> for () {}

/// News of a training under way, for a closure.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Progress<'a> {
    /// A step was taken.
    Batch(&'a BatchRecord),
    /// An epoch is over.
    Epoch(&'a EpochRecord),
}

impl<F: Real, C: FnMut(Progress) -> ControlFlow<()> + Send> Callback<F> for C {
    fn batch_end(&mut self, record: &BatchRecord) -> ControlFlow<()> {
        self(Progress::Batch(record))
    }

    fn epoch_end(&mut self, record: &EpochRecord, _network: &Network<F>) -> ControlFlow<()> {
        self(Progress::Epoch(record))
    }
}
