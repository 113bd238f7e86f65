use super::SoftmaxCrossEntropy;
use super::cross_entropy_settings::cross_entropy_settings;
use chainrule_core::{Error, Head, Loss, OutputKind, Real, Targets};
use chainrule_kernels::{cross_entropy, cross_entropy_backward};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};
use std::sync::Arc;

/// Categorical cross-entropy of probabilities ŷ: the loss of a row is -Σⱼ yⱼ log ŷⱼ, its gradient -y / ŷ.
///
/// Probabilities are clipped to \[1e-7, 1 - 1e-7\] before the logarithm; the gradient is that of the unclipped loss, and finite
/// where ŷ is 0. Targets may be class indices, one-hot rows or
/// soft labels. Behind a softmax on its default path it is [`SoftmaxCrossEntropy`] of the logits instead: the same
/// gradient, cheaper, and exact for every probability. Source: *Neural Networks from Scratch*, chapters 5 and 9 (there
/// `Loss_CategoricalCrossentropy`).
///
/// ```
/// use chainrule_core::{Loss, Targets};
/// use chainrule_models::CategoricalCrossEntropy;
/// let probabilities = ndarray::array![[0.7, 0.1, 0.2], [0.1, 0.5, 0.4], [0.02, 0.9, 0.08]];
/// let targets = Targets::Classes(&[0, 1, 1]);
/// let loss: f64 = CategoricalCrossEntropy::new().mean(probabilities.view(), targets)?;
/// assert!((loss - 0.38506088005216804).abs() < 1e-15);
/// let smoothed: f64 = CategoricalCrossEntropy::new().label_smoothing(0.1).mean(probabilities.view(), targets)?;
/// assert!((smoothed - 0.510153).abs() < 1e-6);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CategoricalCrossEntropy {
    on_logits: SoftmaxCrossEntropy,
}

impl CategoricalCrossEntropy {
    /// Without weights, smoothing or an ignored label.
    pub const fn new() -> Self {
        CategoricalCrossEntropy { on_logits: SoftmaxCrossEntropy::new() }
    }
}

cross_entropy_settings!(CategoricalCrossEntropy, on_logits.settings);

impl<F: Real> Loss<F> for CategoricalCrossEntropy {
    fn name(&self) -> &'static str {
        "categorical cross-entropy"
    }

    fn check(&self, width: usize, targets: Targets<F>) -> Result<(), Error> {
        self.on_logits.settings.check(width, targets)
    }

    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>) {
        cross_entropy(y, targets, self.on_logits.settings.options(), losses);
    }

    fn backward(&self, y: ArrayView2<F>, targets: Targets<F>, scale: F, dy: ArrayViewMut2<F>) {
        cross_entropy_backward(y, targets, self.on_logits.settings.options(), scale, dy);
    }

    fn expected_outputs(&self) -> Option<OutputKind> {
        Some(OutputKind::Probabilities)
    }

    fn fused_with(&self, head: Head) -> Option<&dyn Loss<F>> {
        (head == Head::Softmax).then_some(&self.on_logits)
    }

    fn with_class_weights(&self, weights: &[f64]) -> Option<Arc<dyn Loss<F>>> {
        Some(Arc::new(self.clone().class_weights(weights.iter().copied())))
    }

    fn row_weight(&self, targets: Targets<F>, row: usize) -> f64 {
        self.on_logits.settings.row_weight(targets, row)
    }
}
