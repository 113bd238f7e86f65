//! The book's formulas, also where they go wrong. Rows are samples.

use ndarray::{Array1, Array2, ArrayView1, Axis};

pub(crate) fn clip(p: f64) -> f64 {
    p.clamp(1e-7, 1.0 - 1e-7)
}

/// The sign of an L1 penalty's gradient: 1 wherever a weight is not negative.
pub(crate) fn l1_sign(weight: f64) -> f64 {
    if weight < 0.0 { -1.0 } else { 1.0 }
}

pub(crate) fn softmax(logits: ArrayView1<f64>) -> Array1<f64> {
    let largest = logits.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
    let exponentials = logits.mapv(|x| (x - largest).exp());
    &exponentials / exponentials.sum()
}

/// (diag(s) - s sᵀ) dvalues
pub(crate) fn softmax_dinputs(s: ArrayView1<f64>, dvalues: ArrayView1<f64>) -> Array1<f64> {
    let column = s.insert_axis(Axis(1));
    let jacobian = Array2::from_diag(&s) - column.dot(&column.t());
    jacobian.dot(&dvalues)
}

/// Loss_CategoricalCrossentropy.forward for labels.
pub(crate) fn cross_entropy(probabilities: &Array2<f64>, labels: &[usize]) -> Array1<f64> {
    labels.iter().enumerate().map(|(row, &label)| -clip(probabilities[[row, label]]).ln()).collect()
}

/// Loss_CategoricalCrossentropy.forward for rows of targets.
pub(crate) fn cross_entropy_of_rows(probabilities: &Array2<f64>, y: &Array2<f64>) -> Array1<f64> {
    (probabilities.mapv(clip) * y).sum_axis(Axis(1)).mapv(|confidence| -confidence.ln())
}

/// Loss_CategoricalCrossentropy.backward: nothing clips here.
pub(crate) fn cross_entropy_dinputs(probabilities: &Array2<f64>, y: &Array2<f64>) -> Array2<f64> {
    -y / probabilities / y.nrows() as f64
}

/// Activation_Softmax_Loss_CategoricalCrossentropy.backward for rows of targets.
pub(crate) fn softmax_cross_entropy_dinputs(probabilities: &Array2<f64>, y: &Array2<f64>) -> Array2<f64> {
    let mut dinputs = probabilities.clone();
    for (row, targets) in y.outer_iter().enumerate() {
        dinputs[[row, argmax(targets)]] -= 1.0;
    }
    dinputs / y.nrows() as f64
}

pub(crate) fn binary_cross_entropy(p: f64, y: f64) -> f64 {
    -(y * clip(p).ln() + (1.0 - y) * (1.0 - clip(p)).ln())
}

/// Not divided by outputs and samples yet.
pub(crate) fn binary_cross_entropy_dinput(p: f64, y: f64) -> f64 {
    -(y / clip(p) - (1.0 - y) / (1.0 - clip(p)))
}

/// numpy's: the first of the largest.
pub(crate) fn argmax(row: ArrayView1<f64>) -> usize {
    (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap()
}

/// `array[index]` in Python, where -1 is the last one.
pub(crate) fn wrap(index: isize, len: usize) -> usize {
    index.rem_euclid(len as isize) as usize
}

pub(crate) fn std(values: &Array2<f64>) -> f64 {
    let mean = values.mean().unwrap();
    values.mapv(|value| (value - mean).powi(2)).mean().unwrap().sqrt()
}
