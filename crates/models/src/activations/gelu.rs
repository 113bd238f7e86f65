use chainrule_core::{Activation, Real};
use chainrule_kernels::{gelu, gelu_backward};
use ndarray::{ArrayView2, ArrayViewMut2};

/// Gaussian error linear unit: y = x Φ(x), dx = (Φ(x) + x φ(x)) dy, with Φ and φ the distribution function and the density of the
/// standard normal distribution; exact, not the approximation by tanh.
///
/// Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units (GELUs)", 2016.
///
/// ```
/// use chainrule_core::Activation;
/// use chainrule_models::Gelu;
/// let x = ndarray::array![[0.0_f32, 100.0]];
/// assert_eq!(Gelu.output(x.view()), ndarray::array![[0.0, 100.0]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gelu;

impl<F: Real> Activation<F> for Gelu {
    fn name(&self) -> &'static str {
        "gelu"
    }

    fn forward(&self, x: ArrayView2<F>, y: ArrayViewMut2<F>) {
        gelu(x, y);
    }

    fn backward(&self, x: ArrayView2<F>, _y: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
        gelu_backward(x, dy, dx);
    }
}
