//! One module for each command.

mod completions;
mod doctor;
mod evaluate;
mod export;
mod gradients;
mod inspect;
mod predict;
mod report;
mod train;

use crate::args::Command;
use anyhow::Result;
use chainrule_kernels::SimdLevel;
use clap::ArgMatches;
use std::process::ExitCode;

/// Runs a command; `matches` are its arguments as they were given.
pub(crate) fn run(command: Command, matches: &ArgMatches) -> Result<ExitCode> {
    // Kernels have no way to report that it is wrong.
    SimdLevel::of_environment()?;
    match command {
        Command::Train(args) => return train::run(&args, matches),
        Command::Evaluate(args) => evaluate::run(&args)?,
        Command::Predict(args) => predict::run(&args)?,
        Command::Report(args) => report::run(&args)?,
        Command::Inspect(args) => inspect::run(&args)?,
        Command::Export(args) => export::run(&args)?,
        Command::Gradients(args) => gradients::run(&args)?,
        Command::Doctor(args) => return doctor::run(&args),
        Command::Completions(args) => completions::run(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}
