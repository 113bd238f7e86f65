//! What training leaves behind.

use super::checkpoint::{CHECKPOINT, SETTINGS};
use super::outcome::Outcome;
use crate::args::Config;
use crate::config;
use crate::output_directory::{OutputDirectory, is_same};
use anyhow::{Result, ensure};
use serde::Serialize;
use std::path::Path;

pub(super) const MODEL: &str = "model.safetensors";
pub(super) const CONFIG: &str = "config.toml";
const HISTORY: &str = "history.csv";
const CURVES: &str = "curves.svg";
const METRICS: &str = "metrics.json";

/// All that may be written into the directory.
const ALL: [&str; 7] = [MODEL, CONFIG, HISTORY, CURVES, METRICS, CHECKPOINT, SETTINGS];

/// Makes sure that none of them is read: neither data nor the file of `--config`, unless that is of an earlier training, whose files
/// this one replaces.
pub(super) fn refuse_inputs(config: &Config, settings: Option<&Path>) -> Result<()> {
    let settings = settings.filter(|settings| !config::is_as_written(settings));
    for (option, input) in config.data.files().chain(settings.map(|settings| ("--config", settings))) {
        ensure!(
            !ALL.iter().any(|file| is_same(input, &config.run.out.join(file))),
            "{option} {}: training would write over it; name another --out",
            input.display()
        );
    }
    Ok(())
}

/// The directory for them, kept from other trainings; one in which a training was interrupted is for that which `resumes` it.
pub(super) fn directory(config: &Config, resumes: bool) -> Result<OutputDirectory> {
    let mut directory = OutputDirectory::prepare("--out", &config.run.out, &ALL)?;
    directory.lock()?;
    let checkpoint = directory.file(CHECKPOINT);
    ensure!(
        resumes || !checkpoint.exists(),
        "{}: a training was interrupted there; go on with it by --resume, name another --out, or delete the file",
        checkpoint.display()
    );
    Ok(directory)
}

/// Writes them all; what can be made in memory is made before the first is written.
pub(super) fn write(
    outcome: &Outcome,
    history: &str,
    curves: &str,
    metrics: &impl Serialize,
    directory: &OutputDirectory,
) -> Result<()> {
    let config = config::to_toml(&outcome.config)?;
    let mut metrics = serde_json::to_vec_pretty(metrics)?;
    metrics.push(b'\n');
    outcome.classifier.save(directory.file(MODEL))?;
    directory.write(CONFIG, config.as_bytes())?;
    directory.write(HISTORY, history.as_bytes())?;
    directory.write(CURVES, curves.as_bytes())?;
    directory.write(METRICS, &metrics)
}

/// A line for each file, and what to do next.
pub(super) fn table(config: &Config, curves: &str) -> String {
    let path = |name| config.run.out.join(name).display().to_string();
    let files = [
        (CURVES, curves),
        (MODEL, "the classifier"),
        (CONFIG, "every setting; train --config reads it"),
        (HISTORY, "the numbers behind the curves"),
        (METRICS, "results, settings and machine"),
    ]
    .map(|(name, what)| (path(name), what));
    let width = files.iter().map(|(path, _)| path.chars().count()).max().unwrap_or_default();
    let lines: String = files.iter().map(|(path, what)| format!("{path:<width$}  {what}\n")).collect();
    format!("{lines}\nNext: chainrule report --model {}\n", path(MODEL))
}
