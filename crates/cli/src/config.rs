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
    let mut merged = Table::try_from(flags).with_context(named)?;
    for (section, settings) in file {
        let Some(Value::Table(known)) = merged.get_mut(&section) else {
            bail!(
                "{}: {section:?} is no table of settings, expected data, network, training and run",
                named()
            );
        };
        let Value::Table(settings) = settings else {
            bail!("{}: {section} is a value, expected a table, [{section}]", named());
        };
        overlay(known, settings, matches);
    }
    let read = Value::Table(merged).try_into();
    let mut config: Config =
        read.map_err(|error: toml::de::Error| anyhow::Error::new(error).context(named()))?;
    // What is printed is asked for, not written down.
    config.run.quiet |= flags.run.quiet;
    config.run.json |= flags.run.json;
    config.check().map_err(|error| anyhow!("{}: {error}", named()))?;
    Ok(config)
}

/// Puts a file's settings in the place of all that no flag gave.
fn overlay(known: &mut Table, settings: Table, matches: &ArgMatches) {
    for (key, value) in settings {
        match (known.get_mut(&key), value) {
            (Some(Value::Table(known)), Value::Table(settings)) => overlay(known, settings, matches),
            (_, value) if !is_on_the_command_line(matches, &key) => drop(known.insert(key, value)),
            _ => {}
        }
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

/// As a file holds them.
pub(crate) fn to_toml(config: &Config) -> Result<String> {
    Ok(toml::to_string(config)?)
}

/// The settings that a model was trained with, as its metadata hold them.
pub(crate) fn from_toml(text: &str) -> Result<Config> {
    Ok(toml::from_str(text)?)
}
