use super::objective::{Evaluated, Objective};
use chainrule_core::{Error, Real};

/// What tells the solvers apart: where to look for a smaller objective.
pub(super) trait Direction<F: Real> {
    /// A direction of descent from the point evaluated last, for a step of length 1 if all goes well. The search ends where the
    /// gradient's norm is `target`.
    fn find(&mut self, objective: &Objective<F>, at: &Evaluated, target: f64) -> Result<Vec<f64>, Error>;

    /// Is told of a step, and by how much it changed the gradient.
    fn learn(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let _ = (step, change);
    }
}

/// Σ aᵢ bᵢ
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// ‖a‖
pub(super) fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// y ← y + α x
pub(super) fn add(y: &mut [f64], alpha: f64, x: &[f64]) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y += alpha * x);
}
