//! How far found values may be from golden ones.
//!
//! An error is measured relative to a *scale*: the sum of the absolute values of the terms that the formula adds, with the
//! errors that its inputs already carry. So a small difference of large terms is held to the terms, every other number to
//! itself. The tolerances are in units of ε, 2⁻⁵² in f64 and 2⁻²³ in f32; ε of a power of two is a unit in the last place of
//! the numbers above it.

use crate::json::{matrix, rounded, unset};
use chainrule::core::{OwnedTargets, Real};
use chainrule::prelude::*;
use ndarray::{Array1, Array2, ArrayRef, Axis, Ix2};
use serde_json::Value;

/// Found values against golden ones.
pub(crate) struct Comparison<F> {
    table: String,
    /// The largest error allowed, in ε of the scale.
    tolerance: f64,
    /// All errors, in ε of the scale.
    errors: Vec<f64>,
    /// The largest, where it is, and what was found there.
    worst: (f64, String, F),
}

impl<F: Real> Comparison<F> {
    pub(crate) fn new(table: &str, tolerance: f64) -> Self {
        Comparison {
            table: table.to_owned(),
            tolerance,
            errors: Vec::new(),
            worst: (-1.0, String::new(), F::zero()),
        }
    }

    pub(crate) fn number(&mut self, place: impl FnOnce() -> String, found: F, expected: f64, scale: f64) {
        // Below the smallest normal number, ε is that number's; beyond the largest there is infinity.
        let scale = scale.max(F::min_positive_value().as_f64());
        let error = match (found.as_f64() - expected).abs() / scale / F::epsilon().as_f64() {
            _ if found == F::of(expected) => 0.0,
            error if error.is_nan() => f64::INFINITY,
            error => error,
        };
        self.errors.push(error);
        if error > self.worst.0 {
            self.worst = (error, format!("{}, expected {expected:e}", place()), found);
        }
    }

    pub(crate) fn matrix(
        &mut self,
        place: &str,
        found: &ArrayRef<F, Ix2>,
        expected: &Array2<f64>,
        scale: &Array2<f64>,
    ) {
        assert_eq!((found.dim(), scale.dim()), (expected.dim(), expected.dim()), "{place}");
        for (at, &expected) in expected.indexed_iter() {
            self.number(|| format!("{place}{at:?}"), found[at], expected, scale[at]);
        }
    }

    /// Every method of a loss: forward, backward, both at once (the fused pass, where there is one), mean and gradient.
    pub(crate) fn loss(
        &mut self,
        loss: &dyn Loss<F>,
        case: &Value,
        outputs: &str,
        own: &OwnedTargets<F>,
        loss_scale: &Array1<f64>,
        gradient_scale: &Array2<f64>,
    ) {
        let name = &case["name"];
        let y = rounded::<F>(&matrix(&case[outputs]));
        let targets = own.view();
        let losses = matrix(&case["losses"]);
        let loss_scale = loss_scale.view().insert_axis(Axis(0)).to_owned();
        let gradient = matrix(&case["gradient"]);
        let rows = y.nrows() as f64;

        let mut found = unset::<F>(1, y.nrows());
        loss.forward(y.view(), targets, found.row_mut(0));
        self.matrix(&format!("{name} losses"), &found, &losses, &loss_scale);

        let mut dy = unset::<F>(y.nrows(), y.ncols());
        loss.backward(y.view(), targets, F::of(1.0 / rows), dy.view_mut());
        self.matrix(&format!("{name} gradient"), &dy, &gradient, gradient_scale);

        let (mut found, mut dy) = (unset::<F>(1, y.nrows()), unset::<F>(y.nrows(), y.ncols()));
        loss.forward_backward(y.view(), targets, F::of(1.0 / rows), found.row_mut(0), dy.view_mut());
        self.matrix(&format!("{name} losses at once"), &found, &losses, &loss_scale);
        self.matrix(&format!("{name} gradient at once"), &dy, &gradient, gradient_scale);

        let mean = loss.mean(y.view(), targets).unwrap();
        self.number(|| format!("{name} mean"), mean, losses.sum() / rows, loss_scale.sum() / rows);
        let dy = loss.gradient(y.view(), targets).unwrap();
        self.matrix(&format!("{name} gradient of the mean"), &dy, &gradient, gradient_scale);
    }

    /// A number held to units in its last place, as if its scale were itself rounded down to a power of two.
    pub(crate) fn ulps(&mut self, place: impl FnOnce() -> String, found: F, expected: f64) {
        let scale = 2.0_f64.powf(expected.abs().log2().floor());
        self.number(place, found, expected, if expected == 0.0 { 0.0 } else { scale });
    }

    #[track_caller]
    pub(crate) fn finish(self) {
        let Comparison { table, tolerance, mut errors, worst: (error, place, found) } = self;
        errors.sort_by(f64::total_cmp);
        let values = errors.len();
        let high = errors.get(values.saturating_sub(1).min(values * 999 / 1000)).copied().unwrap_or_default();
        let (name, eps) = (F::NAME, F::epsilon().as_f64());
        println!(
            "{name} {table:<34} {values:>7} values, 99.9th percentile {high:>5.2} ε, worst {error:>5.2} ε ({:.1e}) of \
             {tolerance} ε: {found:e} for {place}",
            error * eps
        );
        let within = values > 0 && error <= tolerance;
        assert!(within, "{table} in {name}, tolerance {tolerance} ε: {error:.2} ε, {found:e} for {place}");
    }
}
