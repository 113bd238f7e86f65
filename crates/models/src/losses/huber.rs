use super::check_values;
use crate::settings::positive;
use chainrule_core::{Error, Loss, Real, Targets};
use chainrule_kernels::{huber, huber_backward};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// Huber's loss: the loss of a row is the mean over its outputs of d²/2 where |d| ≤ δ, else δ (|d| - δ/2), with d = y - t; its
/// gradient is d clipped to \[-δ, δ\], divided by the outputs.
///
/// Squared near the target, absolute far from it, so that an outlier does not take over. Targets are [`Targets::Values`].
/// Source: P. J. Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35, 1964.
///
/// ```
/// use chainrule_core::{Loss, Targets};
/// use chainrule_models::Huber;
/// let (y, t) = (ndarray::array![[1.0, 5.0]], ndarray::array![[0.0, 2.0]]);
/// assert_eq!(Huber { delta: 1.0 }.mean(y.view(), Targets::Values(t.view()))?, 1.5);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Huber {
    /// δ, above 0.
    pub delta: f64,
}

impl Default for Huber {
    /// δ = 1.
    fn default() -> Self {
        Huber { delta: 1.0 }
    }
}

impl<F: Real> Loss<F> for Huber {
    fn name(&self) -> &'static str {
        "huber"
    }

    fn check(&self, width: usize, targets: Targets<F>) -> Result<(), Error> {
        positive("delta", self.delta)?;
        check_values(width, targets)
    }

    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>) {
        huber(y, targets, F::of(self.delta), losses);
    }

    fn backward(&self, y: ArrayView2<F>, targets: Targets<F>, scale: F, dy: ArrayViewMut2<F>) {
        huber_backward(y, targets, F::of(self.delta), scale, dy);
    }
}
