use chainrule_core::{Activation, Real};
use chainrule_kernels::{relu, relu_backward};
use ndarray::{ArrayView2, ArrayViewMut2};

/// Rectified linear unit: y = max(0, x), dx = dy where x > 0, else 0.
///
/// At the kink, x = 0, the derivative is taken as 0, as in *Neural Networks from Scratch*, chapter 9 (there
/// `Activation_ReLU`).
///
/// ```
/// use chainrule_core::Activation;
/// use chainrule_models::Relu;
/// let x = ndarray::array![[-1.0_f32, 0.0, 2.0]];
/// assert_eq!(Relu.output(x.view()), ndarray::array![[0.0, 0.0, 2.0]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relu;

impl<F: Real> Activation<F> for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn forward(&self, x: ArrayView2<F>, y: ArrayViewMut2<F>) {
        relu(x, y);
    }

    fn backward(&self, x: ArrayView2<F>, _y: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
        relu_backward(x, dy, dx);
    }
}
