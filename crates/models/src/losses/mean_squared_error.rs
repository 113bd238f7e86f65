use super::check_values;
use chainrule_core::{Error, Loss, Real, Targets};
use chainrule_kernels::{squared_error, squared_error_backward};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// Mean squared error: the loss of a row is the mean over its outputs of (y - t)², its gradient 2 (y - t) / outputs.
///
/// Targets are [`Targets::Values`]. Source: *Neural Networks from Scratch*, chapter 17 (there `Loss_MeanSquaredError`).
///
/// ```
/// use chainrule_core::{Loss, Targets};
/// use chainrule_models::MeanSquaredError;
/// let (y, t) = (ndarray::array![[1.0, 5.0]], ndarray::array![[0.0, 2.0]]);
/// assert_eq!(MeanSquaredError.mean(y.view(), Targets::Values(t.view()))?, 5.0);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeanSquaredError;

impl<F: Real> Loss<F> for MeanSquaredError {
    fn name(&self) -> &'static str {
        "mean squared error"
    }

    fn check(&self, width: usize, targets: Targets<F>) -> Result<(), Error> {
        check_values(width, targets)
    }

    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>) {
        squared_error(y, targets, losses);
    }

    fn backward(&self, y: ArrayView2<F>, targets: Targets<F>, scale: F, dy: ArrayViewMut2<F>) {
        squared_error_backward(y, targets, scale, dy);
    }
}
