use crate::settings::{positive, positive_in};
use chainrule_core::{Error, Moments, Optimizer, Real, Step};
use chainrule_kernels::vectorize;

/// AdaGrad: v ← v + g², θ ← θ - η g / (√v + ε), a rate for each parameter that falls with what its gradient was so far.
///
/// Source: J. Duchi et al., "Adaptive subgradient methods for online learning and stochastic optimization", JMLR 12, 2011;
/// *Neural Networks from Scratch*, chapter 10 (there `Optimizer_Adagrad`, with ε = 1e-7).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdaGrad {
    /// η, above 0.
    pub learning_rate: f64,
    /// ε keeps the quotient finite, above 0.
    pub epsilon: f64,
}

impl Default for AdaGrad {
    /// Learning rate 0.01, ε = 1e-10.
    fn default() -> Self {
        AdaGrad { learning_rate: 0.01, epsilon: 1e-10 }
    }
}

impl<F: Real> Optimizer<F> for AdaGrad {
    fn name(&self) -> &'static str {
        "adagrad"
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn moments(&self) -> usize {
        1
    }

    fn check(&self) -> Result<(), Error> {
        positive("learning_rate", self.learning_rate)?;
        positive_in::<F>("epsilon", self.epsilon)
    }

    fn update(&self, step: Step, parameters: &mut [F], gradient: &[F], moments: Moments<F>) {
        let [sum_of_squares, ..] = moments;
        let rate = F::of(self.learning_rate * step.rate_factor);
        let epsilon = F::of(self.epsilon);
        vectorize(
            #[inline(always)]
            || {
                for ((p, &g), v) in parameters.iter_mut().zip(gradient).zip(sum_of_squares) {
                    *v += g * g;
                    *p -= rate * g / (v.sqrt() + epsilon);
                }
            },
        );
    }
}
