use super::Accuracy;
use crate::{Adam, CategoricalCrossEntropy, Clipping, Schedule};
use chainrule_core::{Error, Loss, Optimizer, Real, Rows, WeightedTargets};
use std::sync::Arc;

/// Rows and their answers.
#[derive(Clone, Copy)]
pub struct Samples<'a, F> {
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
    /// How often every row is seen, at least 1.
    pub epochs: usize,
    /// Rows in a step, at least 1; the last batch of an epoch takes what is left.
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
    /// Seed of the order of the rows.
    pub seed: u64,
    /// Threads; 0 stands for rayon's own pool, one thread per core. The result does not depend on it.
    pub threads: usize,
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
            seed: 0,
            threads: 0,
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
        self.optimizer.check()
    }
}
