use crate::settings::{fraction, positive, positive_in};
use chainrule_core::{Error, Moments, Optimizer, Real, Step};
use chainrule_kernels::vectorize;

/// RMSprop: v ← ρ v + (1 - ρ) g², θ ← θ - η g / (√v + ε), AdaGrad that forgets.
///
/// Source: T. Tieleman, G. Hinton, "Lecture 6.5 - RMSprop", Coursera, 2012; *Neural Networks from Scratch*, chapter 10 (there
/// `Optimizer_RMSprop`, with ρ = 0.9 and ε = 1e-7).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// η, above 0.
    pub learning_rate: f64,
    /// ρ, decay of the mean square v, at least 0 and below 1.
    pub rho: f64,
    /// ε keeps the quotient finite, above 0.
    pub epsilon: f64,
}

impl Default for RmsProp {
    /// Learning rate 0.001, ρ = 0.9, ε = 1e-8.
    fn default() -> Self {
        RmsProp { learning_rate: 0.001, rho: 0.9, epsilon: 1e-8 }
    }
}

impl<F: Real> Optimizer<F> for RmsProp {
    fn name(&self) -> &'static str {
        "rmsprop"
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn moments(&self) -> usize {
        1
    }

    fn check(&self) -> Result<(), Error> {
        positive("learning_rate", self.learning_rate)?;
        fraction("rho", self.rho)?;
        positive_in::<F>("epsilon", self.epsilon)
    }

    fn update(&self, step: Step, parameters: &mut [F], gradient: &[F], moments: Moments<F>) {
        let [mean_square, ..] = moments;
        let rate = F::of(self.learning_rate * step.rate_factor);
        let (rho, rest) = (F::of(self.rho), F::of(1.0 - self.rho));
        let epsilon = F::of(self.epsilon);
        vectorize(
            #[inline(always)]
            || {
                for ((p, &g), v) in parameters.iter_mut().zip(gradient).zip(mean_square) {
                    *v = rho * *v + rest * (g * g);
                    *p -= rate * g / (v.sqrt() + epsilon);
                }
            },
        );
    }
}
