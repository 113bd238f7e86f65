//! The program `chainrule`: trains, evaluates, inspects and exports dense classifiers, predicts with them, and times the ways
//! back through softmax and cross-entropy. It computes nothing itself; see `chainrule --help`.

mod args;
mod charts;
mod commands;
mod config;
mod data;
mod failure;
mod gradient_paths;
mod interrupt;
mod machine;
mod model;
mod output_directory;
mod page;
mod progress;
mod ranks;
mod stdout;

use args::Cli;
use clap::{CommandFactory, FromArgMatches};
use std::process::ExitCode;

/// Exit code of every mistake and failure; clap uses the same.
const FAILURE: u8 = 2;

fn main() -> ExitCode {
    let parsed = Cli::command().try_get_matches();
    let parsed = parsed.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let (cli, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(usage) => return failure::report_usage(&usage),
    };
    let of_command = matches.subcommand().map_or(&matches, |(_, matches)| matches);
    match commands::run(cli.command, of_command) {
        Ok(code) => code,
        // Whoever read the output has seen enough.
        Err(error) if stdout::is_closed(&error) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
