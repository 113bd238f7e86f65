//! No file of foreign weights, however wrong, does more than give an error that names what is wrong.

use chainrule_core::Error;
use chainrule_models::{Architecture, Classifier, LayerSpec, ModelFileError, PyTorchImport};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A file of `f64` tensors of these names and shapes, all numbers the same.
fn file(tensors: &[(&str, &[usize])], number: f64, metadata: &[(&str, &str)]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|(_, shape)| number.to_le_bytes().repeat(shape.iter().product())).collect();
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, shape), bytes)| (*name, TensorView::new(Dtype::F64, shape.to_vec(), bytes).unwrap()));
    let metadata: HashMap<_, _> = metadata.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    safetensors::serialize(views, Some(metadata).filter(|metadata| !metadata.is_empty())).unwrap()
}

fn load(
    bytes: &[u8],
    read: impl FnOnce(&std::path::Path) -> Result<Classifier<f32>, ModelFileError>,
) -> Result<Classifier<f32>, ModelFileError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weights.safetensors");
    fs::write(&path, bytes).unwrap();
    read(&path)
}

fn torch(tensors: &[(&str, &[usize])]) -> Result<Classifier<f32>, ModelFileError> {
    load(&file(tensors, 0.5, &[]), |path| Classifier::import_pytorch(path, &PyTorchImport::default()))
}

fn torch_error(tensors: &[(&str, &[usize])]) -> String {
    let message = torch(tensors).unwrap_err().to_string();
    message.split_once("weights.safetensors: ").unwrap().1.to_owned()
}

#[test]
fn layers_are_inferred_from_names_and_shapes() {
    let classifier =
        torch(&[("net.10.weight", &[3, 5]), ("net.9.bias", &[5]), ("net.9.weight", &[5, 4])]).unwrap();
    assert_eq!((classifier.network().inputs(), classifier.network().outputs()), (4, 3));
    let kinds: Vec<&str> = classifier.network().layers().map(|layer| layer.name()).collect();
    assert_eq!(kinds, ["dense", "relu", "dense", "softmax"]);
    assert_eq!(classifier.network().parameters().len(), 4 * 5 + 5 + 5 * 3);
}

#[test]
fn other_tensors_of_pytorch_are_named() {
    for (tensors, expected) in [
        (
            &[("encoder", &[2, 2][..])][..],
            "tensor encoder: expected a name such as layers.0.weight or fc1.bias, or an architecture",
        ),
        (
            &[("fc.weight", &[2, 2])],
            "tensor fc.weight: expected a name such as layers.0.weight or fc1.bias, or an architecture",
        ),
        (
            &[("a1.weight", &[2, 2]), ("b2.weight", &[2, 2])],
            "tensor b2.weight: expected the same name before the number as in the others, or an architecture",
        ),
        (
            &[("a1.weight", &[2, 2]), ("a01.weight", &[2, 2])],
            "tensor a1.weight: expected one such tensor with this number",
        ),
        (&[("a1.bias", &[2])], "tensor a1.bias: expected a weight beside the bias"),
        (&[], "expected the tensors [\"layers.0.weight\"], found []"),
        (
            &[("a1.weight", &[2, 2]), ("a2.weight", &[2])],
            "tensor a2.weight: expected a matrix (outputs, inputs), or an architecture, found F64 of shape [2]",
        ),
        (
            &[("a1.weight", &[5, 4]), ("a2.weight", &[3, 6])],
            "tensor a2.weight: expected f32 or f64 of shape [3, 5], found F64 of shape [3, 6]",
        ),
        (
            &[("a1.weight", &[5, 4]), ("a1.bias", &[1, 5])],
            "tensor a1.bias: expected f32 or f64 of shape [5], found F64 of shape [1, 5]",
        ),
        (&[("a1.weight", &[0, 4])], "network: layer 0 (dense) is 4 wide in and 0 out, expected at least 1"),
    ] {
        assert_eq!(torch_error(tensors), expected);
    }
}

#[test]
fn what_was_given_for_pytorchs_weights_must_fit() {
    let bytes = file(&[("0.weight", &[5, 4]), ("2.weight", &[3, 5])], 0.5, &[]);
    let import =
        |import: PyTorchImport| load(&bytes, |path| Classifier::import_pytorch(path, &import)).unwrap_err();
    let names = import(PyTorchImport { class_names: Some(vec!["a".into()]), ..Default::default() });
    assert!(matches!(
        names,
        ModelFileError::Model { source: Error::ClassNames { expected: 3, found: 1 }, .. }
    ));
    let activation = import(PyTorchImport { activation: LayerSpec::dense(5), ..Default::default() });
    assert!(matches!(activation, ModelFileError::Tensors { .. }), "{activation}");
    let architecture = |layers| Some(Architecture { inputs: 4, layers });
    let unending =
        import(PyTorchImport { architecture: architecture(vec![LayerSpec::dense(3)]), ..Default::default() });
    assert!(matches!(unending, ModelFileError::NoSoftmax { .. }));
    let softmax = LayerSpec::Softmax { gradient: Default::default() };
    let huge = vec![LayerSpec::dense(usize::MAX / 2), LayerSpec::dense(3), softmax];
    let huge = import(PyTorchImport { architecture: architecture(huge), ..Default::default() });
    assert!(matches!(huge, ModelFileError::Tensors { .. }), "{huge}");
}

#[test]
fn numbers_that_are_too_large_or_of_another_type_are_named() {
    for number in [f64::NAN, 1e300] {
        let bytes = file(&[("0.weight", &[2, 2])], number, &[]);
        let error =
            load(&bytes, |path| Classifier::import_pytorch(path, &PyTorchImport::default())).unwrap_err();
        assert!(matches!(error, ModelFileError::NotFinite { index: 0, .. }), "{error}");
    }
    let view = TensorView::new(Dtype::I64, vec![2, 2], &[0; 32]).unwrap();
    let bytes = safetensors::serialize([("0.weight", view)], None).unwrap();
    let error = load(&bytes, |path| Classifier::import_pytorch(path, &PyTorchImport::default())).unwrap_err();
    assert!(
        error.to_string().ends_with("expected f32 or f64 of shape [2, 2], found I64 of shape [2, 2]"),
        "{error}"
    );
}

const TENSORS: &[(&str, &[usize])] =
    &[("coefs.0", &[4, 5]), ("intercepts.0", &[5]), ("coefs.1", &[5, 1]), ("intercepts.1", &[1])];

fn sklearn(
    tensors: &[(&str, &[usize])],
    metadata: &[(&str, &str)],
) -> Result<Classifier<f32>, ModelFileError> {
    load(&file(tensors, 0.5, metadata), |path| Classifier::import_sklearn(path))
}

#[test]
fn scikit_learns_metadata_must_be_of_a_classifier() {
    let metadata = |activation, out, classes| {
        [("activation", activation), ("out_activation", out), ("classes", classes)]
    };
    let two = r#"["no", "yes"]"#;
    sklearn(TENSORS, &metadata("relu", "logistic", two)).unwrap();
    for (entries, wrong) in [
        (&[][..], "activation"),
        (&metadata("sine", "logistic", two), "activation"),
        (&metadata("relu", "logistic", "no, yes"), "classes"),
        (&metadata("relu", "softmax", two), "out_activation"),
        (&metadata("relu", "identity", two), "out_activation"),
        (&metadata("relu", "logistic", r#"["a", "b", "c"]"#), "out_activation"),
        (&metadata("relu", "logistic", "[]"), "out_activation"),
    ] {
        let error = sklearn(TENSORS, entries).unwrap_err();
        assert!(matches!(error, ModelFileError::Metadata { key, .. } if key == wrong), "{error}");
    }
}

#[test]
fn scikit_learns_tensors_must_fit() {
    let metadata = [("activation", "relu"), ("out_activation", "logistic"), ("classes", r#"["no", "yes"]"#)];
    let with = |more: &[(&'static str, &'static [usize])]| sklearn(&[TENSORS, more].concat(), &metadata);
    with(&[("mean", &[4]), ("scale", &[4])]).unwrap();
    assert!(matches!(with(&[("mean", &[4])]), Err(ModelFileError::Tensors { .. })));
    assert!(matches!(with(&[("other", &[4])]), Err(ModelFileError::Tensors { .. })));
    assert!(matches!(with(&[("mean", &[5]), ("scale", &[4])]), Err(ModelFileError::Tensor { .. })));
    assert!(matches!(sklearn(&[], &metadata), Err(ModelFileError::Tensors { .. })));
    assert!(matches!(sklearn(&TENSORS[..3], &metadata), Err(ModelFileError::Tensors { .. })));
    let wide: &[(&str, &[usize])] = &[("coefs.0", &[4, 2]), ("intercepts.0", &[2])];
    assert!(matches!(sklearn(wide, &metadata), Err(ModelFileError::Tensor { .. })));
    let zero = load(&file(&[TENSORS, &[("mean", &[4]), ("scale", &[4])]].concat(), 0.0, &metadata), |path| {
        Classifier::import_sklearn(path)
    });
    assert!(matches!(zero, Err(ModelFileError::Model { source: Error::Column { column: 0, .. }, .. })));
}

#[test]
fn broken_files_are_errors() {
    let whole = file(TENSORS, 0.5, &[]);
    for end in 0..whole.len() {
        let cut =
            |read: fn(&std::path::Path) -> Result<Classifier<f32>, ModelFileError>| load(&whole[..end], read);
        assert!(cut(|path| Classifier::import_sklearn(path)).is_err());
        assert!(cut(|path| Classifier::import_pytorch(path, &PyTorchImport::default())).is_err());
    }
}

/// A shape may promise any number of classes where another of its dimensions is 0, and an architecture may anywhere.
#[test]
fn nothing_is_made_for_classes_that_the_file_has_no_numbers_for() {
    const HUGE: usize = 1 << 60;
    for (shape, expected) in [
        ([HUGE, 0], format!("network: layer 0 (dense) is 0 wide in and {HUGE} out, expected at least 1")),
        ([0, HUGE], format!("network: layer 0 (dense) is {HUGE} wide in and 0 out, expected at least 1")),
    ] {
        assert_eq!(torch_error(&[("a1.weight", &shape)]), expected);
    }
    let softmax = LayerSpec::Softmax { gradient: Default::default() };
    let architecture = Some(Architecture { inputs: 4, layers: vec![LayerSpec::dense(HUGE), softmax] });
    let import = PyTorchImport { architecture, ..Default::default() };
    let bytes = file(&[("layers.0.weight", &[3, 4]), ("layers.0.bias", &[3])], 0.5, &[]);
    let error = load(&bytes, |path| Classifier::import_pytorch(path, &import)).unwrap_err();
    assert!(matches!(error, ModelFileError::Tensor { .. }), "{error}");
}

/// In time by their number, not by its square, which was minutes.
#[test]
fn tensors_without_end_are_refused_soon() {
    let names: Vec<String> = (0..100_000).map(|i| format!("coefs.{i}")).collect();
    let tensors: Vec<(&str, &[usize])> = names.iter().map(|name| (&**name, &[1, 1][..])).collect();
    let metadata = [("activation", "relu"), ("out_activation", "logistic"), ("classes", r#"["no", "yes"]"#)];
    let bytes = file(&tensors, 0.5, &metadata);
    let (told, heard) = mpsc::channel();
    thread::spawn(move || told.send(load(&bytes, |path| Classifier::import_sklearn(path)).err()));
    let error = heard.recv_timeout(Duration::from_secs(30)).expect("an answer");
    assert!(matches!(error, Some(ModelFileError::Tensors { .. })));
}
