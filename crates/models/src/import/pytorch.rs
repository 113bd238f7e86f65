use super::weights::{Frame, check_names, numbers, tensor, transposed, unexpected};
use crate::export::{TorchTensor, torch_tensors};
use crate::model_file::TensorFile;
use crate::{Architecture, Classifier, GradientPath, LayerSpec, ModelFileError, PenaltySpec};
use chainrule_core::{Real, Scaling};
use safetensors::SafeTensors;
use std::collections::BTreeMap;
use std::path::Path;

/// What a file of PyTorch's weights does not say.
#[derive(Clone, Debug)]
pub struct PyTorchImport {
    /// All layers, first to last, of which the last are a dense layer and softmax; the names must then be those of
    /// [`Classifier::export_pytorch`]. Unless given, the layers are dense ones, as the file's tensors show them: `prefix0.weight`,
    /// `prefix0.bias`, `prefix2.weight` and so on, with any prefix and any numbers, in whose order they come.
    pub architecture: Option<Architecture>,
    /// What is between dense layers that the file shows: an activation.
    pub activation: LayerSpec,
    /// What happens to inputs before the first layer.
    pub scaling: Scaling,
    /// One name for each class; "0", "1", … unless given.
    pub class_names: Option<Vec<String>>,
}

impl Default for PyTorchImport {
    /// Dense layers with ReLU between them, on inputs as they are.
    fn default() -> Self {
        PyTorchImport {
            architecture: None,
            activation: LayerSpec::Relu,
            scaling: Scaling::IDENTITY,
            class_names: None,
        }
    }
}

impl<F: Real> Classifier<F> {
    /// Reads the weights of a PyTorch model from a safetensors file of `f32` or `f64`, and ends it in a softmax:
    ///
    /// ```python
    /// safetensors.torch.save_file(model.state_dict(), "model.safetensors")
    /// ```
    ///
    /// The last dense layer's outputs are the logits of the classes.
    ///
    /// # Errors
    /// [`ModelFileError`] says what is wrong with the file, or with the architecture given.
    ///
    /// ```
    /// use chainrule_models::{Classifier, PyTorchImport};
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("model.safetensors");
    /// let classifier = Classifier::<f32>::builder(4, 3).hidden(&[5]).build().unwrap();
    /// classifier.export_pytorch(&path)?;
    /// let imported = Classifier::<f32>::import_pytorch(&path, &PyTorchImport::default())?;
    /// assert_eq!(imported.network().parameters(), classifier.network().parameters());
    /// # Ok::<(), chainrule_models::ModelFileError>(())
    /// ```
    pub fn import_pytorch(path: impl AsRef<Path>, import: &PyTorchImport) -> Result<Self, ModelFileError> {
        let path = path.as_ref();
        let file = TensorFile::read(path)?;
        let tensors = file.foreign_tensors(path)?;
        // Names in the file, in the order of the flat buffer; as many as the architecture gives parameters.
        let (architecture, names) = match &import.architecture {
            Some(architecture) => (architecture.clone(), None),
            None => infer(path, &tensors, &import.activation).map(|(a, names)| (a, Some(names)))?,
        };
        let [.., LayerSpec::Dense { .. }, LayerSpec::Softmax { .. }] = &architecture.layers[..] else {
            return Err(ModelFileError::NoSoftmax { path: path.to_owned() });
        };
        let (scaling, class_names) = (import.scaling.clone(), import.class_names.clone());
        let frame = Frame { architecture, scaling, class_names };
        frame.fill(path, |architecture, layers| {
            read(path, &tensors, &torch_tensors(&architecture.layers, layers), names)
        })
    }
}

/// The parameters as the network has them.
fn read<F: Real>(
    path: &Path,
    tensors: &SafeTensors,
    expected: &[TorchTensor],
    names: Option<Vec<String>>,
) -> Result<Vec<F>, ModelFileError> {
    let own = || expected.iter().map(|tensor| tensor.name.clone()).collect();
    let names: Vec<String> = match names {
        // An activation has no parameters, so that the layers that were found have as many as the file.
        Some(names) if names.len() == expected.len() => names,
        _ => own(),
    };
    check_names(path, names.clone(), tensors)?;
    let mut parameters = Vec::new();
    for (name, TorchTensor { shape, .. }) in names.iter().zip(expected) {
        parameters.extend(match shape[..] {
            [outputs, inputs] => transposed::<F>(path, tensors, name, [outputs, inputs])?,
            _ => numbers(path, tensors, name, shape)?,
        });
    }
    Ok(parameters)
}

/// Dense layers as the tensors' names and shapes show them, and the names in the order of the parameters.
fn infer(
    path: &Path,
    tensors: &SafeTensors,
    activation: &LayerSpec,
) -> Result<(Architecture, Vec<String>), ModelFileError> {
    let mut layers = Vec::new();
    let mut names = Vec::new();
    let mut inputs = 0;
    for (weight, bias) in find_layers(path, tensors)? {
        let tensor = tensor(path, tensors, &weight)?;
        let [outputs, width] = tensor.shape()[..] else {
            return Err(unexpected(path, &weight, "a matrix (outputs, inputs), or an architecture", &tensor));
        };
        if layers.is_empty() {
            inputs = width;
        } else {
            layers.push(activation.clone());
        }
        let none = PenaltySpec::default();
        layers.push(LayerSpec::Dense {
            outputs,
            bias: bias.is_some(),
            weight_penalty: none,
            bias_penalty: none,
            max_norm: None,
        });
        names.push(weight);
        names.extend(bias);
    }
    layers.push(LayerSpec::Softmax { gradient: GradientPath::default() });
    Ok((Architecture { inputs, layers }, names))
}

/// Names of the weight and, if it has one, the bias of each layer, by the layers' numbers.
fn find_layers(path: &Path, tensors: &SafeTensors) -> Result<Vec<(String, Option<String>)>, ModelFileError> {
    let not_a_layer = |name: &str, expected: &str| ModelFileError::NotALayer {
        path: path.to_owned(),
        name: name.to_owned(),
        expected: expected.to_owned(),
    };
    let mut names: Vec<&str> = tensors.names().into_iter().collect();
    names.sort_unstable();
    let mut layers: BTreeMap<u64, (Option<String>, Option<String>)> = BTreeMap::new();
    let mut common_prefix = None;
    for name in names {
        let layer = ["weight", "bias"].into_iter().find_map(|kind| {
            let module = name.strip_suffix(kind)?.strip_suffix('.')?;
            let prefix = module.trim_end_matches(|c: char| c.is_ascii_digit());
            Some((kind, prefix, module[prefix.len()..].parse::<u64>().ok()?))
        });
        let expected = "a name such as layers.0.weight or fc1.bias, or an architecture";
        let (kind, prefix, number) = layer.ok_or_else(|| not_a_layer(name, expected))?;
        if *common_prefix.get_or_insert(prefix) != prefix {
            return Err(not_a_layer(
                name,
                "the same name before the number as in the others, or an architecture",
            ));
        }
        let (weight, bias) = layers.entry(number).or_default();
        let place = if kind == "weight" { weight } else { bias };
        if place.replace(name.to_owned()).is_some() {
            return Err(not_a_layer(name, "one such tensor with this number"));
        }
    }
    if layers.is_empty() {
        return Err(ModelFileError::Tensors {
            path: path.to_owned(),
            expected: vec!["layers.0.weight".to_owned()],
            found: Vec::new(),
        });
    }
    let layers = layers.into_values().map(|(weight, bias)| match (weight, bias) {
        (Some(weight), bias) => Ok((weight, bias)),
        (None, bias) => Err(not_a_layer(&bias.unwrap_or_default(), "a weight beside the bias")),
    });
    layers.collect()
}
