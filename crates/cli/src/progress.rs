//! The bar that runs through each epoch.

use chainrule_models::{BatchRecord, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, Write};

/// A bar on standard error; invisible where that is no terminal.
pub(crate) struct EpochBar {
    bar: ProgressBar,
    quiet: bool,
}

impl EpochBar {
    pub(crate) fn new(quiet: bool) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
        let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len}  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        EpochBar { bar, quiet }
    }

    /// Moves the bar, and prints a line for an epoch that is over.
    pub(crate) fn show(&self, news: Progress) -> io::Result<()> {
        match news {
            Progress::Batch(&BatchRecord { epoch, epochs, batch, batches, loss, accuracy, .. }) => {
                if !self.bar.is_hidden() {
                    if batch == 1 {
                        self.bar.set_length(batches as u64);
                        self.bar.set_prefix(format!("epoch {epoch}/{epochs}"));
                        self.bar.reset();
                    }
                    self.bar.set_position(batch as u64);
                    self.bar.set_message(format!("loss {loss:.4}  accuracy {accuracy:.4}"));
                }
                Ok(())
            }
            Progress::Epoch(record) if !self.quiet => self.bar.suspend(|| writeln!(io::stdout(), "{record}")),
            _ => Ok(()),
        }
    }

    /// Takes the bar off the screen.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
