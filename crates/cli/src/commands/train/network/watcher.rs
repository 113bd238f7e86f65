use crate::interrupt;
use crate::progress::EpochBar;
use crate::stdout::unless_closed;
use anyhow::{Context, Result};
use chainrule_models::{BatchRecord, Callback, EpochRecord, Network};
use std::io;
use std::ops::ControlFlow;

/// Shows how a training goes, and ends it when Ctrl-C asks for that.
pub(super) struct Watcher {
    bar: EpochBar,
    shown: io::Result<()>,
}

impl Watcher {
    pub(super) fn new(quiet: bool, held_out: &'static str) -> Self {
        Watcher { bar: EpochBar::new(quiet, held_out), shown: Ok(()) }
    }

    /// Takes the bar off the screen; an error if a line could not be printed.
    pub(super) fn finish(self) -> Result<()> {
        self.bar.finish();
        self.shown.context("standard output")
    }
}

impl Callback<f32> for Watcher {
    fn batch_end(&mut self, record: &BatchRecord) -> ControlFlow<()> {
        self.bar.batch(record);
        if interrupt::is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn epoch_end(&mut self, record: &EpochRecord, _: &Network<f32>) -> ControlFlow<()> {
        self.shown = unless_closed(self.bar.epoch(record));
        if self.shown.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}
