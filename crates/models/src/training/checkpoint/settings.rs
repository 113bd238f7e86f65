use chainrule_core::Error;
use std::path::PathBuf;
use std::time::Duration;

/// That a training keeps itself in a file, from which [`Classifier::resume`](crate::Classifier::resume) or
/// [`Network::resume`](crate::Network::resume) goes on as if it had never stopped.
///
/// It is written beside its place, synced and renamed, so that at any moment the file is a whole one: as often as asked, when a
/// callback ends the training, and at its end. Nothing is written of a training that left the finite numbers, so the last good one
/// stays. Whether network, loss, accuracy and optimiser are the same as then is told by what `Debug` prints of them, so
/// a layer, a loss or a rule of one's own must print every setting. Where several processes train together, rank 0 writes it, and any number of them goes on from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoints {
    /// The file.
    pub path: PathBuf,
    /// How often it is written.
    pub every: Every,
}

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// After so many steps, at least 1, also within an epoch.
    Steps(u64),
    /// After so many epochs, at least 1.
    Epochs(usize),
    /// After the first step that ends so long after the last checkpoint, or the beginning. The result is the same bits whenever
    /// that is.
    Time(Duration),
}

impl Checkpoints {
    pub(in crate::training) fn check(&self) -> Result<(), Error> {
        let (Every::Steps(0) | Every::Epochs(0)) = self.every else { return Ok(()) };
        Err(Error::Setting {
            name: "steps or epochs between checkpoints",
            expected: "at least 1",
            value: 0.0,
        })
    }
}
