use super::SoftmaxCrossEntropy;
use super::cross_entropy_settings::cross_entropy_settings;
use chainrule_core::{Error, Head, Loss, OutputKind, Real, Targets};
use chainrule_kernels::{negative_log_likelihood, negative_log_likelihood_backward};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};
use std::sync::Arc;

/// Negative log-likelihood of log-probabilities x: the loss of a row is -Σⱼ yⱼ xⱼ, its gradient -y.
///
/// The loss for a network that ends in [`LogSoftmax`](crate::LogSoftmax); with it, it is [`SoftmaxCrossEntropy`] of the logits.
///
/// ```
/// use chainrule_core::{Loss, Targets};
/// use chainrule_models::NegativeLogLikelihood;
/// let x = ndarray::array![[-0.5, -2.0], [-1.0, -1.0]];
/// let loss: f64 = NegativeLogLikelihood::new().mean(x.view(), Targets::Classes(&[0, 1]))?;
/// assert_eq!(loss, 0.75);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NegativeLogLikelihood {
    on_logits: SoftmaxCrossEntropy,
}

impl NegativeLogLikelihood {
    /// Without weights, smoothing or an ignored label.
    pub const fn new() -> Self {
        NegativeLogLikelihood { on_logits: SoftmaxCrossEntropy::new() }
    }
}

cross_entropy_settings!(NegativeLogLikelihood, on_logits.settings);

impl<F: Real> Loss<F> for NegativeLogLikelihood {
    fn name(&self) -> &'static str {
        "negative log-likelihood"
    }

    fn check(&self, width: usize, targets: Targets<F>) -> Result<(), Error> {
        self.on_logits.settings.check(width, targets)
    }

    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>) {
        negative_log_likelihood(y, targets, self.on_logits.settings.options(), losses);
    }

    fn backward(&self, _y: ArrayView2<F>, targets: Targets<F>, scale: F, dy: ArrayViewMut2<F>) {
        negative_log_likelihood_backward(targets, self.on_logits.settings.options(), scale, dy);
    }

    fn expected_outputs(&self) -> Option<OutputKind> {
        Some(OutputKind::LogProbabilities)
    }

    fn fused_with(&self, head: Head) -> Option<&dyn Loss<F>> {
        (head == Head::LogSoftmax).then_some(&self.on_logits)
    }

    fn with_class_weights(&self, weights: &[f64]) -> Option<Arc<dyn Loss<F>>> {
        Some(Arc::new(self.clone().class_weights(weights.iter().copied())))
    }

    fn row_weight(&self, targets: Targets<F>, row: usize) -> f64 {
        self.on_logits.settings.row_weight(targets, row)
    }
}
