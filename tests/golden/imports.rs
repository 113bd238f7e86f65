//! imports.json: weights that PyTorch and scikit-learn wrote give their probabilities here.

use crate::comparison::Comparison;
use crate::json::{cases, matrix, read, rounded, text};
use chainrule::core::Real;
use chainrule::models::{Architecture, ModelFileError, PyTorchImport};
use chainrule::prelude::*;
use serde_json::Value;
use std::path::Path;
use std::sync::LazyLock;

static FILE: LazyLock<Value> = LazyLock::new(|| read(include_str!("imports.json")));

fn import<F: Real>(file: &str) -> Result<Classifier<F>, ModelFileError> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/imports").join(file);
    let given = match file {
        "pytorch_named.safetensors" => PyTorchImport { activation: LayerSpec::Tanh, ..Default::default() },
        "pytorch_residual.safetensors" => {
            let layers = vec![
                LayerSpec::LayerNorm { epsilon: 1e-5 },
                LayerSpec::dense(8),
                LayerSpec::Gelu,
                LayerSpec::Dropout { rate: 0.5, seed: 0 },
                LayerSpec::dense(6),
            ];
            let layers = vec![
                LayerSpec::dense(6),
                LayerSpec::Residual { layers },
                LayerSpec::Silu,
                LayerSpec::dense(3),
                LayerSpec::Softmax { gradient: GradientPath::Fused },
            ];
            let architecture = Some(Architecture { inputs: 4, layers });
            PyTorchImport { architecture, ..Default::default() }
        }
        file if file.starts_with("pytorch") => PyTorchImport::default(),
        _ => return Classifier::import_sklearn(path),
    };
    Classifier::import_pytorch(path, &given)
}

fn check<F: Real>() {
    let mut comparison = Comparison::<F>::new("imported weights", 20.0);
    for case in cases(&FILE, "imports") {
        let file = text(case, "file");
        let classifier = import::<F>(file).unwrap();
        let x = rounded::<F>(&matrix(&case["x"]));
        let expected = matrix(&case["probabilities"]);
        let found = classifier.predict_proba(&x).unwrap();
        comparison.matrix(file, &found, &expected, &expected.mapv(|_| 1.0));
        if let Some(classes) = case["classes"].as_array() {
            assert!(classifier.class_names().iter().eq(classes.iter().map(|name| name.as_str().unwrap())));
        }
    }
    comparison.finish();
}

#[test]
fn imported_weights_give_the_probabilities_of_their_makers() {
    check::<f32>();
    check::<f64>();
}

/// What is exported with PyTorch's names is what was imported.
fn round_trip<F: Real>(file: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(file);
    let classifier = import::<F>(file).unwrap();
    classifier.export_pytorch(&path).unwrap();
    let architecture = Some(classifier.architecture().clone());
    let import = PyTorchImport { architecture, ..PyTorchImport::default() };
    let again = Classifier::<F>::import_pytorch(&path, &import).unwrap();
    assert_eq!(again.network().parameters(), classifier.network().parameters());
    assert_eq!(again.architecture(), classifier.architecture());
}

#[test]
fn export_undoes_import() {
    round_trip::<f32>("pytorch_sequential.safetensors");
    round_trip::<f64>("pytorch_named.safetensors");
    round_trip::<f32>("pytorch_residual.safetensors");
}
