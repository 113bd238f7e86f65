use crate::settings::{fraction, not_negative, positive, positive_in};
use chainrule_core::{Error, Moments, Optimizer, Real, Step};
use chainrule_kernels::vectorize;

/// Adam; with a weight decay AdamW; with a mean square that never falls AMSGrad.
///
/// At step t, from 1: m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g²,
/// θ ← (1 - η λ) θ - η (m / (1 - β₁ᵗ)) / (√(v / (1 - β₂ᵗ)) + ε).
///
/// The weight decay λ is decoupled from the gradient and applies to every parameter. Source: D. P. Kingma, J. Ba, "Adam: a
/// method for stochastic optimization", ICLR 2015; I. Loshchilov, F. Hutter, "Decoupled weight decay regularization",
/// ICLR 2019; S. J. Reddi et al., "On the convergence of Adam and beyond", ICLR 2018 (v in the quotient is the largest v so
/// far).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// η, above 0.
    pub learning_rate: f64,
    /// Decay of the mean m, at least 0 and below 1.
    pub beta1: f64,
    /// Decay of the mean square v, at least 0 and below 1.
    pub beta2: f64,
    /// Keeps the quotient finite, above 0.
    pub epsilon: f64,
    /// λ, at least 0: 0 is Adam, more is AdamW.
    pub weight_decay: f64,
    /// Whether the step divides by the largest v so far.
    pub amsgrad: bool,
}

impl Default for Adam {
    /// The paper's: learning rate 0.001, β₁ = 0.9, β₂ = 0.999, ε = 1e-8, no weight decay, not AMSGrad.
    fn default() -> Self {
        Adam {
            learning_rate: 0.001,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            amsgrad: false,
        }
    }
}

impl<F: Real> Optimizer<F> for Adam {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn moments(&self) -> usize {
        if self.amsgrad { 3 } else { 2 }
    }

    fn check(&self) -> Result<(), Error> {
        positive("learning_rate", self.learning_rate)?;
        fraction("beta1", self.beta1)?;
        fraction("beta2", self.beta2)?;
        positive_in::<F>("epsilon", self.epsilon)?;
        not_negative("weight_decay", self.weight_decay)
    }

    fn update(&self, step: Step, parameters: &mut [F], gradient: &[F], moments: Moments<F>) {
        let [mean, mean_square, largest] = moments;
        let t = (step.number + 1) as f64;
        let learning_rate = self.learning_rate * step.rate_factor;
        let (beta1, beta2) = (F::of(self.beta1), F::of(self.beta2));
        let (rest1, rest2) = (F::of(1.0 - self.beta1), F::of(1.0 - self.beta2));
        // Both corrections leave the loop: one square root and one division per parameter stay.
        let rate = F::of(learning_rate / (1.0 - self.beta1.powf(t)));
        let root_correction = F::of(1.0 / (1.0 - self.beta2.powf(t)).sqrt());
        let epsilon = F::of(self.epsilon);
        let keep = F::of(1.0 - learning_rate * self.weight_decay);
        vectorize(
            #[inline(always)]
            || {
                let moments = mean.iter_mut().zip(mean_square);
                let steps = parameters.iter_mut().zip(gradient).zip(moments);
                if !self.amsgrad {
                    for ((p, &g), (m, v)) in steps {
                        *m = beta1 * *m + rest1 * g;
                        *v = beta2 * *v + rest2 * (g * g);
                        *p = keep * *p - rate * *m / (v.sqrt() * root_correction + epsilon);
                    }
                    return;
                }
                for (((p, &g), (m, v)), largest) in steps.zip(largest) {
                    *m = beta1 * *m + rest1 * g;
                    *v = beta2 * *v + rest2 * (g * g);
                    *largest = largest.max(*v);
                    *p = keep * *p - rate * *m / (largest.sqrt() * root_correction + epsilon);
                }
            },
        );
    }
}
