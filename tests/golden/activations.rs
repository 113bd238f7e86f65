//! activations.json: element-wise activations at hundreds of points, and softmax, its logarithm and log-sum-exp.

use crate::comparison::Comparison;
use crate::json::{cases, matrix, number, numbers, read, rounded, text};
use chainrule::core::Real;
use chainrule::kernels::log_sum_exp;
use chainrule::models::{Elu, Gelu, LeakyRelu, Linear, LogSoftmax, Sigmoid, Silu, Tanh};
use chainrule::prelude::*;
use ndarray::{Array1, Array2, Axis};
use serde_json::Value;
use std::sync::LazyLock;

static FILE: LazyLock<Value> = LazyLock::new(|| read(include_str!("activations.json")));

fn activation<F: Real>(case: &Value) -> Box<dyn Activation<F>> {
    match text(case, "activation") {
        "linear" => Box::new(Linear),
        "relu" => Box::new(Relu),
        "leaky_relu" => Box::new(LeakyRelu { slope: number(case, "setting") }),
        "elu" => Box::new(Elu { alpha: number(case, "setting") }),
        "gelu" => Box::new(Gelu),
        "silu" => Box::new(Silu),
        "sigmoid" => Box::new(Sigmoid),
        "tanh" => Box::new(Tanh),
        other => panic!("no activation {other}"),
    }
}

/// What the terms of a derivative sum to, where it is no product: and what the square of x multiplies on the way to
/// exp(-x²/2); below `tiny`, numbers have few digits.
fn slope_scale(name: &str, x: f64, slope: f64, tiny: f64) -> Option<f64> {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    match name {
        "silu" => Some(sigmoid(x).max(tiny) * (1.0 + (x * sigmoid(-x)).abs())),
        "gelu" if x < 0.0 => Some((slope.abs() + 2.0 * x.abs() * (-x * x / 2.0).exp()) * (1.0 + x * x)),
        "gelu" => Some(1.0 + x),
        _ => None,
    }
}

#[test]
fn outputs_and_slopes() {
    fn check<F: Real>() {
        for case in cases(&FILE, "activations") {
            let name = text(case, "activation");
            let title =
                format!("{name} {}", case["setting"].as_f64().map_or(String::new(), |s| s.to_string()));
            let mut outputs = Comparison::<F>::new(&title, 4.0);
            let mut slopes = Comparison::<F>::new(&format!("{title} slope"), 4.0);
            let activation = activation::<F>(case);
            let (x, y, dydx) = (numbers(case, "x"), numbers(case, "y"), numbers(case, "dydx"));
            let x_row = rounded::<F>(&Array1::from(x.clone()).insert_axis(Axis(0)));
            let ones = Array2::from_elem(x_row.dim(), F::one());
            let found = activation.output(x_row.view());
            let found_slopes = activation.input_gradient(x_row.view(), found.view(), ones.view());
            for (i, &x) in x.iter().enumerate() {
                if F::of(x).as_f64() != x {
                    continue;
                }
                let place = || format!("x = {x:e}");
                if name == "gelu" {
                    let scale = y[i].abs().max(F::min_positive_value().as_f64()) * (1.0 + (x * x).min(1e4));
                    outputs.number(place, found[[0, i]], y[i], scale);
                } else if name == "silu" && x < -80.0 {
                    // x multiplies σ(x), which may have few digits left.
                    let scale = y[i].abs().max(F::min_positive_value().as_f64() * -x);
                    outputs.number(place, found[[0, i]], y[i], scale);
                } else {
                    outputs.ulps(place, found[[0, i]], y[i]);
                }
                let place = || format!("x = {x:e}");
                match slope_scale(name, x, dydx[i], F::min_positive_value().as_f64()) {
                    None => slopes.ulps(place, found_slopes[[0, i]], dydx[i]),
                    Some(scale) => slopes.number(place, found_slopes[[0, i]], dydx[i], scale),
                }
            }
            outputs.finish();
            slopes.finish();
        }
    }
    check::<f64>();
    check::<f32>();
}

#[test]
fn softmax_and_its_logarithm() {
    fn check<F: Real>() {
        let mut soft = Comparison::<F>::new("softmax rows", 4.0);
        let mut log = Comparison::<F>::new("log-softmax rows", 4.0);
        let mut log_sum = Comparison::<F>::new("log-sum-exp rows", 4.0);
        let mut soft_slope = Comparison::<F>::new("softmax rows, dx", 8.0);
        let mut log_slope = Comparison::<F>::new("log-softmax rows, dx", 8.0);
        for case in cases(&FILE, "rows") {
            let (name, x) = (text(case, "name"), matrix(&case["x"]));
            assert!(x.iter().all(|&x| F::of(x).as_f64() == x), "{name}: inputs are exact in {}", F::NAME);
            let x_rounded = rounded::<F>(&x);
            if text(case, "function") == "log_sum_exp" {
                let mut y = Array1::from_elem(x.nrows(), F::nan());
                log_sum_exp(x_rounded.view(), y.view_mut());
                for (i, (&found, expected)) in y.iter().zip(numbers(case, "y")).enumerate() {
                    // max + log Σ exp(x - max), which may cancel.
                    let max = x.row(i).fold(f64::NEG_INFINITY, |max, &x| max.max(x));
                    let place = || format!("{name}, row {i}");
                    log_sum.number(place, found, expected, max.abs() + (expected - max));
                }
                continue;
            }
            let is_softmax = text(case, "function") == "softmax";
            let activation: Box<dyn Activation<F>> =
                if is_softmax { Box::new(Softmax::default()) } else { Box::new(LogSoftmax) };
            let (y, dy, dx) = (matrix(&case["y"]), matrix(&case["dy"]), matrix(&case["dx"]));
            let found = activation.output(x_rounded.view());
            let outputs = if is_softmax { &mut soft } else { &mut log };
            for (at, &expected) in y.indexed_iter() {
                outputs.ulps(|| format!("{name} {at:?}"), found[at], expected);
            }
            let y_rounded = rounded::<F>(&y);
            let found = activation.input_gradient(x_rounded.view(), y_rounded.view(), rounded(&dy).view());
            if is_softmax {
                let mean = (&y * &dy.abs()).sum_axis(Axis(1)).insert_axis(Axis(1));
                soft_slope.matrix(name, &found, &dx, &(&y * (dy.abs() + mean)));
            } else {
                // exp multiplies the rounding of y with y.
                let total = dy.abs().sum_axis(Axis(1)).insert_axis(Axis(1));
                let softmax = y.mapv(|y| y.exp() * (1.0 + y.abs().min(1e3)));
                log_slope.matrix(name, &found, &dx, &(dy.abs() + softmax * total));
            }
        }
        [soft, log, log_sum, soft_slope, log_slope].into_iter().for_each(Comparison::finish);
    }
    check::<f64>();
    check::<f32>();
}
