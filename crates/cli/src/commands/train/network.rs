//! The training of a network: by epochs, with checkpoints.

use super::checkpoint::Resumable;
use super::outcome::Outcome;
use super::settings::Settings;
use super::watcher::Watcher;
use super::{builder, files, load, samples};
use crate::args::Config;
use crate::data::Parts;
use crate::output_directory::OutputDirectory;
use crate::stdout::{print_json, unless_closed};
use crate::{charts, interrupt, machine};
use anyhow::{Error, Result, anyhow};
use chainrule_models::{Classifier, Ending, History, Training};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// What `metrics.json` says of a network's training beside its [outcome](Outcome).
#[derive(Serialize)]
struct OwnMetrics<'a> {
    epoch_seconds: Vec<f64>,
    history: &'a History,
}

/// Trains, from the beginning or from a checkpoint, and writes what comes of it.
pub(super) fn run(config: Config, resumes: bool) -> Result<ExitCode> {
    let settings = Settings::new(config)?;
    let parts = load(&settings.config)?;
    settings.check_memory(&parts)?;
    interrupt::listen()?;
    machine::on_threads(settings.config.run.threads, || {
        let directory = OutputDirectory::prepare("--out", &settings.config.run.out, &files::ALL)?;
        let resumable = Resumable::begin(&settings, &directory, resumes)?;
        let resume = resumes.then(|| resumable.checkpoint.clone());
        let training = Training {
            checkpoints: resumable.checkpoints(settings.config.run.checkpoint_every),
            ..settings.training(&parts)
        };
        let (classifier, history) = train(&settings, &parts, &training, resume.as_deref())
            .map_err(|error| if resumable.is_kept() { with_checkpoint(error, &resumable) } else { error })?;
        if history.ending == Some(Ending::Callback) {
            let keeps = training.checkpoints.is_some();
            if keeps {
                resumable.rewrite(&settings, &directory)?;
            }
            return interrupted(&settings, &history, keeps);
        }
        let held_out = settings.config.held_out();
        let outcome = Outcome::of(settings.config, classifier, &parts, true)?;
        let epoch_seconds = history.epochs.iter().map(|epoch| epoch.seconds).collect();
        let metrics = outcome.metrics(OwnMetrics { epoch_seconds, history: &history })?;
        let curves = charts::curves(&history.epochs, held_out)?;
        files::write(&outcome, &history.to_csv(), &curves, &metrics, &directory)?;
        resumable.remove();
        let run = &outcome.config.run;
        if run.json {
            print_json(&metrics)?;
        } else {
            let closing =
                if run.quiet { closing_line(&outcome, &history) } else { summary(&outcome, &history)? };
            unless_closed(io::stdout().write_all(closing.as_bytes()))?;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Where the numbers are from before they left the finite ones.
fn with_checkpoint(error: Error, resumable: &Resumable) -> Error {
    match error.downcast_ref() {
        Some(chainrule_core::Error::Diverged { .. }) => {
            anyhow!("{error}; {} is from before", resumable.checkpoint.display())
        }
        _ => error,
    }
}

/// Says how to go on with a training that Ctrl-C ended.
fn interrupted(settings: &Settings, history: &History, keeps: bool) -> Result<ExitCode> {
    let out = settings.config.run.out.display();
    let epochs = history.epochs.len();
    let text = if keeps {
        format!("interrupted in epoch {epochs}; go on with: chainrule train --resume {out}\n")
    } else {
        format!("interrupted in epoch {epochs}; nothing of it is kept, as --checkpoint-every is 0\n")
    };
    unless_closed(io::stderr().write_all(text.as_bytes()))?;
    Ok(ExitCode::from(interrupt::EXIT_CODE))
}

fn train(
    settings: &Settings,
    parts: &Parts,
    training: &Training<f32>,
    resume: Option<&Path>,
) -> Result<(Classifier<f32>, History)> {
    let mut classifier = builder(&settings.config, parts)?
        .hidden_layers(settings.hidden_layers())
        .initializer(settings.initializer())
        .gradient(settings.config.network.gradient.into())
        .seed(settings.config.training.seed)
        .build()?;
    let run = &settings.config.run;
    if !run.quiet && !run.json {
        unless_closed(io::stdout().write_all(introduction(settings, parts, &classifier).as_bytes()))?;
    }
    let mut watcher = Watcher::new(run.quiet || run.json, settings.config.held_out());
    // Without a validation part the curves show the test part, which then decides nothing.
    let validation = parts.validation.as_ref().or(parts.test.as_ref()).map(samples);
    let rows = samples(&parts.train);
    let history = match resume {
        None => classifier.fit_with(rows, validation, training, &mut watcher),
        Some(checkpoint) => classifier.resume(checkpoint, rows, validation, training, &mut watcher),
    };
    watcher.finish()?;
    Ok((classifier, history?))
}

fn introduction(settings: &Settings, parts: &Parts, classifier: &Classifier<f32>) -> String {
    let mut widths = vec![parts.train.width()];
    widths.extend(&settings.hidden);
    widths.push(parts.train.class_names().len());
    let widths: Vec<String> = widths.iter().map(usize::to_string).collect();
    format!(
        "{}; network {}, {} parameters\n",
        super::introduction(&settings.config, parts),
        widths.join(" → "),
        classifier.network().parameters().len()
    )
}

/// Time of the training part of an epoch, in seconds: the median of all.
fn median_epoch_seconds(history: &History) -> f64 {
    let mut seconds: Vec<f64> = history.epochs.iter().map(|epoch| epoch.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    seconds.get(seconds.len() / 2).copied().unwrap_or_default()
}

fn closing_line(outcome: &Outcome, history: &History) -> String {
    let seconds = median_epoch_seconds(history);
    let (data, out) = (&outcome.config.data.data, outcome.config.run.out.display());
    let epochs = match history.epochs.len() {
        1 => "1 epoch".to_owned(),
        epochs => format!("{epochs} epochs"),
    };
    format!("{data}: {}, {epochs} of {seconds:.4} s; see {out}\n", outcome.test_results())
}

fn summary(outcome: &Outcome, history: &History) -> Result<String> {
    let (seconds, threads) = (median_epoch_seconds(history), outcome.threads());
    let mut text = String::from("\n");
    if let Some(best) = history.best() {
        writeln!(
            text,
            "the parameters are those after epoch {}, the best on the validation part",
            best.epoch
        )?;
    }
    text += &outcome.temperature_line();
    writeln!(text, "{}; median time per epoch {seconds:.4} s on {threads}\n", outcome.test_results())?;
    text += &files::table(&outcome.config, "loss and accuracy by epoch: look at this first");
    Ok(text)
}
