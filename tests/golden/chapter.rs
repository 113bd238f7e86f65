//! golden.json, by generate.py: what the chapter needs.

use crate::comparison::Comparison;
use crate::json::{classes, matrix, read, rounded, unset};
use chainrule::core::{Block, Kept, OwnedTargets, Real, Step};
use chainrule::kernels::{CLIP, softmax_jacobian};
use chainrule::models::Initializer;
use chainrule::prelude::*;
use ndarray::{Array1, Array2, Axis, concatenate};
use serde_json::Value;
use std::sync::LazyLock;

/// ε of its scale that a value may be off: a few roundings, as sums are short here. In f64, 9e-16.
const TOLERANCE: f64 = 4.0;

const WAYS: [GradientPath; 3] = [GradientPath::Product, GradientPath::Jacobian, GradientPath::StoredJacobian];

#[test]
fn every_table_has_a_test() {
    let tables = ["softmax", "cross_entropy_logits", "cross_entropy_probabilities", "dense", "relu"];
    let mut expected = [&tables[..], &["network", "optimizers"]].concat();
    expected.sort_unstable();
    let mut found = Vec::from_iter(golden().as_object().expect("an object of tables").keys());
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn softmax() {
    fn check<F: Real>(inexact: &[&str]) {
        let mut compared = Comparison::<F>::new("softmax", TOLERANCE);
        for case in exact_cases::<F>("softmax", &["x", "dy"], inexact) {
            let (x, dy) = (matrix(&case["x"]), matrix(&case["dy"]));
            let (y, dx) = (matrix(&case["y"]), matrix(&case["dx"]));
            let s = rounded(&y);
            let found = Softmax::default().output(rounded(&x).view());
            compared.matrix(&format!("{} y", case["name"]), &found, &y, &softmax_scale(&x));

            // dxᵢ = sᵢ (dyᵢ - Σⱼ sⱼ dyⱼ)
            let mean = (&y * &dy.abs()).sum_axis(Axis(1)).insert_axis(Axis(1));
            let scale = &y * (dy.abs() + mean);
            for gradient in WAYS {
                let found =
                    Softmax { gradient }.input_gradient(rounded(&x).view(), s.view(), rounded(&dy).view());
                compared.matrix(&format!("{} dx by {gradient:?}", case["name"]), &found, &dx, &scale);
            }

            // Jᵢⱼ = sᵢ (δᵢⱼ - sⱼ), of the first row
            if let Some(jacobian) = case.get("jacobian") {
                let y = y.row(0);
                let scale = Array2::from_shape_fn((y.len(), y.len()), |(i, j)| {
                    y[i] * (y[j] + f64::from(u8::from(i == j)))
                });
                let place = format!("{} jacobian", case["name"]);
                compared.matrix(&place, &softmax_jacobian(s.row(0)), &matrix(jacobian), &scale);
            }
        }
        compared.finish();
    }
    check::<f64>(&[]);
    check::<f32>(&["chapter", "huge_1e300"]);
}

#[test]
fn cross_entropy_logits() {
    fn check<F: Real>(inexact: &[&str]) {
        let mut compared = Comparison::<F>::new("cross_entropy_logits", TOLERANCE);
        for case in exact_cases::<F>("cross_entropy_logits", &["logits", "probabilities"], inexact) {
            let (logits, y) = (matrix(&case["logits"]), answers(case, "logits"));
            let s_scale = softmax_scale(&logits);
            // Σⱼ yⱼ (log Σₖ exp(xₖ - m) - (xⱼ - m)); the sum carries the errors of the exponentials.
            let losses = Array1::from_shape_fn(y.nrows(), |i| {
                let (x, y) = (logits.row(i), y.row(i));
                let max = x.fold(f64::NEG_INFINITY, |max, &x| x.max(max));
                let log_sum = x.mapv(|x| (x - max).exp()).sum().ln();
                let terms = y.iter().zip(x).filter(|(y, _)| **y > 0.0);
                terms.map(|(y, x)| y * (log_sum + (x - max).abs() + s_scale.row(i).sum())).sum()
            });
            // (s - y) / N
            let gradient = (&s_scale + &y) / y.nrows() as f64;
            compared.loss(&SoftmaxCrossEntropy::new(), case, "logits", &targets(case), &losses, &gradient);
        }
        compared.finish();
    }
    check::<f64>(&[]);
    check::<f32>(&["chapter", "huge_1e300"]);
}

#[test]
fn cross_entropy_probabilities() {
    fn check<F: Real>(inexact: &[&str]) {
        // Where the bounds of the clip are rounded themselves, a logarithm near 0 is off by as much.
        let clip = if F::of(1.0 - CLIP).as_f64() == 1.0 - CLIP { 0.0 } else { 1.0 };
        let mut compared = Comparison::<F>::new("cross_entropy_probabilities", TOLERANCE);
        let table = "cross_entropy_probabilities";
        for case in exact_cases::<F>(table, &["probabilities_in", "probabilities"], inexact) {
            let y = answers(case, "probabilities_in");
            let p = matrix(&case["probabilities_in"]);
            // What the gradient divides by; golden.json has the bound of f64.
            let bound = |smallest: f64| p.mapv(|p| p.max(smallest * 2.0_f64.powi(26)));
            let bounded = bound(f64::MIN_POSITIVE);
            if (&y * (&bounded - bound(F::min_positive_value().as_f64()))).iter().any(|&d| d != 0.0) {
                continue;
            }
            let clipped = p.mapv(|p| p.clamp(CLIP, 1.0 - CLIP));
            // Σⱼ yⱼ |log ŷⱼ|, all of one sign, and y / ŷ / N
            let losses = (&y * clipped.mapv(|p| p.ln().abs() + clip)).sum_axis(Axis(1));
            let gradient = &y / &bounded / y.nrows() as f64;
            compared.loss(
                &CategoricalCrossEntropy::new(),
                case,
                "probabilities_in",
                &targets(case),
                &losses,
                &gradient,
            );
        }
        compared.finish();
    }
    check::<f64>(&[]);
    check::<f32>(&["chapter", "near_the_clip", "random"]);
}

#[test]
fn dense() {
    fn check<F: Real>(inexact: &[&str]) {
        let mut compared = Comparison::<F>::new("dense", TOLERANCE);
        for case in exact_cases::<F>("dense", &["x", "weight", "bias", "dy"], inexact) {
            let name = &case["name"];
            let [x, weight, bias, dy] = ["x", "weight", "bias", "dy"].map(|key| matrix(&case[key]));
            let ((inputs, outputs), rows) = (weight.dim(), x.nrows());
            let layer = Dense::new(inputs, outputs, Initializer::default());
            let parameters: Vec<F> = weight.iter().chain(&bias).map(|&p| F::of(p)).collect();
            let (x_f, dy_f) = (rounded(&x), rounded(&dy));

            let mut y = unset::<F>(rows, outputs);
            layer.forward(&parameters, x_f.view(), y.view_mut());
            let scale = x.abs().dot(&weight.abs()) + bias.abs();
            compared.matrix(&format!("{name} y"), &y, &matrix(&case["y"]), &scale);

            let kept = Kept::new(x_f.view(), y.view());
            let mut dx = unset::<F>(rows, inputs);
            layer.backward_input(&parameters, kept, dy_f.view(), dx.view_mut());
            let scale = dy.abs().dot(&weight.abs().t());
            compared.matrix(&format!("{name} dx"), &dx, &matrix(&case["dx"]), &scale);

            // The parameters in one block, and in blocks of a few rows.
            let scales = [x.abs().t().dot(&dy.abs()), dy.abs().sum_axis(Axis(0)).insert_axis(Axis(0))];
            for (parameter, (key, scale)) in ["dweight", "dbias"].into_iter().zip(&scales).enumerate() {
                for rows in [scale.nrows(), 1, 2, 4] {
                    let mut gradient = unset::<F>(scale.nrows(), outputs);
                    for (i, dblock) in gradient.axis_chunks_iter_mut(Axis(0), rows).enumerate() {
                        let block = Block { parameter, rows: rows * i..rows * i + dblock.nrows() };
                        layer.backward_parameters(&block, kept, dy_f.view(), dblock);
                    }
                    let place = format!("{name} {key} in blocks of {rows} rows");
                    compared.matrix(&place, &gradient, &matrix(&case[key]), scale);
                }
            }
        }
        compared.finish();
    }
    check::<f64>(&[]);
    check::<f32>(&["chapter_layer"]);
}

#[test]
fn relu() {
    fn check<F: Real>(inexact: &[&str]) {
        // It computes nothing that could be rounded.
        let mut compared = Comparison::<F>::new("relu", 0.0);
        for case in exact_cases::<F>("relu", &["x", "dy"], inexact) {
            let [x, dy] = ["x", "dy"].map(|key| rounded(&matrix(&case[key])));
            let y = Relu.output(x.view());
            let dx = Relu.input_gradient(x.view(), y.view(), dy.view());
            for (key, found) in [("y", y), ("dx", dx)] {
                let expected = matrix(&case[key]);
                compared.matrix(&format!("{} {key}", case["name"]), &found, &expected, &expected.abs());
            }
        }
        compared.finish();
    }
    check::<f64>(&[]);
    check::<f32>(&["zeros"]);
}

/// 4 inputs, 5 ReLU, 3 classes: forward and backward, on every gradient path.
#[test]
fn network() {
    fn check<F: Real>() {
        let mut compared = Comparison::<F>::new("network", TOLERANCE);
        let case = &golden()["network"];
        let [w1, w2] = [0, 1].map(|layer| matrix(&case["weights"][layer]));
        let [b1, b2] = [0, 1].map(|layer| matrix(&case["biases"][layer]));
        let (x, probabilities) = (matrix(&case["x"]), matrix(&case["probabilities"]));
        let labels = classes(&case["labels"]);
        let flat = |weights: &str, biases: &str| {
            let parts = [0, 1].map(|layer| [&case[weights][layer], &case[biases][layer]]);
            Vec::from_iter(parts.as_flattened().iter().flat_map(|part| matrix(part)))
        };

        // The same route for absolute values: how large the terms of each number are, and what errors come with them.
        let hidden = x.abs().dot(&w1.abs()) + b1.abs();
        let logits = hidden.dot(&w2.abs()) + b2.abs();
        let of_row = logits.map_axis(Axis(1), |row| 1.0 + 2.0 * row.fold(0.0, |a: f64, &b| a.max(b)));
        let one_hot = Array2::from_shape_fn(logits.dim(), |(i, j)| f64::from(u8::from(labels[i] == j)));
        let rows = x.nrows() as f64;
        let dlogits = (&probabilities + one_hot) / rows * of_row.view().insert_axis(Axis(1));
        let active = (x.dot(&w1) + &b1).mapv(|z| f64::from(u8::from(z > 0.0)));
        let dhidden = dlogits.dot(&w2.abs().t()) * active;
        let parts = [
            x.abs().t().dot(&dhidden),
            dhidden.sum_axis(Axis(0)).insert_axis(Axis(0)),
            hidden.t().dot(&dlogits),
            dlogits.sum_axis(Axis(0)).insert_axis(Axis(0)),
        ];
        let scale: Vec<f64> = parts.iter().flatten().copied().collect();

        for path in [GradientPath::Fused, WAYS[0], WAYS[1], WAYS[2]] {
            let mut network =
                Network::<F>::builder(4).dense(5).relu().dense(3).softmax_by(path).build().unwrap();
            let parameters = flat("weights", "biases").into_iter().map(F::of);
            network.parameters_mut().copy_from_slice(&Vec::from_iter(parameters));
            let x = rounded::<F>(&x);
            let mut tape = network.tape(x.nrows());
            let pass = network.forward(x.view(), &mut tape).unwrap();
            let output_scale = &probabilities * &of_row.view().insert_axis(Axis(1));
            compared.matrix(
                &format!("probabilities, {path:?}"),
                &pass.output(),
                &probabilities,
                &output_scale,
            );

            let (loss, gradient) =
                pass.backward(&CategoricalCrossEntropy::new(), Targets::Classes(&labels)).unwrap();
            let expected = case["loss"].as_f64().expect("a loss");
            compared.number(|| format!("loss, {path:?}"), loss, expected, of_row.sum() / rows);
            let expected = flat("weight_gradients", "bias_gradients");
            assert_eq!((gradient.len(), scale.len()), (expected.len(), expected.len()));
            for (i, &found) in gradient.iter().enumerate() {
                compared.number(|| format!("gradient[{i}], {path:?}"), found, expected[i], scale[i]);
            }
        }
        compared.finish();
    }
    check::<f64>();
    check::<f32>();
}

#[test]
fn optimizers() {
    fn check<F: Real>() {
        // Twelve steps, each with its roundings.
        let mut compared = Comparison::<F>::new("optimizers", 2.0 * TOLERANCE);
        for case in golden()["optimizers"].as_array().expect("a table of cases") {
            let Some(rule) = optimizer::<F>(&case["settings"]) else {
                assert_eq!(case["name"], "sgd_momentum_decay");
                continue;
            };
            rule.check().unwrap();
            let decay = case["settings"]["decay"].as_f64().unwrap_or(0.0);
            let start = matrix(&case["start"]);
            let after = matrix(&case["parameters_after"]);
            let gradients = rounded(&matrix(&case["gradients"]));
            let mut parameters: Vec<F> = start.iter().map(|&p| F::of(p)).collect();
            let mut moments: [_; 3] = std::array::from_fn(|moment| {
                vec![F::zero(); if moment < rule.moments() { start.len() } else { 0 }]
            });
            // Where a parameter started, and the way it went since.
            let path = concatenate(Axis(0), &[start.view(), after.view()]).expect("rows of one width");
            let mut scale = start.row(0).abs();
            for (step, gradient) in gradients.outer_iter().enumerate() {
                let moments = moments.each_mut().map(|moment| &mut moment[..]);
                let step_now = Step { number: step as u64, rate_factor: 1.0 / (1.0 + decay * step as f64) };
                rule.update(step_now, &mut parameters, gradient.as_slice().expect("a row"), moments);
                scale += &(&path.row(step + 1) - &path.row(step)).abs();
                for (i, &found) in parameters.iter().enumerate() {
                    let place = || format!("{} after step {step}, parameter {i}", case["name"]);
                    compared.number(place, found, after[[step, i]], scale[i]);
                }
            }
        }
        compared.finish();
    }
    check::<f64>();
    check::<f32>();
}

/// The rule of a case; `None` for torch's momentum with a rate that changes, a form that [`Sgd`] does not have: there,
/// today's rate applies to all past gradients, while the book's v ← μ v - ηₜ g keeps each one's own.
fn optimizer<F: Real>(settings: &Value) -> Option<Box<dyn Optimizer<F>>> {
    let number = |key: &str| settings[key].as_f64().unwrap_or_else(|| panic!("a number {key} in {settings}"));
    let learning_rate = number("learning_rate");
    match settings["optimizer"].as_str() {
        Some("sgd") => {
            let nesterov = settings["nesterov"].as_bool().expect("whether it is Nesterov's");
            let sgd = Sgd { learning_rate, momentum: number("momentum"), nesterov };
            let torch_form = settings["momentum_form"] == "torch";
            let other_form = torch_form && sgd.momentum > 0.0 && number("decay") > 0.0;
            (!other_form).then(|| Box::new(sgd) as _)
        }
        Some("adam" | "adamw") => {
            let (beta1, beta2) = (number("beta1"), number("beta2"));
            let (epsilon, weight_decay) = (number("epsilon"), number("weight_decay"));
            Some(Box::new(Adam { learning_rate, beta1, beta2, epsilon, weight_decay, amsgrad: false }))
        }
        other => panic!("no optimiser {other:?}"),
    }
}

/// sᵢ (1 + |xᵢ - m| + Σⱼ sⱼ |xⱼ - m|): exp carries on the rounding of what it is given.
fn softmax_scale(x: &Array2<f64>) -> Array2<f64> {
    let mut scale = x.clone();
    for mut row in scale.outer_iter_mut() {
        let max = row.fold(f64::NEG_INFINITY, |max, &x| x.max(max));
        let below = row.mapv(|x| max - x);
        let s = below.mapv(|below| (-below).exp());
        let s = &s / s.sum();
        let mean = (&s * &below).sum();
        row.assign(&(s * (below + 1.0 + mean)));
    }
    scale
}

fn golden() -> &'static Value {
    static GOLDEN: LazyLock<Value> = LazyLock::new(|| read(include_str!("golden.json")));
    &GOLDEN
}

/// The cases of a table whose inputs `F` holds exactly: all but `inexact` and their variants (`name/…`).
#[track_caller]
fn exact_cases<F: Real>(table: &str, inputs: &[&str], inexact: &[&str]) -> Vec<&'static Value> {
    let cases = golden()[table].as_array().expect("a table of cases");
    let exact = |case: &Value| {
        let inputs = inputs.iter().filter(|&&input| !case[input].is_null());
        inputs.flat_map(|&input| matrix(&case[input])).all(|x| F::of(x).as_f64() == x)
    };
    let (exact, others): (Vec<_>, Vec<_>) = cases.iter().partition(|&case| exact(case));
    let stem = |case: &Value| {
        let name = case["name"].as_str().expect("a name");
        name.split('/').next().expect("a part").to_owned()
    };
    let mut left_out: Vec<String> = others.into_iter().map(stem).collect();
    left_out.sort_unstable();
    left_out.dedup();
    assert_eq!(left_out, inexact, "{table} in {}", F::NAME);
    exact
}

/// The targets of a cross-entropy case.
fn targets<F: Real>(case: &Value) -> OwnedTargets<F> {
    match case["kind"].as_str() {
        Some("classes") => OwnedTargets::Classes(classes(&case["classes"])),
        Some("probabilities") => OwnedTargets::Probabilities(rounded(&matrix(&case["probabilities"]))),
        other => panic!("no kind of targets {other:?}"),
    }
}

/// The same as rows of probabilities, as wide as `outputs`.
fn answers(case: &Value, outputs: &str) -> Array2<f64> {
    match targets(case) {
        OwnedTargets::Probabilities(rows) | OwnedTargets::Values(rows) => rows,
        OwnedTargets::Classes(labels) => {
            let shape = matrix(&case[outputs]).dim();
            Array2::from_shape_fn(shape, |(i, j)| f64::from(u8::from(labels[i] == j)))
        }
    }
}
