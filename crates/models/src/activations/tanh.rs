use chainrule_core::{Activation, Real};
use chainrule_kernels::{tanh, tanh_backward};
use ndarray::{ArrayView2, ArrayViewMut2};

/// Hyperbolic tangent: y = tanh(x), dx = (1 - tanh²(x)) dy.
///
/// ```
/// use chainrule_core::Activation;
/// use chainrule_models::Tanh;
/// let x = ndarray::array![[0.0_f32, 100.0]];
/// assert_eq!(Tanh.output(x.view()), ndarray::array![[0.0, 1.0]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tanh;

impl<F: Real> Activation<F> for Tanh {
    fn name(&self) -> &'static str {
        "tanh"
    }

    fn forward(&self, x: ArrayView2<F>, y: ArrayViewMut2<F>) {
        tanh(x, y);
    }

    fn backward(&self, x: ArrayView2<F>, _y: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
        tanh_backward(x, dy, dx);
    }
}
