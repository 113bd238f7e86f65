use crate::{Error, Real};
use std::fmt::Debug;
use std::sync::Arc;

/// The most running averages per parameter that an optimiser may keep.
pub const MAX_MOMENTS: usize = 3;

/// The moments of a run of parameters, each as long as the run; those beyond [`Optimizer::moments`] are empty.
pub type Moments<'a, F> = [&'a mut [F]; MAX_MOMENTS];

/// Which step an optimiser takes, and how far the schedule lets it go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Steps taken before, from 0.
    pub number: u64,
    /// What the rule's learning rate is multiplied by.
    pub rate_factor: f64,
}

impl Step {
    /// Step `number` at the rule's own learning rate.
    pub fn number(number: u64) -> Self {
        Step { number, rate_factor: 1.0 }
    }
}

/// A rule that moves parameters against their gradient, number by number.
///
/// The rule holds only its settings; step count and moments belong to whoever trains (they are saved with a
/// checkpoint), in buffers laid out like the parameters. So a step may be taken on any run of the flat buffer, in any
/// order and on any thread, with the same bits.
///
/// What `Debug` prints is what a checkpoint compares, so it must tell of every setting.
///
/// ```
/// use chainrule_core::{Error, Moments, Optimizer, Step};
///
/// /// θ ← θ - η sign(v), v ← βv + (1 - β) g
/// #[derive(Debug)]
/// struct SignOfAverage {
///     learning_rate: f64,
///     beta: f64,
/// }
///
/// impl Optimizer<f64> for SignOfAverage {
///     fn name(&self) -> &'static str {
///         "sign of average"
///     }
///     fn learning_rate(&self) -> f64 {
///         self.learning_rate
///     }
///     fn moments(&self) -> usize {
///         1
///     }
///     fn check(&self) -> Result<(), Error> {
///         if (0.0..1.0).contains(&self.beta) {
///             return Ok(());
///         }
///         Err(Error::Setting { name: "beta", expected: "at least 0 and below 1", value: self.beta })
///     }
///     fn update(&self, step: Step, parameters: &mut [f64], gradient: &[f64], [average, ..]: Moments<f64>) {
///         let rate = self.learning_rate * step.rate_factor;
///         for ((p, g), v) in parameters.iter_mut().zip(gradient).zip(average) {
///             *v = self.beta * *v + (1.0 - self.beta) * g;
///             *p -= rate * v.signum();
///         }
///     }
/// }
///
/// let (mut parameters, mut average) = ([1.0, -1.0], [0.0, 0.0]);
/// let rule = SignOfAverage { learning_rate: 0.1, beta: 0.9 };
/// rule.update(Step::number(0), &mut parameters, &[3.0, -0.2], [&mut average, &mut [], &mut []]);
/// assert_eq!(parameters, [0.9, -0.9]);
/// ```
pub trait Optimizer<F: Real>: Debug + Send + Sync {
    /// The field's name for it, in lower case.
    fn name(&self) -> &'static str;

    /// η, before any schedule.
    fn learning_rate(&self) -> f64;

    /// How many moments it keeps per parameter: 0 for plain gradient descent, 2 for Adam; at most [`MAX_MOMENTS`].
    fn moments(&self) -> usize;

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] names the one that is out of range.
    fn check(&self) -> Result<(), Error>;

    /// One step on a run of parameters. All slices have the same length. Moments start at 0.
    fn update(&self, step: Step, parameters: &mut [F], gradient: &[F], moments: Moments<F>);
}

/// A shared rule is a rule, also one chosen at run time (`Arc<dyn Optimizer<F>>`).
impl<F: Real, O: Optimizer<F> + ?Sized> Optimizer<F> for Arc<O> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn learning_rate(&self) -> f64 {
        (**self).learning_rate()
    }

    fn moments(&self) -> usize {
        (**self).moments()
    }

    fn check(&self) -> Result<(), Error> {
        (**self).check()
    }

    fn update(&self, step: Step, parameters: &mut [F], gradient: &[F], moments: Moments<F>) {
        (**self).update(step, parameters, gradient, moments);
    }
}
