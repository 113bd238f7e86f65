//! What the checks are run on, and what they must say.

use chainrule::core::{GradientCheck, Purpose, Random};
use chainrule::kernels::softmax;
use ndarray::Array2;

/// Largest relative error of a derivative in f64 against 5-point finite differences.
pub(crate) const TOLERANCE: f64 = 1e-8;

/// Normal numbers, none closer to ReLU's kink than finite differences reach.
pub(crate) fn normal(rows: usize, columns: usize, seed: u64, spread: f64) -> Array2<f64> {
    let random = Random::new(seed, Purpose::Check, 1);
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        let x = spread * random.normal((i * columns + j) as u64);
        x + 0.01_f64.copysign(x)
    })
}

pub(crate) fn distributions(rows: usize, classes: usize, seed: u64) -> Array2<f64> {
    let mut s = Array2::zeros((rows, classes));
    softmax(normal(rows, classes, seed, 1.0).view(), s.view_mut());
    s
}

pub(crate) fn labels(rows: usize, classes: usize) -> Vec<usize> {
    (0..rows).map(|row| (3 * row + 1) % classes).collect()
}

pub(crate) fn one_hot(labels: &[usize], classes: usize) -> Array2<f64> {
    Array2::from_shape_fn((labels.len(), classes), |(i, j)| f64::from(u8::from(labels[i] == j)))
}

#[track_caller]
pub(crate) fn assert_exact(name: &str, check: GradientCheck) {
    println!("{name:40} {check}");
    assert!(check.checked > 0, "{name}: nothing was checked");
    assert!(check.error() < TOLERANCE, "{name}: {check}");
}
