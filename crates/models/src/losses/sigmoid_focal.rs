use super::check_binary;
use crate::settings::not_negative;
use chainrule_core::{Error, Loss, OutputKind, Real, Targets};
use chainrule_kernels::{binary_focal, binary_focal_backward};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// Sigmoid and binary focal loss as one loss of the logits x: the loss of a row is the mean over its outputs of
/// -a (1 - p)^γ log p, with p the probability given to the right answer and a = α for the answer 1, 1 - α for 0.
///
/// For a network that ends in logits. Source: T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.
///
/// ```
/// use chainrule_core::{Loss, Targets};
/// use chainrule_models::SigmoidFocal;
/// let logits = ndarray::array![[0.0_f64]];
/// let loss = SigmoidFocal { gamma: 2.0, alpha: None }.mean(logits.view(), Targets::Classes(&[1]))?;
/// assert!((loss - 0.25 * 2.0_f64.ln()).abs() < 1e-15);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SigmoidFocal {
    /// γ, at least 0.
    pub gamma: f64,
    /// α, from 0 to 1; without it both answers weigh 1.
    pub alpha: Option<f64>,
}

impl Default for SigmoidFocal {
    /// The paper's: γ = 2, α = 0.25.
    fn default() -> Self {
        SigmoidFocal { gamma: 2.0, alpha: Some(0.25) }
    }
}

impl<F: Real> Loss<F> for SigmoidFocal {
    fn name(&self) -> &'static str {
        "sigmoid focal"
    }

    fn expected_outputs(&self) -> Option<OutputKind> {
        Some(OutputKind::Logits)
    }

    fn check(&self, width: usize, targets: Targets<F>) -> Result<(), Error> {
        not_negative("gamma", self.gamma)?;
        match self.alpha {
            Some(value) if !(0.0..=1.0).contains(&value) => {
                Err(Error::Setting { name: "alpha", expected: "0 to 1", value })
            }
            _ => check_binary(width, targets),
        }
    }

    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>) {
        binary_focal(y, targets, F::of(self.gamma), self.alpha.map(F::of), losses);
    }

    fn backward(&self, y: ArrayView2<F>, targets: Targets<F>, scale: F, dy: ArrayViewMut2<F>) {
        binary_focal_backward(y, targets, F::of(self.gamma), self.alpha.map(F::of), scale, dy);
    }
}
