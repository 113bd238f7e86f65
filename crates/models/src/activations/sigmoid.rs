use chainrule_core::{Activation, Head, Real};
use chainrule_kernels::{sigmoid, sigmoid_backward};
use ndarray::{ArrayView2, ArrayViewMut2};

/// Logistic sigmoid: y = 1 / (1 + exp(-x)), dx = σ(x) σ(-x) dy.
///
/// As the last layer before [`BinaryCrossEntropy`](crate::BinaryCrossEntropy) both go back as one. Source: *Neural Networks from
/// Scratch*, chapter 16 (there `Activation_Sigmoid`).
///
/// ```
/// use chainrule_core::Activation;
/// use chainrule_models::Sigmoid;
/// let x = ndarray::array![[0.0_f64, 1000.0, -1000.0]];
/// assert_eq!(Sigmoid.output(x.view()), ndarray::array![[0.5, 1.0, 0.0]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sigmoid;

impl<F: Real> Activation<F> for Sigmoid {
    fn name(&self) -> &'static str {
        "sigmoid"
    }

    fn forward(&self, x: ArrayView2<F>, y: ArrayViewMut2<F>) {
        sigmoid(x, y);
    }

    fn backward(&self, x: ArrayView2<F>, _y: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
        sigmoid_backward(x, dy, dx);
    }

    fn head(&self) -> Option<Head> {
        Some(Head::Sigmoid)
    }
}
