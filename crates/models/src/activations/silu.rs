use chainrule_core::{Activation, Real};
use chainrule_kernels::{silu, silu_backward};
use ndarray::{ArrayView2, ArrayViewMut2};

/// Sigmoid linear unit, also known as swish: y = x σ(x), dx = (σ(x) + x σ(x) σ(-x)) dy.
///
/// Source: S. Elfwing et al., "Sigmoid-weighted linear units for neural network function approximation in reinforcement
/// learning", Neural Networks 107, 2018.
///
/// ```
/// use chainrule_core::Activation;
/// use chainrule_models::Silu;
/// let x = ndarray::array![[0.0_f32, 100.0]];
/// assert_eq!(Silu.output(x.view()), ndarray::array![[0.0, 100.0]]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Silu;

impl<F: Real> Activation<F> for Silu {
    fn name(&self) -> &'static str {
        "silu"
    }

    fn forward(&self, x: ArrayView2<F>, y: ArrayViewMut2<F>) {
        silu(x, y);
    }

    fn backward(&self, x: ArrayView2<F>, _y: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
        silu_backward(x, dy, dx);
    }
}
