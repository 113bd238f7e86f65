//! A training on disk: [`position`] is how far it is, [`identity`] what it is of, [`file`] keeps both with the numbers; [`step_by_step`]
//! does so for steps that a user takes.

mod file;
mod fingerprint;
mod identity;
mod position;
mod settings;
mod step_by_step;

pub(super) use file::Saved;
pub(crate) use identity::Identity;
pub(super) use position::Position;
pub use settings::{Checkpoints, Every};

use super::early_stopping::Watch;
use crate::{Network, OptimizerState};
use chainrule_core::{Error, Real};
use std::time::Instant;

/// Writes checkpoints when they are due.
pub(super) struct Checkpointer {
    checkpoints: Checkpoints,
    identity: Identity,
    /// Steps and epochs of the last one.
    written: Option<(u64, usize)>,
    /// When that was, or the training began.
    since: Instant,
}

impl Checkpointer {
    pub(super) fn new(checkpoints: Checkpoints, identity: Identity) -> Self {
        Checkpointer { checkpoints, identity, written: None, since: Instant::now() }
    }

    /// Whether one is wanted after so many steps.
    pub(super) fn is_due_after_step(&self, steps: u64) -> bool {
        match self.checkpoints.every {
            Every::Steps(every) => steps.is_multiple_of(every),
            Every::Epochs(_) => false,
            Every::Time(every) => self.since.elapsed() >= every,
        }
    }

    /// Whether one is wanted after so many epochs.
    pub(super) fn is_due_after_epoch(&self, epochs: usize) -> bool {
        matches!(self.checkpoints.every, Every::Epochs(every) if epochs.is_multiple_of(every))
    }

    /// Writes one, unless the last was of the same moment.
    pub(super) fn write<F: Real>(
        &mut self,
        network: &Network<F>,
        optimizer: &OptimizerState<F>,
        watch: Option<&Watch<F>>,
        position: &Position,
    ) -> Result<(), Error> {
        let moment = Some((optimizer.steps(), position.history.epochs.len()));
        if self.written != moment {
            file::write(&self.checkpoints.path, &self.identity, network, optimizer, watch, position)
                .map_err(|error| Error::Checkpoint(Box::new(error)))?;
            self.written = moment;
            self.since = Instant::now();
        }
        Ok(())
    }
}
