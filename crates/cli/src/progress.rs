//! What a training shows while it runs.

use chainrule_models::{BatchRecord, EpochRecord};
use indicatif::{ProgressBar, ProgressStyle};
use std::cell::Cell;
use std::io::{self, Write};

/// A bar for each epoch on standard error, invisible where that is no terminal, and a line on standard output when it is over.
pub(crate) struct EpochBar {
    bar: ProgressBar,
    quiet: bool,
    /// What the part is called that is evaluated after each epoch.
    held_out: &'static str,
    /// The epoch that the bar shows; 0 at first.
    epoch: Cell<usize>,
}

impl EpochBar {
    pub(crate) fn new(quiet: bool, held_out: &'static str) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let style =
            ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len}  {msg}  {per_sec}, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        EpochBar { bar, quiet, held_out, epoch: Cell::new(0) }
    }

    /// A step was taken.
    pub(crate) fn batch(&self, record: &BatchRecord) {
        if self.bar.is_hidden() {
            return;
        }
        // Also for an epoch that is gone on with.
        if self.epoch.replace(record.epoch) != record.epoch {
            self.bar.set_length(record.batches as u64);
            self.bar.set_prefix(format!("epoch {}/{}", record.epoch, record.epochs));
            self.bar.reset();
        }
        self.bar.set_position(record.batch as u64);
        self.bar.set_message(format!("loss {:.4}  accuracy {:.4}", record.loss, record.accuracy));
    }

    /// An epoch is over.
    pub(crate) fn epoch(&self, record: &EpochRecord) -> io::Result<()> {
        if self.quiet {
            return Ok(());
        }
        let line = record.to_string().replace("validation", self.held_out);
        self.bar.suspend(|| writeln!(io::stdout(), "{line}"))
    }

    /// Takes the bar off the screen.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
