//! The training of a network: by epochs, with checkpoints.

mod prepare;
mod settings;
mod watcher;

use self::prepare::{Output, Prepared};
use self::settings::Settings;
use self::watcher::Watcher;
use super::outcome::Outcome;
use super::{files, samples};
use crate::args::Config;
use crate::data::Parts;
use crate::ranks::Ranks;
use crate::stdout::{print_json, unless_closed};
use crate::{charts, interrupt};
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

/// Trains, from the beginning or from a checkpoint, on all ranks, and writes what comes of it.
pub(super) fn run(config: Config, resumes: bool, ranks: &Ranks) -> Result<ExitCode> {
    let prepared = ranks.agree(Prepared::new(config, resumes, ranks))?;
    let Prepared { settings, parts, mut classifier, training, output, resume, pool } = prepared;
    pool.install(|| {
        let history = fit(&settings, &parts, &mut classifier, &training, resume.as_deref(), ranks)
            .map_err(|error| with_checkpoint(error, output.as_ref()))?;
        let is_interrupted = history.ending == Some(Ending::Callback);
        let code = match output {
            Some(output) if is_interrupted => {
                interrupted(&settings, &history, training.checkpoints.is_some(), &output)
            }
            Some(output) => finish(settings, classifier, &history, &parts, ranks, &output),
            None if is_interrupted => Ok(ExitCode::from(interrupt::EXIT_CODE)),
            None => Ok(ExitCode::SUCCESS),
        };
        ranks.agree_on_exit(code)
    })
}

/// Where the numbers are from before they left the finite ones.
fn with_checkpoint(error: Error, output: Option<&Output>) -> Error {
    match (error.downcast_ref(), output.filter(|output| output.resumable.is_kept())) {
        (Some(chainrule_core::Error::Diverged { .. }), Some(Output { resumable, .. })) => {
            anyhow!("{error}; {} is from before", resumable.checkpoint.display())
        }
        _ => error,
    }
}

/// Says how to go on with a training that Ctrl-C ended: who interrupts wants no more than that it ends.
fn interrupted(
    settings: &Settings,
    history: &History,
    keeps: bool,
    Output { resumable, directory }: &Output,
) -> Result<ExitCode> {
    let out = settings.config.run.out.display();
    let epochs = history.epochs.len();
    let text = if keeps {
        resumable.rewrite(&settings.config, directory)?;
        format!("interrupted in epoch {epochs}; go on with: chainrule train --resume {out}\n")
    } else {
        format!("interrupted in epoch {epochs}; nothing of it is kept, as --checkpoint-every is 0\n")
    };
    unless_closed(io::stderr().write_all(text.as_bytes()))?;
    Ok(ExitCode::from(interrupt::EXIT_CODE))
}

/// Trains, from the beginning or from a checkpoint; where there are several ranks, all of them.
fn fit(
    settings: &Settings,
    parts: &Parts,
    classifier: &mut Classifier<f32>,
    training: &Training<f32>,
    resume: Option<&Path>,
    ranks: &Ranks,
) -> Result<History> {
    let run = &settings.config.run;
    let is_quiet = run.quiet || run.json || !ranks.is_first();
    let introduced = if is_quiet {
        Ok(())
    } else {
        unless_closed(io::stdout().write_all(introduction(settings, parts, classifier).as_bytes()))
    };
    ranks.agree(introduced.map_err(Error::from))?;
    let mut watcher = Watcher::new(is_quiet, settings.config.held_out());
    // Without a validation part the curves show the test part, which then decides nothing.
    let validation = parts.validation.as_ref().or(parts.test.as_ref()).map(samples);
    let rows = samples(&parts.train);
    let trained = match resume {
        None => classifier.fit_with(rows, validation, training, &mut watcher),
        Some(checkpoint) => classifier.resume(checkpoint, rows, validation, training, &mut watcher),
    };
    let shown = watcher.finish();
    let history = trained?;
    ranks.agree(shown.map(|()| history))
}

/// Measures what was trained, writes it and says so.
fn finish(
    settings: Settings,
    classifier: Classifier<f32>,
    history: &History,
    parts: &Parts,
    ranks: &Ranks,
    Output { resumable, directory }: &Output,
) -> Result<ExitCode> {
    let curves = charts::curves(&history.epochs, settings.config.held_out())?;
    let outcome = Outcome::of(settings.config, classifier, parts, true)?.on_ranks(ranks.size());
    let epoch_seconds = history.epochs.iter().map(|epoch| epoch.seconds).collect();
    let metrics = outcome.metrics(OwnMetrics { epoch_seconds, history })?;
    files::write(&outcome, &history.to_csv(), &curves, &metrics, directory)?;
    resumable.remove();
    let run = &outcome.config.run;
    if run.json {
        print_json(&metrics)?;
    } else {
        let closing = if run.quiet { closing_line(&outcome, history) } else { summary(&outcome, history)? };
        unless_closed(io::stdout().write_all(closing.as_bytes()))?;
    }
    Ok(ExitCode::SUCCESS)
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
