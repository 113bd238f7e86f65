use chainrule_core::{Activation, Head, Real};
use chainrule_kernels::{log_softmax, log_softmax_backward};
use ndarray::{ArrayView2, ArrayViewMut2};

/// Logarithm of softmax: yᵢ = xᵢ - log Σⱼ exp(xⱼ), row by row; dx = dy - softmax(x) Σⱼ dyⱼ.
///
/// As the last layer before [`NegativeLogLikelihood`](crate::NegativeLogLikelihood) both go back as one.
///
/// ```
/// use chainrule_core::Activation;
/// use chainrule_models::LogSoftmax;
/// let y = LogSoftmax.output(ndarray::array![[0.0_f64, -1e9]].view());
/// assert_eq!(y, ndarray::array![[0.0, -1e9]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSoftmax;

impl<F: Real> Activation<F> for LogSoftmax {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn forward(&self, x: ArrayView2<F>, y: ArrayViewMut2<F>) {
        log_softmax(x, y);
    }

    fn backward(&self, _x: ArrayView2<F>, y: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
        log_softmax_backward(y, dy, dx);
    }

    fn head(&self) -> Option<Head> {
        Some(Head::LogSoftmax)
    }
}
