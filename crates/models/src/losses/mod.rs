//! Of classes, of yes-or-no answers, of numbers.

mod binary_cross_entropy;
mod categorical_cross_entropy;
mod cross_entropy_settings;
mod focal;
mod huber;
mod mean_absolute_error;
mod mean_squared_error;
mod negative_log_likelihood;
mod sigmoid_focal;
mod softmax_cross_entropy;
mod summed;

pub use binary_cross_entropy::{BinaryCrossEntropy, SigmoidCrossEntropy};
pub use categorical_cross_entropy::CategoricalCrossEntropy;
pub use focal::{Focal, SoftmaxFocal};
pub use huber::Huber;
pub use mean_absolute_error::MeanAbsoluteError;
pub use mean_squared_error::MeanSquaredError;
pub use negative_log_likelihood::NegativeLogLikelihood;
pub use sigmoid_focal::SigmoidFocal;
pub use softmax_cross_entropy::SoftmaxCrossEntropy;
pub use summed::Summed;

use chainrule_core::{Error, Real, Targets};

/// Targets of a regression: a finite number for each output.
fn check_values<F: Real>(width: usize, targets: Targets<F>) -> Result<(), Error> {
    targets.check_values(width, "a finite number", |value| value.is_finite())
}

/// Yes-or-no answers: a number from 0 to 1 for each output, or the label 0 or 1 for a single one.
fn check_binary<F: Real>(width: usize, targets: Targets<F>) -> Result<(), Error> {
    match targets {
        Targets::Classes(_) if width == 1 => targets.check(2),
        _ => targets.check_values(width, "0 to 1", |value| (F::zero()..=F::one()).contains(&value)),
    }
}
