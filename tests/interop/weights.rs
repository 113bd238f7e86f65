//! Weights from scikit-learn and from PyTorch, and back to PyTorch, on real data.

use crate::python;
use chainrule::core::Preprocessor;
use chainrule::models::PyTorchImport;
use chainrule::prelude::*;
use ndarray::Array2;
use std::path::Path;

/// Largest difference between what a file's classifier says and what its maker said.
#[track_caller]
fn largest_difference(classifier: &Classifier<f64>, directory: &Path) -> f64 {
    let (network, path) = (classifier.network(), |name: &str| directory.join(name));
    let x: Array2<f64> = python::read(&path("x"), network.inputs());
    let expected: Array2<f64> = python::read(&path("p"), network.outputs());
    let found = classifier.predict_proba(&x).unwrap();
    assert!(x.nrows() > 100 && found.dim() == expected.dim());
    (found - expected).iter().fold(0.0, |most, difference| f64::max(most, difference.abs()))
}

#[test]
#[ignore = "needs Python packages: make interop"]
fn scikit_learns_classifiers_are_imported() {
    for (data, settings) in [
        ("digits", r#"{"hidden_layer_sizes": [64, 32], "activation": "tanh"}"#),
        ("breast_cancer", r#"{"hidden_layer_sizes": [16], "activation": "relu"}"#),
        ("wine", r#"{"hidden_layer_sizes": [], "activation": "identity"}"#),
    ] {
        let directory = tempfile::tempdir().unwrap();
        python::run("sklearn_weights.py", &[&data, &settings, &directory.path()]);
        let classifier = Classifier::import_sklearn(directory.path().join("model.safetensors")).unwrap();
        let difference = largest_difference(&classifier, directory.path());
        assert!(difference < 1e-12, "{data}: {difference}");
        println!("scikit-learn, {data}: largest difference {difference:.1e}");
    }
}

#[test]
#[ignore = "needs Python packages: make interop"]
fn pytorch_takes_and_gives_weights() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let digits = chainrule::data::digits();
    let block = vec![
        LayerSpec::dense(40),
        LayerSpec::LayerNorm { epsilon: 1e-5 },
        LayerSpec::Gelu,
        LayerSpec::dense(48),
    ];
    let layers = [
        LayerSpec::dense(48),
        LayerSpec::Relu,
        LayerSpec::Dropout { rate: 0.1, seed: 0 },
        LayerSpec::Residual { layers: block },
        LayerSpec::Silu,
    ];
    let scaling = Preprocessor::Standard.fit::<f32>(&digits).unwrap();
    let mut classifier =
        Classifier::<f32>::builder(64, 10).hidden_layers(layers).scaling(&scaling).build().unwrap();
    let samples = Samples::new(&digits, digits.targets());
    classifier.fit(samples, &Training { epochs: 2, batch_size: 32, ..Training::default() }).unwrap();
    let x = Array2::from_shape_fn((200, 64), |(i, j)| ((i * 31 + j * 17) % 17) as f32);
    classifier.export_pytorch(path("exported.safetensors")).unwrap();
    python::write(&path("x32"), x.view());
    python::write(&path("p32"), classifier.predict_proba(&x).unwrap().view());
    let printed = python::run("pytorch_weights.py", &[&directory.path()]);
    if printed.contains("SKIPPED") {
        return;
    }
    let imported = Classifier::import_pytorch(path("model.safetensors"), &PyTorchImport::default()).unwrap();
    let difference = largest_difference(&imported, directory.path());
    assert!(difference < 1e-12, "{difference}");
    println!("PyTorch, imported: largest difference {difference:.1e}");
}
