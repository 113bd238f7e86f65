use super::Predictions;
use chainrule_core::Real;

/// Mean of -ln p over the rows, by their weights, in nats; p is the probability of the true class, clipped to \[ε, 1 - ε\] with the
/// ε of the number type, as in scikit-learn.
pub fn log_loss<F: Real>(predictions: &Predictions<F>) -> f64 {
    let epsilon = F::epsilon().as_f64();
    predictions.mean(|label, row| -row[label].as_f64().clamp(epsilon, 1.0 - epsilon).ln())
}
