//! networks.json: small networks of every kind of layer, the gradient of every parameter by differences with 60 digits; and
//! layer normalisation by itself.

use crate::comparison::Comparison;
use crate::json::{cases, classes, matrix, number, numbers, read, rounded, text};
use chainrule::core::{Block, Kept, OwnedTargets, Real};
use chainrule::models::{
    BinaryCrossEntropy, Elu, Gelu, LayerNorm, LeakyRelu, Linear, LogSoftmax, MeanAbsoluteError,
    MeanSquaredError, NegativeLogLikelihood, NetworkBuilder, Sigmoid, SigmoidCrossEntropy, Silu, Tanh,
};
use chainrule::prelude::*;
use ndarray::{Array2, Axis};
use serde_json::Value;
use std::sync::LazyLock;

static FILE: LazyLock<Value> = LazyLock::new(|| read(include_str!("networks.json")));

fn append<F: Real>(builder: NetworkBuilder<F>, layer: &Value, width: &mut usize) -> NetworkBuilder<F> {
    match text(layer, "kind") {
        "dense" => {
            *width = number(layer, "outputs") as usize;
            let bias = layer["bias"].as_bool().unwrap();
            if bias { builder.dense(*width) } else { builder.dense_without_bias(*width) }
        }
        "layer_norm" => builder.layer(LayerNorm::new(*width, number(layer, "epsilon"))),
        "residual" => builder.residual(|block| {
            layer["layers"].as_array().unwrap().iter().fold(block, |block, layer| append(block, layer, width))
        }),
        "linear" => builder.activation(Linear),
        "relu" => builder.relu(),
        "leaky_relu" => builder.activation(LeakyRelu { slope: number(layer, "slope") }),
        "elu" => builder.activation(Elu { alpha: number(layer, "alpha") }),
        "gelu" => builder.activation(Gelu),
        "silu" => builder.activation(Silu),
        "sigmoid" => builder.activation(Sigmoid),
        "tanh" => builder.activation(Tanh),
        "softmax" => builder.softmax(),
        "log_softmax" => builder.activation(LogSoftmax),
        other => panic!("no layer {other}"),
    }
}

fn loss<F: Real>(name: &str) -> Box<dyn Loss<F>> {
    match name {
        "softmax_cross_entropy" => Box::new(SoftmaxCrossEntropy::new()),
        "categorical_cross_entropy" => Box::new(CategoricalCrossEntropy::new()),
        "negative_log_likelihood" => Box::new(NegativeLogLikelihood::new()),
        "mean_squared_error" => Box::new(MeanSquaredError),
        "mean_absolute_error" => Box::new(MeanAbsoluteError),
        "sigmoid_binary_cross_entropy" => Box::new(SigmoidCrossEntropy),
        "binary_cross_entropy" => Box::new(BinaryCrossEntropy),
        other => panic!("no loss {other}"),
    }
}

#[test]
fn outputs_loss_and_every_gradient() {
    fn check<F: Real>(tolerance: f64) {
        let mut compared = Comparison::<F>::new("networks", tolerance);
        for case in cases(&FILE, "networks") {
            let (name, x) = (text(case, "name"), rounded::<F>(&matrix(&case["x"])));
            let mut width = x.ncols();
            let layers = case["layers"].as_array().unwrap();
            let builder = layers
                .iter()
                .fold(Network::<F>::builder(width), |builder, layer| append(builder, layer, &mut width));
            let mut network = builder.build().unwrap();
            let parameters: Vec<F> = numbers(case, "parameters").into_iter().map(F::of).collect();
            network.parameters_mut().copy_from_slice(&parameters);
            let own = match case["classes"].is_null() {
                true => OwnedTargets::Values(rounded::<F>(&matrix(&case["targets"]))),
                false => OwnedTargets::Classes(classes(&case["classes"])),
            };
            let mut tape = network.tape(x.nrows());
            let pass = network.forward(x.view(), &mut tape).unwrap();
            // All numbers are of order 1 here; a sum's terms are no larger than a few.
            let unit = |values: &Array2<f64>| values.mapv(|value| value.abs() + 1.0);
            let outputs = matrix(&case["outputs"]);
            compared.matrix(&format!("{name}, outputs"), &pass.output(), &outputs, &unit(&outputs));
            let (mean, gradient) = pass.backward(&*loss(text(case, "loss")), own.view()).unwrap();
            let golden = number(case, "loss_value");
            compared.number(|| format!("{name}, loss"), mean, golden, golden + 1.0);
            for (i, golden) in numbers(case, "gradient").into_iter().enumerate() {
                let place = || format!("{name}, gradient of parameter {i}");
                compared.number(place, gradient[i], golden, golden.abs() + 1.0);
            }
        }
        compared.finish();
    }
    // 1e-14, and 4e-6.
    check::<f64>(45.0);
    check::<f32>(32.0);
}

#[test]
fn layer_norm() {
    fn check<F: Real>() {
        let mut compared = Comparison::<F>::new("layer norm", 16.0);
        for case in cases(&FILE, "layer_norm") {
            let (name, x) = (text(case, "name"), matrix(&case["x"]));
            let (gain, bias) = (numbers(case, "gain"), numbers(case, "bias"));
            let (epsilon, dy) = (number(case, "epsilon"), matrix(&case["dy"]));
            let layer = LayerNorm::new(x.ncols(), epsilon);
            let parameters: Vec<F> = gain.iter().chain(&bias).map(|&p| F::of(p)).collect();
            let (x_rounded, dy_rounded) = (rounded::<F>(&x), rounded::<F>(&dy));
            let mut y = Array2::from_elem(x.dim(), F::nan());
            Layer::<F>::forward(&layer, &parameters, x_rounded.view(), y.view_mut());
            let kept = Kept::new(x_rounded.view(), y.view());
            let mut dx = Array2::from_elem(x.dim(), F::nan());
            layer.backward_input(&parameters, kept, dy_rounded.view(), dx.view_mut());

            // x - mean loses what x has more of than its deviation; the quotient multiplies it.
            let mut condition = x.clone();
            for mut row in condition.outer_iter_mut() {
                let mean = row.mean().unwrap();
                let variance = row.mapv(|x| (x - mean).powi(2)).mean().unwrap();
                let reach = row.fold(0.0_f64, |a, &b| a.max(b.abs()));
                row.fill((1.0 + reach) / (variance + epsilon).sqrt());
            }
            let (gain_row, bias_row) = (Array2::from_shape_vec((1, gain.len()), gain.clone()).unwrap(), bias);
            let largest = gain_row.iter().fold(1.0_f64, |a, &b| a.max(b.abs()));
            let y_scale = &condition * largest + bias_row.iter().fold(0.0_f64, |a, &b| a.max(b.abs()));
            compared.matrix(&format!("{name} y"), &y, &matrix(&case["y"]), &y_scale);
            let dy_reach = dy.iter().fold(0.0_f64, |a, &b| a.max(b.abs()));
            let dx_scale = condition.mapv(|c| c * c) * largest * dy_reach;
            compared.matrix(&format!("{name} dx"), &dx, &matrix(&case["dx"]), &dx_scale);
            for (parameter, key) in ["dgain", "dbias"].into_iter().enumerate() {
                let mut gradient = Array2::from_elem((1, gain.len()), F::nan());
                let block = Block { parameter, rows: 0..1 };
                layer.backward_parameters(&block, kept, dy_rounded.view(), gradient.view_mut());
                let scale = (&condition * &dy.abs()).sum_axis(Axis(0)).insert_axis(Axis(0)) + dy_reach;
                compared.matrix(&format!("{name} {key}"), &gradient, &matrix(&case[key]), &scale);
            }
        }
        compared.finish();
    }
    check::<f64>();
    check::<f32>();
}
