//! Ctrl-C (and the signals that ask to end): the first is noted, for whoever can end in good order; the second ends at once.

use anyhow::{Context, Result};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// What a shell says of a program that Ctrl-C ended.
pub(crate) const EXIT_CODE: u8 = 130;

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C is noted.
pub(crate) fn listen() -> Result<()> {
    let note = || {
        if ASKED.swap(true, Relaxed) {
            process::exit(i32::from(EXIT_CODE));
        }
    };
    ctrlc::set_handler(note).context("the handler of Ctrl-C could not be set")
}

/// Whether it was asked to end.
pub(crate) fn is_asked() -> bool {
    ASKED.load(Relaxed)
}
