//! Settings in a TOML file, and how they meet those of the command line.

use crate::args::Config;
use anyhow::{Context, Result, anyhow, bail};
use clap::ArgMatches;
use clap::parser::ValueSource;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use toml::{Table, Value};

/// A configuration is a page of text; what is longer is another file.
const LONGEST: u64 = 1 << 20;

/// The settings of a file, but for those that the command line gives.
pub(crate) fn read(path: &Path, flags: &Config, matches: &ArgMatches) -> Result<Config> {
    let text = read_text(path)?;
    let named = || path.display().to_string();
    let file: Table = text.parse().map_err(|error| anyhow::Error::new(error).context(named()))?;
    let mut config = merge(flags, file.clone(), Some(matches)).with_context(named)?;
    // What is printed is asked for, not written down.
    config.run.quiet |= flags.run.quiet;
    config.run.json |= flags.run.json;
    refuse_foreign(&config, &file).with_context(named)?;
    config.check().map_err(|error| anyhow!("{}: {error}", named()))?;
    Ok(config)
}

/// `base`, with a file's settings in the place of all that is not in `matches`.
fn merge(base: &Config, file: Table, matches: Option<&ArgMatches>) -> Result<Config> {
    let mut merged = Table::try_from(base)?;
    for (section, settings) in file {
        let Some(Value::Table(known)) = merged.get_mut(&section) else {
            bail!(
                "{section:?} is no table of settings, expected data, network, training, softmax-regression and run"
            );
        };
        let Value::Table(settings) = settings else {
            bail!("{section} is a value, expected a table, [{section}]");
        };
        overlay(known, settings, matches);
    }
    Ok(Value::Table(merged).try_into()?)
}

/// Puts a file's settings in the place of all that no flag gave.
fn overlay(known: &mut Table, settings: Table, matches: Option<&ArgMatches>) {
    for (key, value) in settings {
        let is_given = matches.is_some_and(|matches| is_on_the_command_line(matches, &key));
        match (known.get_mut(&key), value) {
            (Some(Value::Table(known)), Value::Table(settings)) => overlay(known, settings, matches),
            (_, value) if !is_given => drop(known.insert(key, value)),
            _ => {}
        }
    }
}

/// Makes sure that a file sets nothing that means nothing for the kind of classifier that is trained.
fn refuse_foreign(config: &Config, file: &Table) -> Result<()> {
    let kind = config.training.classifier;
    for &(name, why) in kind.foreign_settings() {
        let holds = |settings: &Value| settings.as_table().is_some_and(|table| table.contains_key(name));
        if let Some((section, _)) = file.iter().find(|(_, settings)| holds(settings)) {
            bail!("[{section}] {name}: it means nothing for {}, {why}", kind.title());
        }
    }
    Ok(())
}

/// Makes sure that the command line gives nothing that means nothing for the kind of classifier that is trained.
pub(crate) fn refuse_foreign_options(config: &Config, matches: &ArgMatches) -> Result<()> {
    let kind = config.training.classifier;
    match kind.foreign_settings().iter().find(|(name, _)| is_on_the_command_line(matches, name)) {
        Some((name, why)) => bail!("--{name}: it means nothing for {}, {why}", kind.title()),
        None => Ok(()),
    }
}

fn is_on_the_command_line(matches: &ArgMatches, key: &str) -> bool {
    let id = key.replace('-', "_");
    // `value_source` panics for what is no argument; that is told when the settings are read.
    let known = matches.ids().any(|known| known.as_str() == id);
    known && matches.value_source(&id) == Some(ValueSource::CommandLine)
}

fn read_text(path: &Path) -> Result<String> {
    let named = || path.display().to_string();
    let file = File::open(path).with_context(named)?;
    let mut text = String::new();
    file.take(LONGEST + 1).read_to_string(&mut text).with_context(named)?;
    if text.len() as u64 > LONGEST {
        bail!("{}: expected a file of settings of at most {LONGEST} bytes", named());
    }
    Ok(text)
}

/// The settings that mean something for the kind of classifier that is trained, a table for each section.
pub(crate) fn to_table(config: &Config) -> Result<Table> {
    let mut table = Table::try_from(config)?;
    let foreign = config.training.classifier.foreign_settings();
    for section in table.iter_mut().filter_map(|(_, section)| section.as_table_mut()) {
        section.retain(|key, _| foreign.iter().all(|(name, _)| key != *name));
    }
    table.retain(|_, section| section.as_table().is_none_or(|section| !section.is_empty()));
    Ok(table)
}

/// As a file holds them.
pub(crate) fn to_toml(config: &Config) -> Result<String> {
    Ok(toml::to_string(&to_table(config)?)?)
}

/// The settings that a model was trained with, as its metadata hold them; what they do not say is as it is by default.
pub(crate) fn from_toml(text: &str) -> Result<Config> {
    merge(&Config::default(), text.parse()?, None)
}

/// Whether a file of settings is as [`to_toml`] writes it: without comments, or anything else that writing it again would lose.
pub(crate) fn is_as_written(path: &Path) -> bool {
    let rewritten = |text: &str| to_toml(&from_toml(text)?);
    read_text(path).is_ok_and(|text| rewritten(&text).is_ok_and(|rewritten| rewritten == text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{ClassifierName, OptimizerName, SolverName};

    /// As files were before there was another kind of classifier than a network.
    const OLD: &str = r#"
        [data]
        data = "digits"
        target = "last"
        missing = "error"
        unseen = "error"
        header = "auto"
        test-fraction = 0.25
        [data.arrays]
        [network]
        hidden = [8]
        activation = "tanh"
        initializer = "he"
        dropout = 0.0
        preprocess = "auto"
        gradient = "fused"
        [training]
        epochs = 3
        optimizer = "sgd"
        schedule = "constant"
        weight-decay = 0.0
        label-smoothing = 0.0
        class-weights = "equal"
        monitor = "loss"
        seed = 7
        [run]
        threads = 0
        checkpoint-every = 10.0
        out = "out"
    "#;

    #[test]
    fn what_older_models_say_is_read() {
        let config = from_toml(OLD).expect("a network's settings");
        assert_eq!(config.training.classifier, ClassifierName::Network);
        assert_eq!((config.training.optimizer, config.training.seed), (OptimizerName::Sgd, 7));
        assert_eq!(config.data.test_fraction, 0.25);
        let error = from_toml(&OLD.replace("seed", "sead")).expect_err("no setting");
        assert!(format!("{error:#}").contains("sead"), "{error:#}");
    }

    #[test]
    fn each_kind_writes_its_own_settings() {
        let network = from_toml(OLD).expect("a network's settings");
        let mut regression = Config::default();
        regression.training.classifier = ClassifierName::SoftmaxRegression;
        regression.regression.solver = SolverName::Lbfgs;
        regression.regression.tolerance = 1e-12;
        for (config, own, foreign) in
            [(network, "hidden", "tolerance"), (regression, "tolerance", "weight-decay")]
        {
            let text = to_toml(&config).expect("TOML");
            assert!(text.contains(own) && !text.contains(foreign), "{text}");
            assert_eq!(from_toml(&text).expect("what was written"), config);
        }
    }
}
