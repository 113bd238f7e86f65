//! `chainrule train`

mod checkpoint;
mod files;
mod settings;
mod watcher;

use crate::args::{Config, TrainArgs};
use crate::data::Parts;
use crate::model::{CONFIG, DATA_SHA256, ENCODER};
use crate::output_directory::OutputDirectory;
use crate::stdout::{print_json, some_of, unless_closed};
use crate::{config, interrupt, machine};
use anyhow::{Error, Result, anyhow, bail, ensure};
use chainrule_data::DataSet;
use chainrule_models::{Classifier, Ending, Evaluation, History, Samples, Temperature, Training};
use checkpoint::Resumable;
use clap::ArgMatches;
use clap::parser::ValueSource;
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
    /// Threads that it ran on.
    threads: usize,
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
    let mut config = match (&args.config, &args.resume) {
        (Some(file), _) => config::read(file, &args.settings, matches)?,
        (None, Some(directory)) => resumed_config(directory, args, matches)?,
        (None, None) => args.settings.clone(),
    };
    if let Some(directory) = &args.resume {
        config.run.out.clone_from(directory);
    }
    let settings = Settings::new(config)?;
    let training = &settings.config.training;
    for (option, is_given) in
        [("--patience", training.patience.is_some()), ("--calibrate", training.calibrate)]
    {
        ensure!(
            !is_given || settings.validation_fraction > 0.0,
            "{option}: it needs a validation part; raise --validation-fraction"
        );
    }
    let parts = settings.config.data.load(settings.validation_fraction, settings.config.training.seed)?;
    settings.check_memory(&parts)?;
    interrupt::listen()?;
    machine::on_threads(settings.config.run.threads, || {
        let directory = OutputDirectory::prepare("--out", &settings.config.run.out, &files::ALL)?;
        let resumable = Resumable::begin(&settings, &directory, args.resume.is_some())?;
        let resume = args.resume.as_ref().map(|_| resumable.checkpoint.clone());
        let training = Training {
            checkpoints: resumable.checkpoints(settings.config.run.checkpoint_every),
            ..settings.training(&parts)
        };
        let trained = train(settings, &parts, &training, resume.as_deref())
            .map_err(|error| if resumable.is_kept() { with_checkpoint(error, &resumable) } else { error })?;
        if trained.history.ending == Some(Ending::Callback) {
            let keeps = training.checkpoints.is_some();
            if keeps {
                resumable.rewrite(&trained.settings, &directory)?;
            }
            return interrupted(&trained, keeps);
        }
        files::write(&trained, &directory)?;
        resumable.remove();
        if trained.settings.config.run.json {
            print_json(&trained.metrics()?)?;
        } else {
            let closing =
                if trained.settings.config.run.quiet { closing_line(&trained) } else { summary(&trained)? };
            unless_closed(io::stdout().write_all(closing.as_bytes()))?;
        }
        Ok(ExitCode::SUCCESS)
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
fn with_checkpoint(error: Error, resumable: &Resumable) -> Error {
    match error.downcast_ref() {
        Some(chainrule_core::Error::Diverged { .. }) => {
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

/// Trains, from the beginning or from a checkpoint.
fn train(
    settings: Settings,
    parts: &Parts,
    training: &Training<f32>,
    resume: Option<&Path>,
) -> Result<Trained> {
    let mut classifier = build(&settings, parts)?;
    let run = &settings.config.run;
    if !run.quiet && !run.json {
        unless_closed(io::stdout().write_all(introduction(&settings, parts, &classifier).as_bytes()))?;
    }
    let mut watcher = Watcher::new(run.quiet || run.json, settings.config.held_out());
    // Without a validation part the curves show the test part, which then decides nothing.
    let validation = parts.validation.as_ref().or(parts.test.as_ref()).map(samples);
    let rows = samples(&parts.train);
    let trained = match resume {
        None => classifier.fit_with(rows, validation, training, &mut watcher),
        Some(checkpoint) => classifier.resume(checkpoint, rows, validation, training, &mut watcher),
    };
    watcher.finish()?;
    let history = trained?;
    let threads = rayon::current_num_threads();
    if history.ending == Some(Ending::Callback) {
        // Who interrupts wants no more than that it ends.
        return Ok(Trained { settings, classifier, history, temperature: None, test: None, threads });
    }
    let calibration = parts.validation.as_ref().filter(|_| settings.config.training.calibrate).map(samples);
    let temperature = calibration.map(|samples| classifier.calibrate(samples)).transpose()?;
    let test = parts.test.as_ref().map(|test| classifier.evaluate(samples(test))).transpose()?;
    Ok(Trained { settings, classifier, history, temperature, test, threads })
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
