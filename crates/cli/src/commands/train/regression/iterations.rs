use crate::interrupt;
use crate::stdout::unless_closed;
use anyhow::{Context, Result};
use chainrule_models::Iteration;
use std::io::{self, Write};
use std::ops::ControlFlow;

/// Shows a line for each iteration of a solver, and ends it when Ctrl-C asks for that.
pub(super) struct Iterations {
    is_quiet: bool,
    /// Iterations that were shown.
    count: usize,
    shown: io::Result<()>,
}

impl Iterations {
    pub(super) fn new(is_quiet: bool) -> Self {
        Iterations { is_quiet, count: 0, shown: Ok(()) }
    }

    /// An iteration is over.
    pub(super) fn show(&mut self, record: &Iteration) -> ControlFlow<()> {
        self.count += 1;
        if !self.is_quiet {
            self.shown = unless_closed(writeln!(io::stdout(), "{record}"));
        }
        if self.shown.is_err() || interrupt::is_asked() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Shows those of `all` that were not shown yet; an error if a line could not be printed.
    pub(super) fn finish(mut self, all: &[Iteration]) -> Result<()> {
        for record in all.iter().skip(self.count) {
            if self.shown.is_ok() {
                let _ = self.show(record);
            }
        }
        self.shown.context("standard output")
    }
}
