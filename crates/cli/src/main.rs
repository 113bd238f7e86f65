//! The program `chainrule`: trains, evaluates and inspects dense classifiers, predicts with them, and times the ways back
//! through softmax and cross-entropy. It computes nothing itself; see `chainrule --help`.

mod args;
mod charts;
mod commands;
mod data;
mod failure;
mod gradient_paths;
mod machine;
mod output_directory;
mod progress;
mod stdout;

use args::Cli;
use clap::Parser;
use std::process::ExitCode;

/// Exit code of every mistake and failure; clap uses the same.
const FAILURE: u8 = 2;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return failure::report_usage(&usage),
    };
    match commands::run(cli.command) {
        Ok(code) => code,
        // Whoever read the output has seen enough.
        Err(error) if stdout::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
