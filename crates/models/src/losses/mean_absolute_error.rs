use super::check_values;
use chainrule_core::{Error, Loss, Real, Targets};
use chainrule_kernels::{absolute_error, absolute_error_backward};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// Mean absolute error: the loss of a row is the mean over its outputs of |y - t|, its gradient sign(y - t) / outputs.
///
/// Where y = t the gradient is taken as 0. Targets are [`Targets::Values`]. Source: *Neural Networks from Scratch*, chapter 17
/// (there `Loss_MeanAbsoluteError`).
///
/// ```
/// use chainrule_core::{Loss, Targets};
/// use chainrule_models::MeanAbsoluteError;
/// let (y, t) = (ndarray::array![[1.0, 5.0]], ndarray::array![[0.0, 2.0]]);
/// assert_eq!(MeanAbsoluteError.mean(y.view(), Targets::Values(t.view()))?, 2.0);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeanAbsoluteError;

impl<F: Real> Loss<F> for MeanAbsoluteError {
    fn name(&self) -> &'static str {
        "mean absolute error"
    }

    fn check(&self, width: usize, targets: Targets<F>) -> Result<(), Error> {
        check_values(width, targets)
    }

    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>) {
        absolute_error(y, targets, losses);
    }

    fn backward(&self, y: ArrayView2<F>, targets: Targets<F>, scale: F, dy: ArrayViewMut2<F>) {
        absolute_error_backward(y, targets, scale, dy);
    }
}
