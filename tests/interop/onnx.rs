//! Exported graphs give onnxruntime the same probabilities.

use crate::python;
use chainrule::core::{Preprocessor, Real, Rows};
use chainrule::models::PenaltySpec;
use chainrule::prelude::*;
use ndarray::Array2;

fn every_layer() -> Vec<LayerSpec> {
    let inner = vec![LayerSpec::Linear, LayerSpec::Silu];
    let block = vec![
        LayerSpec::dense(24),
        LayerSpec::LayerNorm { epsilon: 1e-3 },
        LayerSpec::Gelu,
        LayerSpec::Dropout { rate: 0.2, seed: 1 },
        LayerSpec::Residual { layers: inner },
        LayerSpec::dense(48),
    ];
    let none = PenaltySpec::default();
    let without_bias = LayerSpec::Dense {
        outputs: 48,
        bias: false,
        weight_penalty: none,
        bias_penalty: none,
        max_norm: None,
    };
    vec![
        without_bias,
        LayerSpec::Residual { layers: block },
        LayerSpec::LeakyRelu { slope: 0.1 },
        LayerSpec::dense(32),
        LayerSpec::Elu { alpha: 0.5 },
        LayerSpec::dense(32),
        LayerSpec::Tanh,
        LayerSpec::dense(32),
        LayerSpec::Sigmoid,
        LayerSpec::LogSoftmax,
        LayerSpec::dense(16),
        LayerSpec::Relu,
    ]
}

fn relu(width: usize) -> Vec<LayerSpec> {
    vec![LayerSpec::dense(width), LayerSpec::Relu]
}

#[test]
#[ignore = "needs Python packages: make interop"]
fn probabilities_are_the_same_in_onnxruntime() {
    let digits = chainrule::data::digits();
    let pixels = digits.scaling();
    check::<f32>("no hidden layer", &digits, vec![], pixels);
    check::<f32>("relu", &digits, relu(64), pixels);
    check::<f32>("unscaled", &digits, relu(32), &Scaling::IDENTITY);
    let standard = Preprocessor::Standard.fit::<f32>(&digits).unwrap();
    check::<f32>("every layer, standardised columns", &digits, every_layer(), &standard);
    check::<f64>("every layer, f64", &digits, every_layer(), &standard);
}

fn check<F: Real>(name: &str, digits: &DataSet, hidden: Vec<LayerSpec>, scaling: &Scaling)
where
    DataSet: Rows<F>,
{
    let directory = tempfile::tempdir().unwrap();
    let builder = Classifier::<F>::builder(64, 10).hidden_layers(hidden).scaling(scaling);
    let mut classifier = builder.class_names((0..10).map(|digit| format!("the “{digit}”"))).build().unwrap();
    let training = Training { epochs: 5, batch_size: 16, ..Training::default() };
    let samples = Samples::new(digits, Targets::Classes(digits.labels()));
    classifier.fit(samples, &training).unwrap();
    let accuracy = classifier.evaluate(samples).unwrap().accuracy;
    assert!(accuracy > 0.5, "probabilities that say little would hide an error: {accuracy}");
    let mut x = Array2::zeros((Rows::<F>::len(digits), 64));
    digits.gather(&(0..x.nrows()).collect::<Vec<_>>(), x.view_mut()).unwrap();
    let expected = classifier.predict_proba(digits).unwrap();
    let [model, inputs, outputs] = ["model.onnx", "x", "p"].map(|name| directory.path().join(name));
    classifier.export_onnx(&model).unwrap();
    python::write(&inputs, x.mapv(|x| x.as_f64() as f32).view());
    python::write(&outputs, expected.mapv(|p| p.as_f64() as f32).view());
    python::run("onnx_model.py", &[&name, &model, &inputs, &outputs]);
}
