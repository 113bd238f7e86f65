use super::check_binary;
use chainrule_core::{Error, Head, Loss, OutputKind, Real, Targets};
use chainrule_kernels::{
    binary_cross_entropy, binary_cross_entropy_backward, binary_cross_entropy_on_logits,
    binary_cross_entropy_on_logits_backward,
};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// Binary cross-entropy of probabilities ŷ, for one yes-or-no answer or several (multi-label): the loss of a row is the mean over
/// its outputs of -y log ŷ - (1 - y) log(1 - ŷ).
///
/// Targets are [`Targets::Values`] between 0 and 1, or the class labels 0 and 1 for a single output. Probabilities are clipped to
/// \[1e-7, 1 - 1e-7\] first; behind a [`Sigmoid`](crate::Sigmoid) it is [`SigmoidCrossEntropy`] of the logits instead. Source:
/// *Neural Networks from Scratch*, chapter 16 (there `Loss_BinaryCrossentropy`).
///
/// ```
/// use chainrule_core::{Loss, Targets};
/// use chainrule_models::BinaryCrossEntropy;
/// let probabilities = ndarray::array![[0.5], [0.75]];
/// let loss: f64 = BinaryCrossEntropy.mean(probabilities.view(), Targets::Classes(&[1, 0]))?;
/// assert!((loss - 8.0_f64.ln() / 2.0).abs() < 1e-15);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BinaryCrossEntropy;

impl<F: Real> Loss<F> for BinaryCrossEntropy {
    fn name(&self) -> &'static str {
        "binary cross-entropy"
    }

    fn check(&self, width: usize, targets: Targets<F>) -> Result<(), Error> {
        check_binary(width, targets)
    }

    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>) {
        binary_cross_entropy(y, targets, losses);
    }

    fn backward(&self, y: ArrayView2<F>, targets: Targets<F>, scale: F, dy: ArrayViewMut2<F>) {
        binary_cross_entropy_backward(y, targets, scale, dy);
    }

    fn expected_outputs(&self) -> Option<OutputKind> {
        Some(OutputKind::Probabilities)
    }

    fn fused_with(&self, head: Head) -> Option<&dyn Loss<F>> {
        (head == Head::Sigmoid).then_some(&SigmoidCrossEntropy)
    }
}

/// Sigmoid and [`BinaryCrossEntropy`] as one loss of the logits x: the loss of a row is the mean over its outputs of
/// log(1 + exp(x)) - y x, its gradient (σ(x) - y) / outputs.
///
/// ∂/∂ŷ of the loss is (ŷ - y) / (ŷ (1 - ŷ)), and that of the sigmoid ŷ (1 - ŷ): the denominators cancel, and with them the
/// need to clip.
///
/// ```
/// use chainrule_core::{Loss, Targets};
/// use chainrule_models::SigmoidCrossEntropy;
/// let logits = ndarray::array![[0.0_f64, 1000.0]];
/// let answers = ndarray::array![[1.0, 0.0]];
/// let gradient = SigmoidCrossEntropy.gradient(logits.view(), Targets::Values(answers.view()))?;
/// assert_eq!(gradient, ndarray::array![[-0.25, 0.5]]);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SigmoidCrossEntropy;

impl<F: Real> Loss<F> for SigmoidCrossEntropy {
    fn name(&self) -> &'static str {
        "sigmoid cross-entropy"
    }

    fn expected_outputs(&self) -> Option<OutputKind> {
        Some(OutputKind::Logits)
    }

    fn check(&self, width: usize, targets: Targets<F>) -> Result<(), Error> {
        check_binary(width, targets)
    }

    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>) {
        binary_cross_entropy_on_logits(y, targets, losses);
    }

    fn backward(&self, y: ArrayView2<F>, targets: Targets<F>, scale: F, dy: ArrayViewMut2<F>) {
        binary_cross_entropy_on_logits_backward(y, targets, scale, dy);
    }
}
