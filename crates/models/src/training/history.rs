use serde::Serialize;
use std::fmt;

/// What one epoch brought.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EpochRecord {
    /// Number of the epoch in the life of the classifier, from 1.
    pub epoch: usize,
    /// Mean loss of the training rows, each as its batch saw it.
    pub loss: f64,
    /// Share of the training rows whose class was the most probable one, each as its batch saw it.
    pub accuracy: f64,
    /// Mean loss of the validation rows after the epoch, if there are any.
    pub validation_loss: Option<f64>,
    /// Accuracy on the validation rows after the epoch, if there are any.
    pub validation_accuracy: Option<f64>,
    /// Time that training took, without validation, in seconds.
    pub seconds: f64,
}

impl fmt::Display for EpochRecord {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "epoch {:>3}  loss {:.4}  accuracy {:.4}", self.epoch, self.loss, self.accuracy)?;
        if let (Some(loss), Some(accuracy)) = (self.validation_loss, self.validation_accuracy) {
            write!(f, "  test loss {loss:.4}  test accuracy {accuracy:.4}")?;
        }
        write!(f, "  {:.3} s", self.seconds)
    }
}

/// The epochs of one training.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct History {
    /// First to last.
    pub epochs: Vec<EpochRecord>,
}

impl fmt::Display for History {
    /// A line for each epoch.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.epochs.iter().try_for_each(|epoch| writeln!(f, "{epoch}"))
    }
}
