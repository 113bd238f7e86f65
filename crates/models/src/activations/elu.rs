use crate::settings::not_negative_in;
use chainrule_core::{Activation, Error, Real};
use chainrule_kernels::{elu, elu_backward};
use ndarray::{ArrayView2, ArrayViewMut2};

/// Exponential linear unit: y = x where x > 0, else α (exp(x) - 1); dx = dy or α exp(x) dy. At x = 0 the derivative is taken as α,
/// which for the usual α = 1 is no kink.
///
/// Source: D.-A. Clevert et al., "Fast and accurate deep network learning by exponential linear units (ELUs)", ICLR 2016.
///
/// ```
/// use chainrule_core::Activation;
/// use chainrule_models::Elu;
/// let x = ndarray::array![[-1000.0_f32, 0.0, 2.0]];
/// assert_eq!(Elu { alpha: 0.5 }.output(x.view()), ndarray::array![[-0.5, 0.0, 2.0]]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elu {
    /// α, at least 0: the limit for x → -∞ is -α.
    pub alpha: f64,
}

impl Default for Elu {
    /// α = 1.
    fn default() -> Self {
        Elu { alpha: 1.0 }
    }
}

impl<F: Real> Activation<F> for Elu {
    fn name(&self) -> &'static str {
        "elu"
    }

    fn check(&self) -> Result<(), Error> {
        not_negative_in::<F>("alpha", self.alpha)
    }

    fn forward(&self, x: ArrayView2<F>, y: ArrayViewMut2<F>) {
        elu(F::of(self.alpha), x, y);
    }

    fn backward(&self, x: ArrayView2<F>, _y: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
        elu_backward(F::of(self.alpha), x, dy, dx);
    }
}
