//! One module for each command.

mod doctor;
mod evaluate;
mod gradients;
mod inspect;
mod predict;
mod train;

use crate::args::Command;
use anyhow::Result;
use chainrule_kernels::SimdLevel;
use std::process::ExitCode;

/// Runs a command.
pub(crate) fn run(command: Command) -> Result<ExitCode> {
    // Kernels have no way to report that it is wrong.
    SimdLevel::of_environment()?;
    match command {
        Command::Train(args) => train::run(&args)?,
        Command::Evaluate(args) => evaluate::run(&args)?,
        Command::Predict(args) => predict::run(&args)?,
        Command::Inspect(args) => inspect::run(&args)?,
        Command::Gradients(args) => gradients::run(&args)?,
        Command::Doctor(args) => return doctor::run(&args),
    }
    Ok(ExitCode::SUCCESS)
}
