//! `chainrule train`

mod checkpoint;
mod files;
mod prepare;
mod settings;
mod watcher;

use crate::args::{Config, TrainArgs};
use crate::data::Parts;
use crate::model::{CONFIG, DATA_SHA256, ENCODER};
use crate::ranks::Ranks;
use crate::stdout::{is_closed, print_json, some_of, unless_closed};
use crate::{config, interrupt};
use anyhow::{Error, Result, anyhow, bail, ensure};
use chainrule_data::DataSet;
use chainrule_models::{Classifier, Ending, Evaluation, History, Samples, Temperature, Training};
use clap::ArgMatches;
use clap::parser::ValueSource;
use prepare::{Output, Prepared};
use settings::Settings;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use watcher::Watcher;

/// A training that is over.
struct Trained {
    settings: Settings,
    classifier: Classifier<f32>,
    history: History,
    /// What the logits were divided by, if that was asked for.
    temperature: Option<Temperature>,
    /// On the test part, if there is one.
    test: Option<Evaluation>,
    /// Threads that it ran on, each rank.
    threads: usize,
    /// Processes that it ran on.
    ranks: usize,
}

impl Trained {
    /// Time of the training part of an epoch, in seconds: the median of all.
    fn median_epoch_seconds(&self) -> f64 {
        let mut seconds: Vec<f64> = self.history.epochs.iter().map(|epoch| epoch.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied().unwrap_or_default()
    }
}

pub(super) fn run(args: &TrainArgs, matches: &ArgMatches) -> Result<ExitCode> {
    let ranks = Ranks::start()?;
    let trained = run_on(&ranks, args, matches);
    ranks.end(trained)
}

fn run_on(ranks: &Ranks, args: &TrainArgs, matches: &ArgMatches) -> Result<ExitCode> {
    let prepared = ranks.agree(Prepared::new(args, matches, ranks))?;
    let Prepared { settings, parts, mut classifier, training, output, resume, pool } = prepared;
    pool.install(|| {
        let history = fit(&settings, &parts, &mut classifier, &training, resume.as_deref(), ranks)
            .map_err(|error| with_checkpoint(error, output.as_ref()))?;
        let code = match output {
            Some(output) => {
                let (threads, ranks) = (rayon::current_num_threads(), ranks.size());
                let trained =
                    Trained { settings, classifier, history, temperature: None, test: None, threads, ranks };
                finish(trained, &parts, training.checkpoints.is_some(), &output)
            }
            None if history.ending == Some(Ending::Callback) => Ok(ExitCode::from(interrupt::EXIT_CODE)),
            None => Ok(ExitCode::SUCCESS),
        };
        // That nobody reads the end of it is no failure, which the other ranks would take it for.
        ranks.agree(code.or_else(|error| if is_closed(&error) { Ok(ExitCode::SUCCESS) } else { Err(error) }))
    })
}

fn samples(set: &DataSet) -> Samples<'_, f32> {
    Samples::new(set, set.targets())
}

/// The settings of the training that was interrupted in a directory, but for flags that may differ.
fn resumed_config(directory: &Path, args: &TrainArgs, matches: &ArgMatches) -> Result<Config> {
    for file in [checkpoint::CHECKPOINT, checkpoint::SETTINGS] {
        ensure!(
            directory.join(file).is_file(),
            "--resume {}: there is no {file} in it, so no training was interrupted there",
            directory.display()
        );
    }
    let may_differ = ["resume", "epochs", "threads", "checkpoint_every", "quiet", "json"];
    for id in matches.ids().map(clap::Id::as_str) {
        // Groups of options have ids, too, and no source that counts.
        if matches.value_source(id) == Some(ValueSource::CommandLine)
            && known(id)
            && !may_differ.contains(&id)
        {
            bail!(
                "--resume {}: --{} cannot be given, as the training that goes on has its own; only --epochs and what stands \
                 under Run can",
                directory.display(),
                id.replace('_', "-")
            );
        }
    }
    config::read(&directory.join(checkpoint::SETTINGS), &args.settings, matches)
}

/// Whether the id is that of an option, not of a group of options.
fn known(id: &str) -> bool {
    id.starts_with(|letter: char| letter.is_ascii_lowercase())
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

/// Says how to go on with a training that Ctrl-C ended.
fn interrupted(trained: &Trained, keeps: bool) -> Result<ExitCode> {
    let out = trained.settings.config.run.out.display();
    let epochs = trained.history.epochs.len();
    let text = if keeps {
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

/// Measures what was trained, writes it and says so; or how to go on, if it was interrupted.
fn finish(
    mut trained: Trained,
    parts: &Parts,
    keeps: bool,
    Output { resumable, directory }: &Output,
) -> Result<ExitCode> {
    if trained.history.ending == Some(Ending::Callback) {
        if keeps {
            resumable.rewrite(&trained.settings, directory)?;
        }
        // Who interrupts wants no more than that it ends.
        return interrupted(&trained, keeps);
    }
    let calibration = parts.validation.as_ref().filter(|_| trained.settings.config.training.calibrate);
    trained.temperature = calibration.map(|part| trained.classifier.calibrate(samples(part))).transpose()?;
    trained.test = parts.test.as_ref().map(|test| trained.classifier.evaluate(samples(test))).transpose()?;
    files::write(&trained, directory)?;
    resumable.remove();
    if trained.settings.config.run.json {
        print_json(&trained.metrics()?)?;
    } else {
        let closing =
            if trained.settings.config.run.quiet { closing_line(&trained) } else { summary(&trained)? };
        unless_closed(io::stdout().write_all(closing.as_bytes()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn build(settings: &Settings, parts: &Parts) -> Result<Classifier<f32>> {
    let Parts { train, encoder, .. } = parts;
    let mut builder = Classifier::<f32>::builder(train.width(), train.class_names().len())
        .hidden_layers(settings.hidden_layers())
        .initializer(settings.initializer())
        .gradient(settings.config.network.gradient.into())
        .seed(settings.config.training.seed)
        .scaling(&settings.scaling(parts)?)
        .class_names(train.class_names())
        .metadata(CONFIG, config::to_toml(&settings.config)?);
    if let Some(digest) = settings.config.data.digest()? {
        builder = builder.metadata(DATA_SHA256, digest);
    }
    if let Some(encoder) = encoder {
        builder = builder.metadata(ENCODER, serde_json::to_string(encoder)?);
    }
    Ok(builder.build()?)
}

fn introduction(settings: &Settings, parts: &Parts, classifier: &Classifier<f32>) -> String {
    let mut widths = vec![parts.train.width()];
    widths.extend(&settings.hidden);
    widths.push(parts.train.class_names().len());
    let widths: Vec<String> = widths.iter().map(usize::to_string).collect();
    let rows = |part: &Option<DataSet>| part.as_ref().map_or(0, DataSet::len);
    let validation = match rows(&parts.validation) {
        0 => String::new(),
        rows => format!(", {rows} to validate"),
    };
    let target = parts.encoder.as_ref().map_or_else(String::new, |encoder| {
        let names: Vec<String> = classifier.class_names().iter().map(|name| format!("{name:?}")).collect();
        let inputs = encoder.input_names();
        format!("target {:?}: {}\ninputs: {}\n", encoder.target(), some_of(&names), some_of(&inputs))
    });
    format!(
        "{target}{}: {} rows to train on{validation}, {} to test; network {}, {} parameters\n",
        settings.config.data.data,
        parts.train.len(),
        rows(&parts.test),
        widths.join(" → "),
        classifier.network().parameters().len()
    )
}

/// "test accuracy 0.9, test loss 0.3", or that there is no test part.
fn test_results(trained: &Trained) -> String {
    match &trained.test {
        Some(Evaluation { loss, accuracy, .. }) => {
            format!("test accuracy {accuracy:.4}, test loss {loss:.4}")
        }
        None => "no test part".to_owned(),
    }
}

fn closing_line(trained: &Trained) -> String {
    let seconds = trained.median_epoch_seconds();
    let (data, out) = (&trained.settings.config.data.data, trained.settings.config.run.out.display());
    let epochs = match trained.history.epochs.len() {
        1 => "1 epoch".to_owned(),
        epochs => format!("{epochs} epochs"),
    };
    format!("{data}: {}, {epochs} of {seconds:.4} s; see {out}\n", test_results(trained))
}

fn summary(trained: &Trained) -> Result<String> {
    let (seconds, threads) = (trained.median_epoch_seconds(), trained.threads);
    let threads = if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") };
    let threads = match trained.ranks {
        1 => threads,
        ranks => format!("{ranks} ranks of {threads}"),
    };
    let mut text = String::from("\n");
    if let Some(best) = trained.history.best() {
        writeln!(
            text,
            "the parameters are those after epoch {}, the best on the validation part",
            best.epoch
        )?;
    }
    if let Some(temperature) = &trained.temperature {
        writeln!(text, "temperature {:.4}, fitted to the validation part", temperature.value())?;
    }
    writeln!(text, "{}; median time per epoch {seconds:.4} s on {threads}\n", test_results(trained))?;
    let path = |name| trained.settings.config.run.out.join(name).display().to_string();
    let table = [
        (files::CURVES, "loss and accuracy by epoch: look at this first"),
        (files::MODEL, "the classifier"),
        (files::CONFIG, "every setting; train --config reads it"),
        (files::HISTORY, "the numbers behind the curves"),
        (files::METRICS, "results, settings and machine"),
    ]
    .map(|(name, what)| (path(name), what));
    let width = table.iter().map(|(path, _)| path.chars().count()).max().unwrap_or_default();
    for (path, what) in table {
        writeln!(text, "{path:<width$}  {what}")?;
    }
    writeln!(text, "\nNext: chainrule report --model {}", path(files::MODEL))?;
    Ok(text)
}
