use super::Predictions;
use chainrule_core::Real;
use ndarray::ArrayView1;

/// Share of the rows, by their weights, whose true class is one of the `k` most probable.
///
/// Of classes of the same probability the first counts as the more probable, so that top-1 is the accuracy; scikit-learn, whose
/// accuracy also takes the first, takes the last here.
pub fn top_k_accuracy<F: Real>(predictions: &Predictions<F>, k: usize) -> f64 {
    predictions.mean(|label, row| f64::from(rank(label, row) < k))
}

/// Top-1 to top-`most` accuracy.
pub(super) fn top_k_accuracies<F: Real>(predictions: &Predictions<F>, most: usize) -> Vec<f64> {
    let mut weights = vec![0.0; most];
    for (label, row, weight) in predictions.iter() {
        if let Some(sum) = weights.get_mut(rank(label, row)) {
            *sum += weight;
        }
    }
    let total = predictions.total_weight();
    let running = weights.iter().scan(0.0, |sum, weight| {
        *sum += weight;
        Some(*sum / total)
    });
    running.collect()
}

/// How many classes are more probable than the true one.
fn rank<F: Real>(label: usize, row: ArrayView1<F>) -> usize {
    let own = row[label];
    let before = row.iter().enumerate().filter(|&(class, p)| *p > own || (*p == own && class < label));
    before.count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn of_equal_classes_the_first_comes_first() {
        let row = array![0.25, 0.5, 0.0, 0.25];
        assert_eq!([0, 1, 2, 3].map(|label| rank(label, row.view())), [1, 0, 3, 2]);
    }
}
