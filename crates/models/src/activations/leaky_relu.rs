use crate::settings::not_negative_in;
use chainrule_core::{Activation, Error, Real};
use chainrule_kernels::{leaky_relu, leaky_relu_backward};
use ndarray::{ArrayView2, ArrayViewMut2};

/// Leaky rectified linear unit: y = x where x > 0, else slope · x; dx = dy or slope · dy. At the kink, x = 0, the derivative is taken
/// as the slope.
///
/// Source: A. L. Maas et al., "Rectifier nonlinearities improve neural network acoustic models", ICML 2013.
///
/// ```
/// use chainrule_core::Activation;
/// use chainrule_models::LeakyRelu;
/// let x = ndarray::array![[-1.0_f32, 0.0, 2.0]];
/// assert_eq!(LeakyRelu { slope: 0.5 }.output(x.view()), ndarray::array![[-0.5, 0.0, 2.0]]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeakyRelu {
    /// Derivative for x ≤ 0, at least 0.
    pub slope: f64,
}

impl Default for LeakyRelu {
    /// A slope of 0.01.
    fn default() -> Self {
        LeakyRelu { slope: 0.01 }
    }
}

impl<F: Real> Activation<F> for LeakyRelu {
    fn name(&self) -> &'static str {
        "leaky_relu"
    }

    fn check(&self) -> Result<(), Error> {
        not_negative_in::<F>("slope", self.slope)
    }

    fn forward(&self, x: ArrayView2<F>, y: ArrayViewMut2<F>) {
        leaky_relu(F::of(self.slope), x, y);
    }

    fn backward(&self, x: ArrayView2<F>, _y: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
        leaky_relu_backward(F::of(self.slope), x, dy, dx);
    }
}
