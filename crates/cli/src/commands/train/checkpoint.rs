use super::settings::Settings;
use crate::config;
use crate::output_directory::OutputDirectory;
use anyhow::{Result, ensure};
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
    /// Writes what the checkpoint alone does not say, in place of what is there of another training; what is resumed stays as it is.
    pub(super) fn begin(settings: &Settings, directory: &OutputDirectory, resumes: bool) -> Result<Self> {
        let resumable =
            Resumable { checkpoint: directory.file(CHECKPOINT), settings: directory.file(SETTINGS) };
        if !resumes {
            resumable.remove();
            directory.write(SETTINGS, config::to_toml(&settings.config)?.as_bytes())?;
        }
        Ok(resumable)
    }

    /// How often the training keeps itself.
    pub(super) fn checkpoints(&self, seconds: f64) -> Option<Checkpoints> {
        // Beyond what a duration can hold is never.
        let every = Duration::try_from_secs_f64(seconds).ok().filter(|every| !every.is_zero())?;
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

/// A training that was interrupted is not given up without a word.
pub(super) fn refuse_to_discard(directory: &OutputDirectory) -> Result<()> {
    let checkpoint = directory.file(CHECKPOINT);
    ensure!(
        !checkpoint.exists(),
        "{}: a training was interrupted there; go on with it by --resume, name another --out, or delete the file",
        checkpoint.display()
    );
    Ok(())
}

/// Settings alone are of no use.
impl Drop for Resumable {
    fn drop(&mut self) {
        if !self.is_kept() {
            self.remove();
        }
    }
}
