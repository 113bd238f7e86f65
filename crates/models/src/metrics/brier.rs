use super::Predictions;
use chainrule_core::Real;

/// Mean over the rows, by their weights, of Σₖ (pₖ - yₖ)², where y is 1 for the true class and 0 for the others: 0 to 2.
///
/// It is scikit-learn's `brier_score_loss` for more than two classes (`scale_by_half=False`). Source: G. W. Brier,
/// "Verification of forecasts expressed in terms of probability", 1950.
pub fn brier<F: Real>(predictions: &Predictions<F>) -> f64 {
    predictions.mean(|label, row| {
        let squares = row.iter().enumerate().map(|(class, p)| {
            let truth = f64::from(class == label);
            (p.as_f64() - truth).powi(2)
        });
        squares.sum()
    })
}

/// Half of [`brier`], 0 to 1: for two classes the mean of (p - y)² of either, which is what scikit-learn's `brier_score_loss` says
/// for two (`scale_by_half=True`).
pub fn brier_half<F: Real>(predictions: &Predictions<F>) -> f64 {
    brier(predictions) / 2.0
}
