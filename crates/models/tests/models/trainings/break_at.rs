//! A callback that ends a training anywhere.

use chainrule_core::Real;
use chainrule_models::{BatchRecord, Callback, EpochRecord, Network};
use std::ops::ControlFlow;

/// Breaks at event number `at`, from 1, whichever it is.
pub(crate) struct BreakAt {
    at: usize,
    pub(crate) events: usize,
}

impl BreakAt {
    pub(crate) fn new(at: usize) -> Self {
        BreakAt { at, events: 0 }
    }

    fn event(&mut self) -> ControlFlow<()> {
        self.events += 1;
        if self.events == self.at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl<F: Real> Callback<F> for BreakAt {
    fn epoch_begin(&mut self, _: usize, _: usize) -> ControlFlow<()> {
        self.event()
    }
    fn batch_end(&mut self, _: &BatchRecord) -> ControlFlow<()> {
        self.event()
    }
    fn epoch_end(&mut self, _: &EpochRecord, _: &Network<F>) -> ControlFlow<()> {
        self.event()
    }
}
