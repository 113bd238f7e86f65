use chainrule_core::{Activation, Real};
use ndarray::{ArrayView2, ArrayViewMut2};

/// The identity: y = x, dx = dy.
///
/// Source: *Neural Networks from Scratch*, chapter 17 (there `Activation_Linear`).
///
/// ```
/// use chainrule_core::Activation;
/// use chainrule_models::Linear;
/// let x = ndarray::array![[-1.0_f32, 2.0]];
/// assert_eq!(Linear.output(x.view()), ndarray::array![[-1.0, 2.0]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Linear;

impl<F: Real> Activation<F> for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn forward(&self, x: ArrayView2<F>, mut y: ArrayViewMut2<F>) {
        y.assign(&x);
    }

    fn backward(&self, _x: ArrayView2<F>, _y: ArrayView2<F>, dy: ArrayView2<F>, mut dx: ArrayViewMut2<F>) {
        dx.assign(&dy);
    }
}
