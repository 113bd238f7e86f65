use std::ops::{Deref, DerefMut};

/// The gradient of the mean loss in all parameters, laid out like [`Network::parameters`](crate::Network::parameters).
///
/// Made by [`Pass::backward`](crate::Pass::backward), used up by [`OptimizerState::step`](crate::OptimizerState::step).
/// Between the two it is a slice that may be looked at and changed: clipped, or summed over several machines.
#[derive(Debug)]
#[must_use = "a gradient does nothing until an optimiser takes a step with it"]
pub struct Gradient<'t, F> {
    values: &'t mut [F],
}

impl<'t, F> Gradient<'t, F> {
    pub(super) fn new(values: &'t mut [F]) -> Self {
        Gradient { values }
    }
}

impl<F> Deref for Gradient<'_, F> {
    type Target = [F];

    fn deref(&self) -> &[F] {
        self.values
    }
}

impl<F> DerefMut for Gradient<'_, F> {
    fn deref_mut(&mut self) -> &mut [F] {
        self.values
    }
}
