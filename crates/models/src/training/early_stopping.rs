use super::EpochRecord;
use crate::Network;
use crate::settings::not_negative;
use chainrule_core::{Error, Real};
use serde::{Deserialize, Serialize};

/// Ends a training that no longer gets better on its validation rows.
///
/// ```
/// use chainrule_models::{EarlyStopping, Monitor, Training};
/// let stopping = EarlyStopping { monitor: Monitor::ValidationAccuracy, patience: 3, ..EarlyStopping::default() };
/// let training = Training::<f32> {
///     epochs: 100,
///     validation_fraction: 0.1,
///     early_stopping: Some(stopping),
///     ..Training::default()
/// };
/// # assert_eq!(training.early_stopping, Some(stopping));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EarlyStopping {
    /// What should get better.
    pub monitor: Monitor,
    /// After how many epochs without an improvement it ends, at least 1.
    pub patience: usize,
    /// By more than how much the best so far must be bettered to count as an improvement, at least 0.
    pub min_delta: f64,
    /// Whether the network is left with the parameters of the best epoch, however the training ends; else with the last.
    pub restore_best: bool,
}

/// What tells of an improvement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Monitor {
    /// It should fall.
    ValidationLoss,
    /// It should rise.
    ValidationAccuracy,
}

impl Default for EarlyStopping {
    /// By the validation loss, with a patience of 5 epochs, restoring the best.
    fn default() -> Self {
        EarlyStopping { monitor: Monitor::ValidationLoss, patience: 5, min_delta: 0.0, restore_best: true }
    }
}

impl EarlyStopping {
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.patience == 0 {
            return Err(Error::Setting { name: "patience", expected: "at least 1", value: 0.0 });
        }
        not_negative("min_delta", self.min_delta)
    }

    /// Whether `record` is better than a best value so far.
    fn improves(&self, record: &EpochRecord, best: f64) -> bool {
        match self.monitor {
            Monitor::ValidationLoss => self.value(record) < best - self.min_delta,
            Monitor::ValidationAccuracy => self.value(record) > best + self.min_delta,
        }
    }

    fn value(&self, record: &EpochRecord) -> f64 {
        let value = match self.monitor {
            Monitor::ValidationLoss => record.validation_loss,
            Monitor::ValidationAccuracy => record.validation_accuracy,
        };
        value.unwrap_or(f64::NAN)
    }
}

/// The best so far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Best {
    /// [Number](EpochRecord::epoch) of its epoch.
    pub(super) epoch: usize,
    pub(super) value: f64,
    /// Epochs since.
    pub(super) waited: usize,
}

/// Early stopping at work.
pub(super) struct Watch<F> {
    settings: EarlyStopping,
    pub(super) best: Option<Best>,
    /// Those of the best epoch, if they will be wanted; empty until there is one.
    pub(super) parameters: Vec<F>,
}

impl<F: Real> Watch<F> {
    pub(super) fn new(settings: EarlyStopping) -> Self {
        Watch { settings, best: None, parameters: Vec::new() }
    }

    /// Takes note of an epoch.
    pub(super) fn see(&mut self, record: &EpochRecord, network: &Network<F>) {
        let value = self.settings.value(record);
        match &mut self.best {
            Some(best) if !self.settings.improves(record, best.value) => best.waited += 1,
            best => {
                *best = Some(Best { epoch: record.epoch, value, waited: 0 });
                if self.settings.restore_best {
                    self.parameters.clear();
                    self.parameters.extend_from_slice(network.parameters());
                }
            }
        }
    }

    pub(super) fn restores(&self) -> bool {
        self.settings.restore_best
    }

    pub(super) fn is_over(&self) -> bool {
        self.best.is_some_and(|best| best.waited >= self.settings.patience)
    }

    pub(super) fn restore(&self, network: &mut Network<F>) {
        if !self.parameters.is_empty() {
            network.parameters_mut().copy_from_slice(&self.parameters);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which epochs of these validation losses (accuracies: 1 less them) are seen as best, and after which it is over.
    fn watched(settings: EarlyStopping, losses: &[f64]) -> (Vec<usize>, Option<usize>) {
        let network = Network::<f64>::builder(1).dense(1).build().expect("a network");
        let (mut watch, mut best) = (Watch::new(settings), Vec::new());
        for (i, &loss) in losses.iter().enumerate() {
            let record = EpochRecord {
                epoch: i + 1,
                loss: 0.0,
                accuracy: 0.0,
                validation_loss: Some(loss),
                validation_accuracy: Some(1.0 - loss),
                learning_rate: 0.1,
                seconds: 0.0,
            };
            watch.see(&record, &network);
            best.extend(watch.best.filter(|best| best.waited == 0).map(|best| best.epoch));
            if watch.is_over() {
                return (best, Some(i + 1));
            }
        }
        (best, None)
    }

    #[test]
    fn patience_counts_from_the_best() {
        let losses = [0.5, 0.4, 0.45, 0.39, 0.39, 0.385, 0.4, 0.4, 0.3];
        for monitor in [Monitor::ValidationLoss, Monitor::ValidationAccuracy] {
            let stopping =
                |patience, min_delta| EarlyStopping { monitor, patience, min_delta, restore_best: true };
            assert_eq!(watched(stopping(1, 0.0), &losses), (vec![1, 2], Some(3)));
            assert_eq!(watched(stopping(2, 0.0), &losses), (vec![1, 2, 4, 6], Some(8)));
            assert_eq!(watched(stopping(3, 0.0), &losses), (vec![1, 2, 4, 6, 9], None));
            // 0.39 and 0.385 are not by more than 0.02 below 0.4.
            assert_eq!(watched(stopping(4, 0.02), &losses), (vec![1, 2], Some(6)));
        }
    }
}
