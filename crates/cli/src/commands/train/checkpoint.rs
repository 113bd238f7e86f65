use crate::args::Config;
use crate::config;
use crate::output_directory::OutputDirectory;
use anyhow::Result;
use chainrule_models::{Checkpoints, Every};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

pub(super) const CHECKPOINT: &str = "checkpoint.safetensors";
/// The settings of the training that the checkpoint is of.
pub(super) const SETTINGS: &str = "checkpoint.toml";

/// A training that can go on if it is interrupted.
pub(super) struct Resumable {
    pub(super) checkpoint: PathBuf,
    settings: PathBuf,
}

impl Resumable {
    /// Writes what the checkpoint alone does not say; of what is resumed it is there already.
    pub(super) fn begin(config: &Config, directory: &OutputDirectory, resumes: bool) -> Result<Self> {
        if !resumes {
            directory.write(SETTINGS, config::to_toml(config)?.as_bytes())?;
        }
        Ok(Resumable { checkpoint: directory.file(CHECKPOINT), settings: directory.file(SETTINGS) })
    }

    /// Keeps settings with which the training was gone on with, such as more epochs.
    pub(super) fn rewrite(&self, config: &Config, directory: &OutputDirectory) -> Result<()> {
        directory.write(SETTINGS, config::to_toml(config)?.as_bytes())
    }

    /// How often the training keeps itself, besides when it is interrupted; for 0 seconds never, not even then.
    pub(super) fn checkpoints(&self, seconds: f64) -> Option<Checkpoints> {
        if seconds == 0.0 {
            return None;
        }
        // What a duration cannot hold is longer than any training, or shorter than any step.
        let every = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        let every = every.max(Duration::from_nanos(1));
        Some(Checkpoints { path: self.checkpoint.clone(), every: Every::Time(every) })
    }

    /// Whether there is something to go on from.
    pub(super) fn is_kept(&self) -> bool {
        self.checkpoint.exists()
    }

    /// Takes both files away.
    pub(super) fn remove(&self) {
        // What is not there cannot be removed, and what stays does no harm.
        let _ = fs::remove_file(&self.checkpoint);
        let _ = fs::remove_file(&self.settings);
    }
}

/// Settings alone are of no use.
impl Drop for Resumable {
    fn drop(&mut self) {
        if !self.is_kept() {
            self.remove();
        }
    }
}
