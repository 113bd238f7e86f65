use crate::settings::{fraction, positive};
use chainrule_core::{Error, Moments, Optimizer, Real, Step};
use chainrule_kernels::vectorize;

/// Stochastic gradient descent, with momentum and Nesterov's momentum.
///
/// At step t, with the rate ηₜ of the [`Schedule`](crate::Schedule):
/// - θ ← θ - ηₜ g without momentum;
/// - v ← μ v - ηₜ g, then θ ← θ + v with momentum μ;
/// - v as before, then θ ← θ + μ v - ηₜ g with Nesterov's.
///
/// So v keeps each gradient at the rate of its own step. PyTorch's, v ← μ v + g and θ ← θ - ηₜ v, is the same at a constant rate, and where
/// the rate changes moves all of v by the present one.
///
/// Source: *Neural Networks from Scratch*, chapter 10 (there `Optimizer_SGD`); I. Sutskever et al., "On the importance of initialization and
/// momentum in deep learning", ICML 2013.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// η, above 0.
    pub learning_rate: f64,
    /// μ, at least 0 and below 1.
    pub momentum: f64,
    /// Whether the gradient counts as if taken after the momentum's move; only with a momentum above 0.
    pub nesterov: bool,
}

impl Default for Sgd {
    /// Learning rate 0.1, momentum 0.9, not Nesterov's.
    fn default() -> Self {
        Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: false }
    }
}

impl<F: Real> Optimizer<F> for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn moments(&self) -> usize {
        usize::from(self.momentum > 0.0)
    }

    fn check(&self) -> Result<(), Error> {
        positive("learning_rate", self.learning_rate)?;
        fraction("momentum", self.momentum)?;
        if self.nesterov && self.momentum == 0.0 {
            let expected = "above 0 for Nesterov's";
            return Err(Error::Setting { name: "momentum", expected, value: self.momentum });
        }
        Ok(())
    }

    fn update(&self, step: Step, parameters: &mut [F], gradient: &[F], moments: Moments<F>) {
        let [velocity, ..] = moments;
        let rate = F::of(self.learning_rate * step.rate_factor);
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
