use super::SoftmaxCrossEntropy;
use chainrule_core::{Head, Loss, Real, Targets};
use chainrule_kernels::{cross_entropy, cross_entropy_backward};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// Categorical cross-entropy of probabilities ŷ: the loss of a row is -Σⱼ yⱼ log ŷⱼ, its gradient -y / ŷ.
///
/// Probabilities are clipped to \[1e-7, 1 - 1e-7\] first, forward and backward. Targets may be class indices, one-hot rows or
/// soft labels. Behind a softmax on its default path it is [`SoftmaxCrossEntropy`] of the logits instead: the same
/// gradient, cheaper, and exact for every probability. Source: *Neural Networks from Scratch*, chapters 5 and 9 (there
/// `Loss_CategoricalCrossentropy`).
///
/// ```
/// use chainrule_core::{Loss, Targets};
/// use chainrule_models::CategoricalCrossEntropy;
/// let probabilities = ndarray::array![[0.7, 0.1, 0.2], [0.1, 0.5, 0.4], [0.02, 0.9, 0.08]];
/// let loss: f64 = CategoricalCrossEntropy.mean(probabilities.view(), Targets::Classes(&[0, 1, 1]))?;
/// assert!((loss - 0.38506088005216804).abs() < 1e-15);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CategoricalCrossEntropy;

impl<F: Real> Loss<F> for CategoricalCrossEntropy {
    fn name(&self) -> &'static str {
        "categorical cross-entropy"
    }

    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>) {
        cross_entropy(y, targets, losses);
    }

    fn backward(&self, y: ArrayView2<F>, targets: Targets<F>, scale: F, dy: ArrayViewMut2<F>) {
        cross_entropy_backward(y, targets, scale, dy);
    }

    fn fused_with(&self, head: Head) -> Option<&dyn Loss<F>> {
        match head {
            Head::Softmax => Some(&SoftmaxCrossEntropy),
            _ => None,
        }
    }
}
