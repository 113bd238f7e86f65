//! *Neural Networks from Scratch in Python*, name by name as in `docs/nnfs.md`: what the book's formulas give, each written
//! down here in a few lines, beside what chainrule gives; the book's trainings; then everything that is unsafe in the book,
//! in both its behaviours.

#![allow(clippy::unwrap_used)]

mod book;
mod models;
mod names;
mod unsafe_in_the_book;

use chainrule::models::MeanSquaredError;
use chainrule::prelude::*;
use ndarray::{Array2, ArrayRef, Dimension};

const PATHS: [GradientPath; 4] =
    [GradientPath::Fused, GradientPath::Product, GradientPath::Jacobian, GradientPath::StoredJacobian];

/// One step with a gradient of one's own.
fn step(network: &mut Network<f64>, optimizer: &mut OptimizerState<f64>, values: &[f64]) {
    let (x, t) = (Array2::zeros((1, network.inputs())), Array2::zeros((1, network.outputs())));
    let mut tape = network.tape(1);
    let pass = network.forward(x.view(), &mut tape).unwrap();
    let (_, mut gradient) = pass.backward(&MeanSquaredError, Targets::Values(t.view())).unwrap();
    gradient.copy_from_slice(values);
    optimizer.step(network.parameters_mut(), gradient).unwrap();
}

#[track_caller]
fn assert_close(found: f64, expected: f64) {
    let error = (found - expected).abs();
    assert!(error <= 1e-13 * expected.abs().max(1.0), "found {found}, expected {expected}");
}

#[track_caller]
fn assert_near<D: Dimension>(found: &ArrayRef<f64, D>, expected: &ArrayRef<f64, D>) {
    assert_eq!(found.shape(), expected.shape());
    for (&found, &expected) in found.iter().zip(expected) {
        assert_close(found, expected);
    }
}
