use super::cross_entropy_settings::{CrossEntropySettings, cross_entropy_settings};
use chainrule_core::{Error, Loss, OutputKind, Real, Targets};
use chainrule_kernels::{cross_entropy_on_logits, softmax_cross_entropy};
use ndarray::{Array1, ArrayView2, ArrayViewMut1, ArrayViewMut2};
use std::sync::Arc;

/// Softmax and categorical cross-entropy as one loss of the logits x: the loss of a row is log Σⱼ exp(xⱼ) - Σⱼ yⱼ xⱼ, its
/// gradient softmax(x) - y; how that follows from the Jacobian is derived at
/// [`chainrule_kernels::softmax_cross_entropy()`].
///
/// For a network that ends in logits. Source: *Neural Networks from Scratch*, chapter 9 (there
/// `Activation_Softmax_Loss_CategoricalCrossentropy`).
///
/// ```
/// use chainrule_core::{Loss, Targets};
/// use chainrule_models::SoftmaxCrossEntropy;
/// let logits = ndarray::array![[0.0_f64, 0.0]];
/// let gradient = SoftmaxCrossEntropy::new().gradient(logits.view(), Targets::Classes(&[0]))?;
/// assert_eq!(gradient, ndarray::array![[-0.5, 0.5]]);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SoftmaxCrossEntropy {
    pub(super) settings: CrossEntropySettings,
}

impl SoftmaxCrossEntropy {
    /// Without weights, smoothing or an ignored label.
    pub const fn new() -> Self {
        SoftmaxCrossEntropy { settings: CrossEntropySettings::NONE }
    }
}

cross_entropy_settings!(SoftmaxCrossEntropy, settings);

impl<F: Real> Loss<F> for SoftmaxCrossEntropy {
    fn name(&self) -> &'static str {
        "softmax cross-entropy"
    }

    fn expected_outputs(&self) -> Option<OutputKind> {
        Some(OutputKind::Logits)
    }

    fn check(&self, width: usize, targets: Targets<F>) -> Result<(), Error> {
        self.settings.check(width, targets)
    }

    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>) {
        cross_entropy_on_logits(y, targets, self.settings.options(), losses);
    }

    fn backward(&self, y: ArrayView2<F>, targets: Targets<F>, scale: F, dy: ArrayViewMut2<F>) {
        let mut losses = Array1::zeros(y.nrows());
        self.forward_backward(y, targets, scale, losses.view_mut(), dy);
    }

    fn forward_backward(
        &self,
        y: ArrayView2<F>,
        targets: Targets<F>,
        scale: F,
        losses: ArrayViewMut1<F>,
        dy: ArrayViewMut2<F>,
    ) {
        softmax_cross_entropy(y, targets, self.settings.options(), scale, losses, dy);
    }

    fn with_class_weights(&self, weights: &[f64]) -> Option<Arc<dyn Loss<F>>> {
        Some(Arc::new(self.clone().class_weights(weights.iter().copied())))
    }

    fn row_weight(&self, targets: Targets<F>, row: usize) -> f64 {
        self.settings.row_weight(targets, row)
    }
}
