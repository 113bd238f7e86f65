use super::{fraction, not_negative, positive};
use chainrule_core::{Error, Moments, Optimizer, Real};
use chainrule_kernels::vectorize;

/// Stochastic gradient descent, with momentum, Nesterov's momentum and inverse-time decay of the learning rate.
///
/// At step t, from 0, with the rate ηₜ = learning_rate / (1 + decay · t):
/// - θ ← θ - ηₜ g without momentum;
/// - v ← μ v - ηₜ g, then θ ← θ + v with momentum μ;
/// - v as before, then θ ← θ + μ v - ηₜ g with Nesterov's.
///
/// Source: *Neural Networks from Scratch*, chapter 10; I. Sutskever et al., "On the importance of initialization and
/// momentum in deep learning", ICML 2013.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// η, above 0.
    pub learning_rate: f64,
    /// μ, at least 0 and below 1.
    pub momentum: f64,
    /// Whether the gradient counts as if taken after the momentum's move.
    pub nesterov: bool,
    /// Decay of the learning rate per step, at least 0.
    pub decay: f64,
}

impl Default for Sgd {
    /// Learning rate 0.1, momentum 0.9, no decay.
    fn default() -> Self {
        Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: false, decay: 0.0 }
    }
}

impl<F: Real> Optimizer<F> for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn moments(&self) -> usize {
        usize::from(self.momentum > 0.0)
    }

    fn check(&self) -> Result<(), Error> {
        positive("learning_rate", self.learning_rate)?;
        fraction("momentum", self.momentum)?;
        not_negative("decay", self.decay)
    }

    fn update(&self, step: u64, parameters: &mut [F], gradient: &[F], moments: Moments<F>) {
        let [velocity, ..] = moments;
        let rate = F::of(self.learning_rate / (1.0 + self.decay * step as f64));
        let momentum = F::of(self.momentum);
        vectorize(
            #[inline(always)]
            || {
                let steps = parameters.iter_mut().zip(gradient);
                match (self.momentum > 0.0, self.nesterov) {
                    (false, _) => steps.for_each(|(p, &g)| *p -= rate * g),
                    (true, false) => steps.zip(velocity).for_each(|((p, &g), v)| {
                        *v = momentum * *v - rate * g;
                        *p += *v;
                    }),
                    (true, true) => steps.zip(velocity).for_each(|((p, &g), v)| {
                        *v = momentum * *v - rate * g;
                        *p += momentum * *v - rate * g;
                    }),
                }
            },
        );
    }
}
