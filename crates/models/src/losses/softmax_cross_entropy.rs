use chainrule_core::{Loss, Real, Targets};
use chainrule_kernels::{cross_entropy_on_logits, softmax_cross_entropy};
use ndarray::{Array1, ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// Softmax and categorical cross-entropy as one loss of the logits x: the loss of a row is log Σⱼ exp(xⱼ) - Σⱼ yⱼ xⱼ, its
/// gradient softmax(x) - y.
///
/// For a network that ends in logits. Source: *Neural Networks from Scratch*, chapter 9 (there
/// `Activation_Softmax_Loss_CategoricalCrossentropy`).
///
/// ```
/// use chainrule_core::{Loss, Targets};
/// use chainrule_models::SoftmaxCrossEntropy;
/// let logits = ndarray::array![[0.0_f64, 0.0]];
/// let gradient = SoftmaxCrossEntropy.gradient(logits.view(), Targets::Classes(&[0]))?;
/// assert_eq!(gradient, ndarray::array![[-0.5, 0.5]]);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoftmaxCrossEntropy;

impl<F: Real> Loss<F> for SoftmaxCrossEntropy {
    fn name(&self) -> &'static str {
        "softmax cross-entropy"
    }

    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>) {
        cross_entropy_on_logits(y, targets, losses);
    }

    fn backward(&self, y: ArrayView2<F>, targets: Targets<F>, scale: F, dy: ArrayViewMut2<F>) {
        let mut losses = Array1::zeros(y.nrows());
        softmax_cross_entropy(y, targets, scale, losses.view_mut(), dy);
    }

    fn forward_backward(
        &self,
        y: ArrayView2<F>,
        targets: Targets<F>,
        scale: F,
        losses: ArrayViewMut1<F>,
        dy: ArrayViewMut2<F>,
    ) {
        softmax_cross_entropy(y, targets, scale, losses, dy);
    }
}
