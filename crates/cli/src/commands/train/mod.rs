//! `chainrule train`

mod checkpoint;
mod files;
mod network;
mod outcome;
mod regression;

use crate::args::{ClassifierName, Config, DataSource, PreprocessName, TrainArgs};
use crate::config;
use crate::data::Parts;
use crate::model::{CONFIG, DATA_SHA256, ENCODER};
use crate::ranks::Ranks;
use crate::stdout::some_of;
use anyhow::{Result, bail, ensure};
use chainrule_core::{Preprocessor, Real, Scaling};
use chainrule_data::DataSet;
use chainrule_models::{Classifier, ClassifierBuilder, Samples};
use clap::ArgMatches;
use clap::parser::ValueSource;
use std::path::Path;
use std::process::ExitCode;

/// Share of the rows that tells when to stop or how sure to be, where that was asked for.
const VALIDATION_FRACTION: f64 = 0.1;

pub(super) fn run(args: &TrainArgs, matches: &ArgMatches) -> Result<ExitCode> {
    let ranks = Ranks::start()?;
    let ended = run_on(&ranks, args, matches);
    ranks.end(ended)
}

fn run_on(ranks: &Ranks, args: &TrainArgs, matches: &ArgMatches) -> Result<ExitCode> {
    let config = ranks.agree(settled(args, matches))?;
    // What differs else is found when all begin; these two would make them begin otherwise.
    let (classifier, resumes) = (config.training.classifier, args.resume.is_some());
    ranks.same("--classifier", classifier.title())?;
    ranks.same("--resume", if resumes { "given" } else { "not given" })?;
    match classifier {
        ClassifierName::Network => network::run(config, resumes, ranks),
        ClassifierName::SoftmaxRegression => regression::run(config, ranks),
    }
}

/// The settings of command line and files, which suit each other.
fn settled(args: &TrainArgs, matches: &ArgMatches) -> Result<Config> {
    for (option, path) in args.kept_paths() {
        ensure!(
            path.to_str().is_some(),
            "{option} {}: expected a path in UTF-8, as settings are kept in it",
            path.display()
        );
    }
    let mut config = match (&args.config, &args.resume) {
        (Some(file), _) => config::read(file, &args.settings, matches)?,
        (None, Some(directory)) => {
            config::refuse_foreign_options(&args.settings, matches)?;
            resumed_config(directory, args, matches)?
        }
        (None, None) => args.settings.clone(),
    };
    config::refuse_foreign_options(&config, matches)?;
    config.data.check_options()?;
    if let Some(directory) = &args.resume {
        config.run.out.clone_from(directory);
    }
    files::refuse_inputs(&config, args.config.as_deref())?;
    let (patience, calibrate) = (config.training.patience.is_some(), config.training.calibrate);
    let default = if patience || calibrate { VALIDATION_FRACTION } else { 0.0 };
    let validation_fraction = *config.data.validation_fraction.get_or_insert(default);
    for (option, is_given) in [("--patience", patience), ("--calibrate", calibrate)] {
        ensure!(
            !is_given || validation_fraction > 0.0,
            "{option}: it needs a validation part; raise --validation-fraction"
        );
    }
    Ok(config)
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

/// The rows that settings name, cut.
fn load(config: &Config) -> Result<Parts> {
    config.data.load(config.data.validation_fraction.unwrap_or(0.0), config.training.seed)
}

fn samples<F: Real>(set: &DataSet) -> Samples<'_, F> {
    Samples::new(set, set.targets())
}

/// A classifier of such rows, with all that its file keeps beside its layers.
fn builder<F: Real>(config: &Config, parts: &Parts) -> Result<ClassifierBuilder<F>> {
    let Parts { train, encoder, .. } = parts;
    let mut builder = Classifier::<F>::builder(train.width(), train.class_names().len())
        .scaling(&scaling(config, train)?)
        .class_names(train.class_names())
        .metadata(CONFIG, config::to_toml(config)?);
    if let Some(digest) = config.data.digest()? {
        builder = builder.metadata(DATA_SHA256, digest);
    }
    if let Some(encoder) = encoder {
        builder = builder.metadata(ENCODER, serde_json::to_string(encoder)?);
    }
    Ok(builder)
}

/// What happens to the inputs, fitted to the training rows.
fn scaling(config: &Config, train: &DataSet) -> Result<Scaling> {
    let preprocessor = match (config.network.preprocess, &config.data.data) {
        (PreprocessName::Auto, DataSource::File(_)) | (PreprocessName::Standard, _) => Preprocessor::Standard,
        (PreprocessName::Auto, _) => return Ok(train.scaling().clone()),
        (PreprocessName::MinMax, _) => Preprocessor::MinMax,
        (PreprocessName::None, _) => Preprocessor::None,
    };
    Ok(preprocessor.fit::<f32>(train)?)
}

/// What the data are and how many rows there are, to begin the first lines with.
fn introduction(config: &Config, parts: &Parts) -> String {
    let rows = |part: &Option<DataSet>| part.as_ref().map_or(0, DataSet::len);
    let validation = match rows(&parts.validation) {
        0 => String::new(),
        rows => format!(", {rows} to validate"),
    };
    let target = parts.encoder.as_ref().map_or_else(String::new, |encoder| {
        let names: Vec<String> = parts.train.class_names().iter().map(|name| format!("{name:?}")).collect();
        let inputs = encoder.input_names();
        format!("target {:?}: {}\ninputs: {}\n", encoder.target(), some_of(&names), some_of(&inputs))
    });
    format!(
        "{target}{}: {} rows to train on{validation}, {} to test",
        config.data.data,
        parts.train.len(),
        rows(&parts.test)
    )
}
