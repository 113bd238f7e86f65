use crate::settings::{fraction, not_negative, positive};
use chainrule_core::Error;
use std::f64::consts::PI;

/// How the learning rate changes over the steps: a factor of the optimiser's own rate, as a function of the step alone.
///
/// ```
/// use chainrule_models::Schedule;
/// let schedule = Schedule::Warmup { steps: 4, then: Box::new(Schedule::Cosine { steps: 100, end: 0.0 }) };
/// assert_eq!(schedule.factor(0), 0.25);
/// assert_eq!(schedule.factor(4), 1.0);
/// assert_eq!(schedule.factor(54), 0.5);
/// assert_eq!(schedule.factor(1000), 0.0);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Schedule {
    /// 1
    #[default]
    Constant,
    /// 1 / (1 + decay · t), as in *Neural Networks from Scratch*, chapter 10.
    InverseTime {
        /// At least 0.
        decay: f64,
    },
    /// factor^⌊t / every⌋
    Step {
        /// Steps between two changes, at least 1.
        every: u64,
        /// Above 0.
        factor: f64,
    },
    /// factorᵗ
    Exponential {
        /// Above 0.
        factor: f64,
    },
    /// From 1 to `end` along half a cosine, then `end` (I. Loshchilov, F. Hutter, "SGDR", ICLR 2017).
    Cosine {
        /// Steps until the end is reached, at least 1.
        steps: u64,
        /// At least 0.
        end: f64,
    },
    /// (t + 1) / steps at first, then another schedule, as if it began there.
    Warmup {
        /// Steps until the full rate, at least 1.
        steps: u64,
        /// What follows.
        then: Box<Schedule>,
    },
    /// Up from `start` to 1 along half a cosine, then down to `end` along another (L. N. Smith, N. Topin, "Super-convergence",
    /// 2019; positions as in PyTorch).
    OneCycle {
        /// Steps of the whole cycle, at least 2; after it the factor stays at `end`.
        steps: u64,
        /// Share of the steps that go up, at least 0 and below 1.
        rise: f64,
        /// First factor, at least 0.
        start: f64,
        /// Last factor, at least 0.
        end: f64,
    },
}

impl Schedule {
    /// Factor of the learning rate at step t, from 0; of settings that [`Schedule::check`] refuses it may be any number.
    pub fn factor(&self, t: u64) -> f64 {
        let half_cosine =
            |from: f64, to: f64, share: f64| to + (from - to) * (1.0 + (PI * share).cos()) / 2.0;
        match *self {
            Schedule::Constant => 1.0,
            Schedule::InverseTime { decay } => 1.0 / (1.0 + decay * t as f64),
            Schedule::Step { every, factor } => factor.powf((t / every.max(1)) as f64),
            Schedule::Exponential { factor } => factor.powf(t as f64),
            Schedule::Cosine { steps, end } if t < steps => half_cosine(1.0, end, t as f64 / steps as f64),
            Schedule::Cosine { end, .. } => end,
            Schedule::Warmup { steps, .. } if t < steps => (t + 1) as f64 / steps as f64,
            Schedule::Warmup { steps, ref then } => then.factor(t - steps),
            Schedule::OneCycle { steps, rise, start, end } => {
                let last = steps.saturating_sub(1) as f64;
                // The peak's position need not be a whole step.
                let (t, peak) = ((t as f64).min(last), rise * steps as f64 - 1.0);
                if t <= peak && peak > 0.0 {
                    return half_cosine(start, 1.0, t / peak);
                }
                half_cosine(1.0, end, (t - peak) / (last - peak))
            }
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] names the one that is out of range.
    pub fn check(&self) -> Result<(), Error> {
        let at_least = |name, least: u64, expected, value: u64| {
            if value >= least { Ok(()) } else { Err(Error::Setting { name, expected, value: value as f64 }) }
        };
        match *self {
            Schedule::Constant => Ok(()),
            Schedule::InverseTime { decay } => not_negative("schedule decay", decay),
            Schedule::Step { every, factor } => {
                at_least("schedule every", 1, "at least 1", every)?;
                positive("schedule factor", factor)
            }
            Schedule::Exponential { factor } => positive("schedule factor", factor),
            Schedule::Cosine { steps, end } => {
                at_least("schedule steps", 1, "at least 1", steps)?;
                not_negative("schedule end", end)
            }
            Schedule::Warmup { steps, ref then } => {
                at_least("schedule steps", 1, "at least 1", steps)?;
                then.check()
            }
            Schedule::OneCycle { steps, rise, start, end } => {
                at_least("schedule steps", 2, "at least 2", steps)?;
                fraction("schedule rise", rise)?;
                not_negative("schedule start", start)?;
                not_negative("schedule end", end)
            }
        }
    }
}
