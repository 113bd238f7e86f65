use super::cross_entropy_settings::{CrossEntropySettings, cross_entropy_settings};
use crate::settings::not_negative;
use chainrule_core::{Error, Head, Loss, OutputKind, Real, Targets};
use chainrule_kernels::{focal, focal_backward, focal_on_logits, softmax_focal};
use ndarray::{Array1, ArrayView2, ArrayViewMut1, ArrayViewMut2};
use std::sync::Arc;

/// Focal loss of probabilities ŷ: the loss of a row is -Σⱼ yⱼ (1 - ŷⱼ)^γ log ŷⱼ, cross-entropy in which a class that is already
/// known counts less. With γ = 0 it is [`CategoricalCrossEntropy`](crate::CategoricalCrossEntropy).
///
/// Probabilities are clipped to \[1e-7, 1 - 1e-7\] first; behind a softmax on its default path it is [`SoftmaxFocal`] of the
/// logits instead. Source: T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017; their α is
/// [`Focal::class_weights`].
///
/// ```
/// use chainrule_core::{Loss, Targets};
/// use chainrule_models::Focal;
/// let probabilities = ndarray::array![[0.5, 0.5]];
/// let loss: f64 = Focal::new(2.0).mean(probabilities.view(), Targets::Classes(&[0]))?;
/// assert!((loss - 0.25 * 2.0_f64.ln()).abs() < 1e-15);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Focal {
    on_logits: SoftmaxFocal,
}

impl Focal {
    /// With the exponent γ, at least 0; the paper's is 2.
    pub const fn new(gamma: f64) -> Self {
        Focal { on_logits: SoftmaxFocal::new(gamma) }
    }
}

cross_entropy_settings!(Focal, on_logits.settings);

impl<F: Real> Loss<F> for Focal {
    fn name(&self) -> &'static str {
        "focal"
    }

    fn check(&self, width: usize, targets: Targets<F>) -> Result<(), Error> {
        self.on_logits.check(width, targets)
    }

    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>) {
        let SoftmaxFocal { gamma, settings } = &self.on_logits;
        focal(y, targets, settings.options(), F::of(*gamma), losses);
    }

    fn backward(&self, y: ArrayView2<F>, targets: Targets<F>, scale: F, dy: ArrayViewMut2<F>) {
        let SoftmaxFocal { gamma, settings } = &self.on_logits;
        focal_backward(y, targets, settings.options(), F::of(*gamma), scale, dy);
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

/// Softmax and [`Focal`] as one loss of the logits, without clipping.
#[derive(Clone, Debug, PartialEq)]
pub struct SoftmaxFocal {
    gamma: f64,
    settings: CrossEntropySettings,
}

impl SoftmaxFocal {
    /// With the exponent γ, at least 0; the paper's is 2.
    pub const fn new(gamma: f64) -> Self {
        SoftmaxFocal { gamma, settings: CrossEntropySettings::NONE }
    }
}

cross_entropy_settings!(SoftmaxFocal, settings);

impl<F: Real> Loss<F> for SoftmaxFocal {
    fn name(&self) -> &'static str {
        "softmax focal"
    }

    fn expected_outputs(&self) -> Option<OutputKind> {
        Some(OutputKind::Logits)
    }

    fn check(&self, width: usize, targets: Targets<F>) -> Result<(), Error> {
        not_negative("gamma", self.gamma)?;
        self.settings.check(width, targets)
    }

    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>) {
        focal_on_logits(y, targets, self.settings.options(), F::of(self.gamma), losses);
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
        softmax_focal(y, targets, self.settings.options(), F::of(self.gamma), scale, losses, dy);
    }

    fn with_class_weights(&self, weights: &[f64]) -> Option<Arc<dyn Loss<F>>> {
        Some(Arc::new(self.clone().class_weights(weights.iter().copied())))
    }

    fn row_weight(&self, targets: Targets<F>, row: usize) -> f64 {
        self.settings.row_weight(targets, row)
    }
}
