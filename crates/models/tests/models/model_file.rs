//! Model files: what is saved is what is loaded, and no file, however broken, does more than give an error.

use chainrule_core::{Real, Scaling};
use chainrule_models::{
    Classifier, GradientPath, History, HistoryFileError, LayerSpec, ModelFileError, Network, PenaltySpec,
    PyTorchImport,
};
use proptest::prelude::*;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

fn classifier<F: Real>() -> Classifier<F> {
    Classifier::builder(3, 2)
        .hidden(&[4])
        .seed(5)
        .gradient(GradientPath::Product)
        .scaling(&Scaling::from_range(0.0, 255.0).unwrap())
        .class_names(["cat", "dög"])
        .build()
        .unwrap()
}

struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Place { directory: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("model.safetensors")
    }

    /// What loading such bytes gives.
    fn load(&self, bytes: &[u8]) -> Result<Classifier<f32>, ModelFileError> {
        fs::write(self.file(), bytes).unwrap();
        Classifier::load(self.file())
    }
}

fn saved() -> Vec<u8> {
    let place = Place::new();
    classifier::<f32>().save(place.file()).unwrap();
    fs::read(place.file()).unwrap()
}

fn round_trip<F: Real>() {
    let (place, classifier) = (Place::new(), classifier::<F>());
    classifier.save(place.file()).unwrap();
    let loaded = Classifier::<F>::load(place.file()).unwrap();
    assert_eq!(loaded.network().parameters(), classifier.network().parameters());
    assert_eq!(loaded.architecture(), classifier.architecture());
    assert_eq!(loaded.class_names(), classifier.class_names());
    assert_eq!(loaded.scaling(), classifier.scaling());
    loaded.save(place.directory.path().join("again")).unwrap();
    assert_eq!(fs::read(place.file()).unwrap(), fs::read(place.directory.path().join("again")).unwrap());
    assert_eq!(fs::read_dir(place.directory.path()).unwrap().count(), 2, "nothing else is left behind");
}

#[test]
fn what_is_saved_is_what_is_loaded() {
    round_trip::<f32>();
    round_trip::<f64>();
}

#[test]
fn each_columns_scaling_and_metadata_are_saved() {
    let place = Place::new();
    let scaling = Scaling::per_column(vec![(0.1, 3.0), (-7.0, 0.25), (0.0, 1.0)]).unwrap();
    let builder = Classifier::<f32>::builder(3, 2).scaling(&scaling).metadata("source", "flöwers.csv");
    builder.build().unwrap().save(place.file()).unwrap();
    let loaded = Classifier::<f32>::load(place.file()).unwrap();
    assert_eq!(loaded.scaling(), &scaling);
    assert_eq!((loaded.metadata("source"), loaded.metadata("other")), (Some("flöwers.csv"), None));

    let narrow = Scaling::per_column(vec![(0.0, 1.0); 2]).unwrap();
    let error = Classifier::<f32>::builder(3, 2).scaling(&narrow).build().unwrap_err();
    assert_eq!(error.to_string(), "scaling: expected 3 columns, found 2");
}

#[test]
fn every_kind_of_layer_is_saved() {
    let block = vec![
        LayerSpec::Dropout { rate: 0.5, seed: 3 },
        LayerSpec::Residual { layers: vec![LayerSpec::Linear, LayerSpec::Silu] },
        LayerSpec::Dense {
            outputs: 6,
            bias: false,
            weight_penalty: PenaltySpec { l1: 0.5, l2: 0.25 },
            bias_penalty: PenaltySpec::default(),
            max_norm: Some(2.0),
        },
    ];
    let layers = [
        LayerSpec::dense(6),
        LayerSpec::LayerNorm { epsilon: 1e-3 },
        LayerSpec::Residual { layers: block },
        LayerSpec::LeakyRelu { slope: 0.1 },
        LayerSpec::Elu { alpha: 0.5 },
        LayerSpec::Gelu,
        LayerSpec::Sigmoid,
        LayerSpec::Tanh,
        LayerSpec::Relu,
        LayerSpec::LogSoftmax,
    ];
    let place = Place::new();
    let classifier = Classifier::<f64>::builder(3, 2).hidden_layers(layers).build().unwrap();
    classifier.save(place.file()).unwrap();
    let loaded = Classifier::<f64>::load(place.file()).unwrap();
    assert_eq!(loaded.architecture(), classifier.architecture());
    let x = ndarray::array![[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]];
    assert_eq!(loaded.predict_proba(&x).unwrap(), classifier.predict_proba(&x).unwrap());
    assert_eq!(loaded.network().penalty(), classifier.network().penalty());
    assert!(loaded.network().penalty() > 0.0);
}

#[test]
fn parameters_of_another_network_change_nothing() {
    let place = Place::new();
    Network::<f32>::builder(3).dense(2).build().unwrap().save_parameters(place.file()).unwrap();
    let mut other = Network::<f32>::builder(3).seed(1).dense(4).build().unwrap();
    let before = other.parameters().to_vec();
    let error = other.load_parameters(place.file()).unwrap_err();
    assert!(matches!(error, ModelFileError::Tensor { .. }), "{error}");
    let mut without_bias = Network::<f32>::builder(3).dense_without_bias(2).build().unwrap();
    let error = without_bias.load_parameters(place.file()).unwrap_err();
    assert!(matches!(error, ModelFileError::Tensors { .. }), "{error}");
    let mut wide = Network::<f64>::builder(3).dense(2).build().unwrap();
    let error = wide.load_parameters(place.file()).unwrap_err();
    assert!(matches!(error, ModelFileError::Precision { expected: "f64", found: "f32", .. }), "{error}");
    assert_eq!(other.parameters(), before);
}

#[test]
fn saving_replaces_a_file_as_a_whole() {
    let place = Place::new();
    fs::write(place.file(), "old").unwrap();
    classifier::<f32>().save(place.file()).unwrap();
    assert!(Classifier::<f32>::load(place.file()).is_ok());
}

#[test]
fn a_file_cut_short_anywhere_is_an_error() {
    let (place, bytes) = (Place::new(), saved());
    for length in 0..bytes.len() {
        let error = place.load(&bytes[..length]).unwrap_err();
        assert!(matches!(error, ModelFileError::NotSafetensors { .. }), "{length}: {error}");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(place.load(&longer).is_err());
}

#[test]
fn a_flipped_bit_in_any_byte_is_an_error() {
    let (place, mut bytes) = (Place::new(), saved());
    let mut damaged = 0;
    for byte in 0..bytes.len() {
        let bit = 1 << (byte % 8);
        bytes[byte] ^= bit;
        let error = place.load(&bytes).expect_err(&format!("byte {byte}, bit {bit}"));
        damaged += usize::from(matches!(error, ModelFileError::Checksum { .. }));
        bytes[byte] ^= bit;
    }
    assert!(place.load(&bytes).is_ok());
    // At least all of the tensors: 26 numbers of 4 bytes.
    assert!(damaged > 26 * 4, "{damaged} of {}", bytes.len());
}

proptest! {
    #[test]
    fn noise_is_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Place::new().load(&bytes).is_err());
    }
}

/// A model file with its description changed, all else as it was.
fn described(change: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    let bytes = saved();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let text = &metadata.metadata().as_ref().unwrap()["chainrule"];
    let mut description = serde_json::from_str(text).unwrap();
    change(&mut description);
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    signed(&tensors, HashMap::from([("chainrule".to_owned(), description.to_string())]))
}

/// A file whose checksum holds, computed as the documentation of the format says.
fn signed(tensors: &safetensors::SafeTensors, mut metadata: HashMap<String, String>) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let length = |n: usize| (n as u64).to_le_bytes();
    let text = |text: &str| [&length(text.len()), text.as_bytes()].concat();
    let mut bytes = length(metadata.len()).to_vec();
    let mut entries: Vec<_> = metadata.iter().collect();
    entries.sort();
    entries.iter().for_each(|(key, value)| bytes.extend([text(key), text(value)].concat()));
    let mut sorted = tensors.tensors();
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, tensor) in sorted {
        bytes.extend([text(&name), text(&tensor.dtype().to_string())].concat());
        bytes.extend(length(tensor.shape().len()));
        tensor.shape().iter().for_each(|&size| bytes.extend(length(size)));
        bytes.extend(tensor.data());
    }
    let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    metadata.insert("sha256".to_owned(), sha256);
    safetensors::serialize(tensors.tensors(), Some(metadata)).unwrap()
}

#[test]
fn descriptions_that_lie() {
    use serde_json::{Value, json};
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 20] = [
        (|d| d["version"] = json!(1), "expected format version 2, found 1"),
        (
            |d| d["architecture"]["inputs"] = json!(7),
            "tensor layers.0.weight: expected F32 of shape [7, 4], found F32 of shape [3, 4]",
        ),
        (|d| d["architecture"]["inputs"] = json!(1_u64 << 60), "tensor layers.0.weight: expected F32"),
        (
            |d| d["architecture"]["layers"][0]["outputs"] = json!(1_u64 << 40),
            "tensor layers.0.weight: expected F32",
        ),
        (|d| d["architecture"]["layers"][1]["kind"] = json!("relo"), "unknown variant `relo`"),
        (
            |d| d["architecture"]["layers"][1] = json!({"kind": "dropout", "rate": 1.5, "seed": 0}),
            "dropout rate is 1.5",
        ),
        (
            |d| d["architecture"]["layers"][1] = json!({"kind": "dropout", "rate": 0.5}),
            "missing field `seed`",
        ),
        (|d| d["architecture"]["layers"][1] = json!({"kind": "elu", "alpha": -1.0}), "alpha is -1, expected"),
        (|d| d["architecture"]["layers"][1] = json!({"kind": "elu", "alfa": 1.0}), "unknown field `alfa`"),
        (|d| d["architecture"]["layers"][3]["gradient"] = json!("magic"), "unknown variant `magic`"),
        (|d| d["architecture"]["layers"][0]["max_norm"] = json!(-2.0), "max_norm is -2, expected"),
        (|d| d["architecture"]["layers"][0]["weight_penalty"] = json!({"l3": 1.0}), "unknown field `l3`"),
        (
            |d| d["architecture"]["layers"][1] = json!({"kind": "residual", "layers": [{"kind": "nothing"}]}),
            "unknown variant `nothing`",
        ),
        (|d| d["architecture"]["layers"] = json!([]), "expected the tensors [], found"),
        (|d| d["architecture"]["layers"][2] = json!({"kind": "relu"}), "expected the tensors"),
        (|d| d["class_names"] = json!(["one"]), "class names: expected 2, one for each class, found 1"),
        (
            |d| d["class_names"] = json!(["one", "one"]),
            "class names: classes 0 and 1 are both named \"one\", expected a name of its own for each",
        ),
        (|d| d["class_names"] = json!(["one", ""]), "class names: the name of class 1 is empty"),
        (
            |d| d["scaling"]["factor"] = json!(0.0),
            "scaling factor is 0, expected a finite number other than 0",
        ),
        (|d| d["scaling"]["factor"] = Value::Null, "does not describe a model"),
    ];
    let place = Place::new();
    assert!(place.load(&described(|_| {})).is_ok());
    for (change, message) in cases {
        let error = place.load(&described(change)).unwrap_err().to_string();
        assert!(error.contains(message), "{error:?} does not say {message:?}");
        assert!(error.contains("model.safetensors"), "{error:?} does not name the file");
    }
}

#[test]
fn a_parameter_that_is_not_finite() {
    let place = Place::new();
    let mut network = Network::<f32>::builder(3).dense(2).build().unwrap();
    network.save_parameters(place.file()).unwrap();
    let mut bytes = fs::read(place.file()).unwrap();
    let bias = safetensors::SafeTensors::deserialize(&bytes).unwrap().tensor("layers.0.bias").unwrap();
    let second = bias.data().as_ptr() as usize - bytes.as_ptr() as usize + 4;
    bytes[second..second + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    fs::write(place.file(), signed(&tensors, HashMap::new())).unwrap();
    let not_finite = |error: ModelFileError| {
        assert!(matches!(error, ModelFileError::NotFinite { index: 1, .. }), "{error}");
        assert!(error.to_string().contains("tensor layers.0.bias: number 1 is NaN"), "{error}");
    };
    not_finite(network.load_parameters(place.file()).unwrap_err());

    let before = fs::read(place.file()).unwrap();
    network.parameters_mut()[7] = f32::NAN;
    not_finite(network.save_parameters(place.file()).unwrap_err());
    assert_eq!(fs::read(place.file()).unwrap(), before, "what was there stays");
}

#[test]
fn files_of_something_else() {
    let place = Place::new();
    classifier::<f64>().save(place.file()).unwrap();
    let error = Classifier::<f32>::load(place.file()).unwrap_err().to_string();
    let hint = "expected numbers of f32, found f64: read it as that (a classifier's `to_precision` converts it then)";
    assert!(error.ends_with(hint), "{error}");

    let other = safetensors::serialize(Vec::<(&str, safetensors::tensor::TensorView)>::new(), None).unwrap();
    assert!(matches!(place.load(&other), Err(ModelFileError::NotAModel { .. })));
    let mut network = Network::<f32>::builder(3).dense(2).build().unwrap();
    let error = network.load_parameters(place.file()).unwrap_err();
    assert!(matches!(error, ModelFileError::NoChecksum { .. }), "{error}");
    assert!(matches!(
        Classifier::<f32>::load(place.directory.path()),
        Err(ModelFileError::NotAFile { .. } | ModelFileError::Io { .. })
    ));
    assert!(matches!(Classifier::<f32>::load(Path::new("no such file")), Err(ModelFileError::Io { .. })));
    let nowhere = place.directory.path().join("no such directory").join("model");
    assert!(matches!(classifier::<f32>().save(nowhere), Err(ModelFileError::Io { .. })));
}

/// To open one waits for whoever writes into it.
#[cfg(unix)]
#[test]
fn a_pipe_is_refused_at_once() {
    let place = Place::new();
    let path = place.file();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let (told, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut network = Network::<f32>::builder(3).dense(2).build().unwrap();
        let models = [
            Classifier::<f32>::load(&path).err(),
            network.load_parameters(&path).err(),
            Classifier::<f32>::import_sklearn(&path).err(),
            Classifier::<f32>::import_pytorch(&path, &PyTorchImport::default()).err(),
        ];
        told.send((models, [History::load_csv(&path).err(), History::load_json(&path).err()])).unwrap();
    });
    let (models, histories) = heard.recv_timeout(std::time::Duration::from_secs(30)).expect("an answer");
    let refused = |error: &Option<ModelFileError>| matches!(error, Some(ModelFileError::NotAFile { .. }));
    assert!(models.iter().all(refused), "{models:?}");
    let refused = |error: &Option<HistoryFileError>| matches!(error, Some(HistoryFileError::NotAFile { .. }));
    assert!(histories.iter().all(refused), "{histories:?}");
}
