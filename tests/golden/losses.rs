//! losses.json: every loss beside cross-entropy, forward, backward and both at once.

use crate::comparison::Comparison;
use crate::json::{cases, classes, matrix, number, read, rounded, text};
use chainrule::core::{OwnedTargets, Real};
use chainrule::kernels::CLIP;
use chainrule::models::{
    BinaryCrossEntropy, Focal, Huber, MeanAbsoluteError, MeanSquaredError, NegativeLogLikelihood,
    SigmoidCrossEntropy, SigmoidFocal, SoftmaxFocal,
};
use chainrule::prelude::*;
use ndarray::{Array1, Array2, Axis, Zip};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static FILE: LazyLock<Value> = LazyLock::new(|| read(include_str!("losses.json")));

fn loss<F: Real>(case: &Value) -> Box<dyn Loss<F>> {
    match text(case, "loss") {
        "mean_squared_error" => Box::new(MeanSquaredError),
        "mean_absolute_error" => Box::new(MeanAbsoluteError),
        "huber" => Box::new(Huber { delta: number(case, "delta") }),
        "binary_cross_entropy" => Box::new(BinaryCrossEntropy),
        "sigmoid_binary_cross_entropy" => Box::new(SigmoidCrossEntropy),
        "binary_focal" => {
            Box::new(SigmoidFocal { gamma: number(case, "gamma"), alpha: case["alpha"].as_f64() })
        }
        "focal" => Box::new(SoftmaxFocal::new(number(case, "gamma"))),
        "negative_log_likelihood" => Box::new(NegativeLogLikelihood::new()),
        other => panic!("no loss {other}"),
    }
}

fn targets<F: Real>(case: &Value) -> OwnedTargets<F> {
    if !case["classes"].is_null() {
        return OwnedTargets::Classes(classes(&case["classes"]));
    }
    let rows = rounded(&matrix(&case["targets"]));
    match text(case, "loss") {
        "focal" | "negative_log_likelihood" => OwnedTargets::Probabilities(rows),
        _ => OwnedTargets::Values(rows),
    }
}

/// What the terms of each row's loss, and of each derivative, sum to.
fn scales(case: &Value, y: &Array2<f64>) -> (Array1<f64>, Array2<f64>) {
    let name = text(case, "loss");
    let (losses, gradient) = (matrix(&case["losses"]).row(0).to_owned(), matrix(&case["gradient"]).abs());
    let rows = y.nrows() as f64;
    let per_output = 1.0 / (rows * y.ncols() as f64);
    match name {
        // y - t is rounded, and where it is small a bound of the clip or a slope may be, too.
        "mean_squared_error" | "mean_absolute_error" | "huber" => {
            let reach = y.abs() + matrix(&case["targets"]).abs();
            (
                losses + reach.mapv(|r| r * r).sum_axis(Axis(1)).mapv(|r| r.min(1e3)),
                gradient + reach * per_output,
            )
        }
        "binary_cross_entropy" => {
            // Where F cannot hold the bounds of the clip, or 1 - y, they are off by half an ε.
            let t = matrix(&case["targets"]);
            let clipped = y.mapv(|p| p.clamp(CLIP, 1.0 - CLIP));
            let mut of_losses = Array2::zeros(y.dim());
            let mut of_gradient = Array2::zeros(y.dim());
            Zip::from(&mut of_losses).and(&clipped).and(&t).for_each(|l, &c, &t| {
                *l = t * (1.0 - c.ln()) + (1.0 - t) * (1.0 / (1.0 - c) - (1.0 - c).ln());
            });
            Zip::from(&mut of_gradient).and(&clipped).and(&t).for_each(|g, &c, &t| {
                *g = (t / c + (1.0 - t) / (1.0 - c).powi(2)) * per_output;
            });
            (losses + of_losses.sum_axis(Axis(1)), gradient + of_gradient)
        }
        "sigmoid_binary_cross_entropy" | "negative_log_likelihood" => {
            let t_scale = Array2::from_elem(y.dim(), per_output);
            let soft =
                case["targets"].is_array() && matrix(&case["targets"]).iter().any(|t| *t != 0.0 && *t != 1.0);
            (losses, if soft { gradient + t_scale } else { gradient })
        }
        // p, 1 - p and log p come from x with an error of ε |x|, which the powers multiply.
        "binary_focal" => {
            let power = 1.0 + number(case, "gamma");
            let reach = y.mapv(|x| power * (1.0 + x.abs().min(100.0)));
            let of_row = reach.map_axis(Axis(1), |row| row.fold(0.0_f64, |a, &b| a.max(b)));
            (losses * of_row, gradient * reach)
        }
        _ => {
            let power = 1.0 + number(case, "gamma");
            let reach = y.map_axis(Axis(1), |row| {
                let spread = row.fold(0.0_f64, |a, &b| a.max(b.abs()));
                power * (1.0 + 2.0 * spread.min(100.0))
            });
            let soft = case["targets"].is_array();
            let column = reach.view().insert_axis(Axis(1));
            // Derivatives of soft targets are differences.
            let of_soft = matrix(&case["gradient"]).map_axis(Axis(1), |row| row.mapv(f64::abs).sum());
            let of_soft = of_soft.insert_axis(Axis(1)).broadcast(y.dim()).unwrap().to_owned();
            let gradient = if soft { gradient + of_soft + 1.0 / rows } else { gradient };
            (losses * &reach, gradient * column)
        }
    }
}

#[test]
fn every_loss() {
    fn check<F: Real>() {
        let mut tables = BTreeMap::<&str, Comparison<F>>::new();
        for case in cases(&FILE, "losses") {
            let name = text(case, "loss");
            let y = matrix(&case["y"]);
            let of_case = targets::<f64>(case);
            let exact = |values: &Array2<f64>| values.iter().all(|&x| F::of(x).as_f64() == x);
            let exact_targets = match &of_case {
                OwnedTargets::Classes(_) => true,
                OwnedTargets::Probabilities(rows) | OwnedTargets::Values(rows) => exact(rows),
            };
            if !exact(&y) || !exact_targets {
                continue;
            }
            let compared = tables.entry(name).or_insert_with(|| Comparison::new(name, 8.0));
            let (losses, gradient) = scales(case, &y);
            let own = targets::<F>(case);
            compared.loss(&*loss::<F>(case), case, "y", &own, &losses, &gradient);
        }
        assert_eq!(tables.len(), 8, "every loss has cases that {} holds exactly", F::NAME);
        tables.into_values().for_each(Comparison::finish);
    }
    check::<f64>();
    check::<f32>();
}

/// The focal loss of probabilities, through softmax, is that of the logits where nothing is clipped.
#[test]
fn focal_of_probabilities() {
    let mut compared = Comparison::<f64>::new("focal of probabilities", 64.0);
    for case in cases(&FILE, "losses").iter().filter(|case| text(case, "loss") == "focal") {
        let x = matrix(&case["y"]);
        if x.iter().any(|x| x.abs() > 5.0) {
            continue;
        }
        let (gamma, own) = (number(case, "gamma"), targets::<f64>(case));
        let s = Softmax::default().output(x.view());
        if s.iter().any(|&s| s > 0.999) {
            continue;
        }
        let losses = Focal::new(gamma).losses(s.view(), own.view()).unwrap();
        let golden = matrix(&case["losses"]);
        for (i, &found) in losses.iter().enumerate() {
            compared.number(
                || format!("{} row {i}", case["name"]),
                found,
                golden[[0, i]],
                golden[[0, i]] + 1.0,
            );
        }
        let ds = Focal::new(gamma).gradient(s.view(), own.view()).unwrap();
        let dx = Softmax::default().input_gradient(x.view(), s.view(), ds.view());
        let scale = Array2::from_elem(x.dim(), 1.0 + gamma);
        compared.matrix(text(case, "name"), &dx, &matrix(&case["gradient"]), &scale);
    }
    compared.finish();
}
