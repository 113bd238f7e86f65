use crate::settings::positive;
use chainrule_core::{Error, Real};
use chainrule_kernels::sum_of_squares;

/// A bound on a gradient, applied before the step.
///
/// ```
/// use chainrule_models::Clipping;
/// let mut gradient = [3.0_f32, -4.0];
/// Clipping::Norm(1.0).apply(&mut gradient);
/// assert_eq!(gradient, [0.6, -0.8]);
/// Clipping::Value(0.7).apply(&mut gradient);
/// assert_eq!(gradient, [0.6, -0.7]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clipping {
    /// Each number into \[-limit, limit\]; the limit is above 0.
    Value(f64),
    /// The whole gradient shortened to the length √Σ g², if it is longer; the limit is above 0 (R. Pascanu et al., "On the
    /// difficulty of training recurrent neural networks", ICML 2013).
    Norm(f64),
}

impl Clipping {
    /// Checks the limit.
    ///
    /// # Errors
    /// [`Error::Setting`] unless it is finite and above 0.
    pub fn check(&self) -> Result<(), Error> {
        let (Clipping::Value(limit) | Clipping::Norm(limit)) = *self;
        positive("clipping limit", limit)
    }

    /// Bounds a gradient. One that holds NaN or an infinity has no length, and is left to be noticed.
    pub fn apply<F: Real>(&self, gradient: &mut [F]) {
        match *self {
            Clipping::Value(limit) => {
                let limit = F::of(limit);
                // Comparisons, unlike min and max, leave NaN as it is.
                gradient.iter_mut().for_each(|g| {
                    *g = if *g > limit {
                        limit
                    } else if *g < -limit {
                        -limit
                    } else {
                        *g
                    };
                });
            }
            Clipping::Norm(limit) => {
                let norm = norm(gradient);
                if norm > limit && norm.is_finite() {
                    let factor = F::of(limit / norm);
                    gradient.iter_mut().for_each(|g| *g *= factor);
                }
            }
        }
    }
}

/// √Σ g², also where the squares leave the range of f64.
fn norm<F: Real>(gradient: &[F]) -> f64 {
    match sum_of_squares(gradient).sqrt() {
        norm if norm.is_normal() => norm,
        norm => match gradient.iter().fold(0.0_f64, |largest, g| largest.max(g.as_f64().abs())) {
            largest if largest > 0.0 && largest.is_finite() => {
                largest * gradient.iter().map(|g| (g.as_f64() / largest).powi(2)).sum::<f64>().sqrt()
            }
            _ => norm,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_at_the_ends_of_the_range() {
        assert!((norm(&[3e200_f64, 4e200]) / 5e200 - 1.0).abs() < 1e-15);
        assert!((norm(&[3e-200_f64, 4e-200]) / 5e-200 - 1.0).abs() < 1e-15);
        assert_eq!(norm::<f32>(&[0.0, 0.0]), 0.0);
        assert_eq!(norm::<f32>(&[]), 0.0);
        assert!(norm(&[f32::NAN, 1.0]).is_nan());
        assert_eq!(norm(&[f32::INFINITY, 1.0]), f64::INFINITY);
    }

    #[test]
    fn what_is_not_finite_stays_to_be_noticed() {
        for clipping in [Clipping::Value(1.0), Clipping::Norm(1.0)] {
            let mut gradient = [f64::NAN, 2.0];
            clipping.apply(&mut gradient);
            assert!(gradient[0].is_nan());
        }
    }
}
