//! Where a function has a kink: its derivatives on both sides, and the one taken at the kink itself.

use crate::inputs::{TOLERANCE, assert_exact};
use chainrule::core::{check_activation, check_loss};
use chainrule::models::{Elu, Huber, LeakyRelu, MeanAbsoluteError};
use chainrule::prelude::*;
use ndarray::array;

/// An activation with a kink at 0, and its derivatives on the left and on the right.
type Kinked = (&'static str, Box<dyn Activation<f64>>, f64, f64);

fn kinked() -> [Kinked; 3] {
    [
        ("relu", Box::new(Relu), 0.0, 1.0),
        ("leaky relu", Box::new(LeakyRelu { slope: 0.3 }), 0.3, 1.0),
        ("elu", Box::new(Elu { alpha: 0.5 }), 0.5, 1.0),
    ]
}

#[test]
fn both_sides_of_an_activation() {
    for (name, activation, left, right) in kinked() {
        // As near as the differences' points, up to 6e-4 away, allow.
        let x = array![[-1e-3, 1e-3, -2e-3, 2e-3]];
        assert_exact(name, check_activation(&*activation, x.view()));

        let slope = |x: f64| {
            let x = array![[x]];
            let y = activation.output(x.view());
            activation.input_gradient(x.view(), y.view(), array![[1.0]].view())[[0, 0]]
        };
        let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{name}: {found}");
        near(slope(-f64::MIN_POSITIVE), left);
        near(slope(f64::MIN_POSITIVE), right);
        // At the kink, the left one; and both are what the function does there.
        near(slope(0.0), left);
        near(slope(-0.0), left);
        let value = |x: f64| activation.output(array![[x]].view())[[0, 0]];
        for (h, expected) in [(-1e-6, left), (1e-6, right)] {
            // One-sided, exact for a parabola.
            let one_sided = (4.0 * value(h) - value(2.0 * h) - 3.0 * value(0.0)) / (2.0 * h);
            assert!((one_sided - expected).abs() < 1e-9, "{name}: {one_sided}, expected {expected}");
        }
    }
}

#[test]
fn both_sides_of_a_loss() {
    let y = array![[1.0, -2.0]];
    for side in [-1e-3, 1e-3] {
        let t = &y + side;
        let targets = Targets::Values(t.view());
        assert_exact("mean absolute error", check_loss(&MeanAbsoluteError, y.view(), targets));
        for delta in [1.0, 0.25] {
            let t = &y + (delta + side) * array![[1.0, -1.0]];
            let targets = Targets::Values(t.view());
            assert_exact("huber", check_loss(&Huber { delta }, y.view(), targets));
        }
    }
    // Where y = t, the middle of the two; Huber has no jump anywhere.
    let gradient = MeanAbsoluteError.gradient(y.view(), Targets::Values(y.view())).unwrap();
    assert_eq!(gradient, array![[0.0, 0.0]]);
    let t = &y + 1.0;
    let at_delta = Huber { delta: 1.0 }.gradient(y.view(), Targets::Values(t.view())).unwrap();
    assert!((at_delta - array![[-0.5, -0.5]]).iter().all(|d| d.abs() < TOLERANCE));
}
