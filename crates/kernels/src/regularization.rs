use crate::compile_once::compile_once;
use crate::vectorize;
use chainrule_core::Real;
use ndarray::ArrayViewMut2;

/// l1 Σ|θ| + l2 Σ θ², summed in f64.
pub fn penalty<F: Real>(parameters: &[F], l1: f64, l2: f64) -> f64 {
    parameters.iter().map(|p| p.as_f64()).map(|p| l1 * p.abs() + l2 * p * p).sum()
}

/// Of [`penalty`]: gradient ← gradient + l1 sign(θ) + 2 l2 θ, with sign(0) = 0.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn add_penalty_gradient<F: Real>(parameters: &[F], l1: f64, l2: f64, gradient: &mut [F]) {
    let lengths = (parameters.len(), gradient.len());
    assert!(lengths.0 == lengths.1, "add_penalty_gradient: {lengths:?} parameters and derivatives");
    compile_once!(|parameters: &[F], l1: f64, l2: f64, gradient: &mut [F]| {
        let (l1, twice_l2) = (F::of(l1), F::of(2.0 * l2));
        vectorize(
            #[inline(always)]
            || {
                for (g, &p) in gradient.iter_mut().zip(parameters) {
                    let sign = if p == F::zero() { F::zero() } else { p.signum() };
                    *g += l1 * sign + twice_l2 * p;
                }
            },
        );
    });
}

/// Scales each column of θ whose length √Σ θ² exceeds `longest` back to it. Shape: (rows, columns).
pub fn clip_column_norms<F: Real>(mut parameters: ArrayViewMut2<F>, longest: f64) {
    for mut column in parameters.columns_mut() {
        let norm = column.iter().map(|p| p.as_f64().powi(2)).sum::<f64>().sqrt();
        if norm > longest && norm.is_finite() {
            let factor = F::of(longest / norm);
            column.mapv_inplace(|p| p * factor);
        }
    }
}
