//! Errors as the user sees them: one line each on standard error.

use crate::{FAILURE, ranks};
use anyhow::anyhow;
use clap::error::ErrorKind;
use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

/// Prints an error and the chain of its causes.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    // Whatever fails in a file names it, so what names nothing was on its way to standard output.
    let nameless =
        error.chain().next().is_some_and(|first| first.is::<io::Error>() || first.is::<csv::Error>());
    print(&format!("{}{}", if nameless { "standard output: " } else { "" }, chain(error)));
    ExitCode::from(FAILURE)
}

/// Prints help or the version if that is what was asked for, and else what is wrong with the arguments.
pub(crate) fn report_usage(error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // If nobody reads the help, nobody misses it.
            let _ = error.print();
        }
        _ if ranks::are_several() => return ranks::fail(anyhow!(usage(&error.render().to_string()))),
        _ => print(&usage(&error.render().to_string())),
    }
    ExitCode::from(if error.use_stderr() { FAILURE } else { 0 })
}

fn print(message: &str) {
    if ranks::is_silent() {
        // Who exits first ends all, so rank 0 has some time to speak, where it could not be waited for.
        thread::sleep(Duration::from_millis(300));
        return;
    }
    // Standard error is the last resort; where it is closed there is no one left to tell. In one piece, as others write there, too.
    let _ = io::stderr().write_all(format!("error: {message}\n").as_bytes());
}

/// "a: b: c", without a cause that the message before already quotes.
fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = one_line(&cause.to_string());
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Clap's paragraphs as one line, without the usage, which `--help` shows better.
fn usage(rendered: &str) -> String {
    let paragraphs = rendered.split("\n\n").map(one_line).filter(|paragraph| {
        !(paragraph.is_empty() || paragraph.starts_with("Usage:") || paragraph.starts_with("For more"))
    });
    let text = paragraphs.collect::<Vec<_>>().join("; ");
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    format!("{text}; try --help")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_chain_is_one_line_and_repeats_nothing() {
        let error = Err::<(), _>(anyhow!("no such file")).context("a.csv: no such file").context("input");
        assert_eq!(chain(&error.unwrap_err()), "input: a.csv: no such file");
        assert_eq!(chain(&anyhow!("one\n  two").context("zero")), "zero: one two");
    }

    #[test]
    fn usage_is_one_line() {
        let rendered = "error: the following are missing:\n  --model <FILE>\n\nUsage: x --model <FILE>\n\nFor more \
                        information, try '--help'.\n";
        assert_eq!(usage(rendered), "the following are missing: --model <FILE>; try --help");
    }
}
