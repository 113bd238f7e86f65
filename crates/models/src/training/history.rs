use serde::{Deserialize, Serialize};
use std::fmt;

/// What one epoch brought.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Number of the epoch in the life of the classifier, from 1.
    pub epoch: usize,
    /// Mean loss of the training rows, each as its batch saw it.
    pub loss: f64,
    /// Share of the training rows' answers that were right by [`Training::accuracy`](crate::Training::accuracy), each as its batch saw it.
    pub accuracy: f64,
    /// Mean loss of the validation rows after the epoch, if there are any.
    pub validation_loss: Option<f64>,
    /// Accuracy on the validation rows after the epoch, if there are any.
    pub validation_accuracy: Option<f64>,
    /// The optimiser's learning rate in the epoch's last step, by the schedule.
    pub learning_rate: f64,
    /// Time that training took, without validation, in seconds.
    pub seconds: f64,
}

impl fmt::Display for EpochRecord {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "epoch {:>3}  loss {:.4}  accuracy {:.4}", self.epoch, self.loss, self.accuracy)?;
        if let (Some(loss), Some(accuracy)) = (self.validation_loss, self.validation_accuracy) {
            write!(f, "  validation loss {loss:.4}  validation accuracy {accuracy:.4}")?;
        }
        write!(f, "  {:.3} s", self.seconds)
    }
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ending {
    /// All epochs were trained.
    Epochs,
    /// Early stopping saw no improvement for as long as it had patience.
    EarlyStopping,
    /// A callback broke.
    Callback,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Ending::Epochs => "all epochs were trained",
            Ending::EarlyStopping => "stopped early, as nothing improved any more",
            Ending::Callback => "ended by a callback",
        })
    }
}

/// The epochs of one training, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// First to last. If a callback ended the training within an epoch, the last record is of a part of one.
    pub epochs: Vec<EpochRecord>,
    /// [Number](EpochRecord::epoch) of the epoch that early stopping found best, if it was asked to.
    pub best_epoch: Option<usize>,
    /// Why training ended; nothing while it goes on.
    pub ending: Option<Ending>,
}

impl History {
    /// The record of the last epoch; nothing if not one was finished.
    pub fn last(&self) -> Option<&EpochRecord> {
        self.epochs.last()
    }

    /// The record of the best epoch.
    pub fn best(&self) -> Option<&EpochRecord> {
        self.epochs.iter().find(|record| Some(record.epoch) == self.best_epoch)
    }
}

impl fmt::Display for History {
    /// A line for each epoch, then how it ended.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.epochs.iter().try_for_each(|epoch| writeln!(f, "{epoch}"))?;
        if let Some(best) = self.best_epoch {
            writeln!(f, "best epoch {best}")?;
        }
        self.ending.map_or(Ok(()), |ending| writeln!(f, "{ending}"))
    }
}
