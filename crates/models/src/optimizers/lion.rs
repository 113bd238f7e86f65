use crate::settings::{fraction, not_negative, positive};
use chainrule_core::{Error, Moments, Optimizer, Real, Step};
use chainrule_kernels::vectorize;

/// Lion: θ ← (1 - η λ) θ - η sign(β₁ m + (1 - β₁) g), then m ← β₂ m + (1 - β₂) g. Every parameter moves by the same η, and one moment
/// is kept where Adam keeps two.
///
/// sign(0) is 0. Its rate wants to be three to ten times smaller than Adam's. Source: X. Chen et al., "Symbolic discovery of
/// optimization algorithms", NeurIPS 2023.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lion {
    /// η, above 0.
    pub learning_rate: f64,
    /// Weight of the moment in the step, at least 0 and below 1.
    pub beta1: f64,
    /// Decay of the moment, at least 0 and below 1.
    pub beta2: f64,
    /// λ, at least 0, decoupled from the gradient.
    pub weight_decay: f64,
}

impl Default for Lion {
    /// The paper's: learning rate 0.0001, β₁ = 0.9, β₂ = 0.99, no weight decay.
    fn default() -> Self {
        Lion { learning_rate: 0.0001, beta1: 0.9, beta2: 0.99, weight_decay: 0.0 }
    }
}

impl<F: Real> Optimizer<F> for Lion {
    fn name(&self) -> &'static str {
        "lion"
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn moments(&self) -> usize {
        1
    }

    fn check(&self) -> Result<(), Error> {
        positive("learning_rate", self.learning_rate)?;
        fraction("beta1", self.beta1)?;
        fraction("beta2", self.beta2)?;
        not_negative("weight_decay", self.weight_decay)
    }

    fn update(&self, step: Step, parameters: &mut [F], gradient: &[F], moments: Moments<F>) {
        let [mean, ..] = moments;
        let learning_rate = self.learning_rate * step.rate_factor;
        let rate = F::of(learning_rate);
        let (beta1, beta2) = (F::of(self.beta1), F::of(self.beta2));
        let (rest1, rest2) = (F::of(1.0 - self.beta1), F::of(1.0 - self.beta2));
        let keep = F::of(1.0 - learning_rate * self.weight_decay);
        vectorize(
            #[inline(always)]
            || {
                for ((p, &g), m) in parameters.iter_mut().zip(gradient).zip(mean) {
                    let direction = beta1 * *m + rest1 * g;
                    let sign = if direction == F::zero() { direction } else { direction.signum() };
                    *p = keep * *p - rate * sign;
                    *m = beta2 * *m + rest2 * g;
                }
            },
        );
    }
}
