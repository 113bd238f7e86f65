use super::weights::{Frame, check_names, numbers, tensor, unexpected};
use crate::model_file::TensorFile;
use crate::{Architecture, Classifier, GradientPath, LayerSpec, ModelFileError};
use chainrule_core::{Real, Scaling};
use safetensors::SafeTensors;
use std::path::Path;

const MEAN: &str = "mean";
const SCALE: &str = "scale";

impl<F: Real> Classifier<F> {
    /// Reads a scikit-learn `MLPClassifier` that these lines of Python wrote:
    ///
    /// ```python
    /// import json, numpy, safetensors.numpy
    /// tensors = {}
    /// for i, (coefficients, intercepts) in enumerate(zip(model.coefs_, model.intercepts_)):
    ///     tensors[f"coefs.{i}"] = numpy.ascontiguousarray(coefficients)
    ///     tensors[f"intercepts.{i}"] = intercepts
    /// # If a StandardScaler stands before it:
    /// tensors["mean"], tensors["scale"] = scaler.mean_, scaler.scale_
    /// safetensors.numpy.save_file(tensors, "model.safetensors", metadata={
    ///     "activation": model.activation, "out_activation": model.out_activation_,
    ///     "classes": json.dumps([str(name) for name in model.classes_]),
    /// })
    /// ```
    ///
    /// Of two classes scikit-learn has one logit z, and σ(z) is the probability of the second; here it is the softmax of (0, z), which is
    /// the same.
    ///
    /// # Errors
    /// [`ModelFileError`] says what is wrong with the file; [`ModelFileError::Metadata`] too for a model of several labels a row, and for
    /// a regressor.
    pub fn import_sklearn(path: impl AsRef<Path>) -> Result<Self, ModelFileError> {
        let path = path.as_ref();
        let file = TensorFile::read(path)?;
        let tensors = file.foreign_tensors(path)?;
        let metadata = |key: &str| file.metadata.metadata().as_ref()?.get(key).map(String::as_str);
        let wrong = |key, expected| ModelFileError::Metadata {
            path: path.to_owned(),
            key,
            expected,
            found: metadata(key).map(str::to_owned),
        };
        let activation = match metadata("activation") {
            Some("relu") => LayerSpec::Relu,
            Some("tanh") => LayerSpec::Tanh,
            Some("logistic") => LayerSpec::Sigmoid,
            Some("identity") => LayerSpec::Linear,
            _ => return Err(wrong("activation", "relu, tanh, logistic or identity")),
        };
        let class_names: Vec<String> = metadata("classes")
            .and_then(|json| serde_json::from_str(json).ok())
            .ok_or_else(|| wrong("classes", "a list of names in JSON"))?;
        let two = match (metadata("out_activation"), class_names.len()) {
            (Some("logistic"), 2) => true,
            (Some("softmax"), 3..) => false,
            _ => return Err(wrong("out_activation", "logistic for two classes, softmax for more")),
        };

        let layers = (0..).take_while(|i| tensors.tensor(&format!("coefs.{i}")).is_ok()).count();
        let mut names: Vec<String> = (0..layers.max(1)).flat_map(tensor_names).collect();
        let scaled = tensors.names().iter().any(|name| [MEAN, SCALE].contains(name));
        names.extend(scaled.then_some([MEAN, SCALE]).into_iter().flatten().map(str::to_owned));
        check_names(path, names, &tensors)?;
        let architecture = architecture(path, &tensors, layers, &activation, class_names.len())?;
        let scaling = match scaled {
            true => read_scaling(path, &tensors, architecture.inputs)?,
            false => Scaling::IDENTITY,
        };
        let class_names = Some(class_names);
        Frame { architecture, scaling, class_names }.fill(path, |_, dense| {
            let mut parameters = Vec::new();
            let dense = dense.iter().filter(|layer| !layer.parameters().is_empty());
            for (i, layer) in dense.enumerate() {
                let [coefficients, intercepts] = tensor_names(i);
                let (inputs, outputs) = layer.width();
                if two && i == layers - 1 {
                    let z: Vec<F> = numbers(path, &tensors, &coefficients, &[inputs, 1])?;
                    parameters.extend(z.into_iter().flat_map(|z| [F::zero(), z]));
                    let z: Vec<F> = numbers(path, &tensors, &intercepts, &[1])?;
                    parameters.extend([F::zero(), z[0]]);
                } else {
                    parameters.extend(numbers::<F>(path, &tensors, &coefficients, &[inputs, outputs])?);
                    parameters.extend(numbers::<F>(path, &tensors, &intercepts, &[outputs])?);
                }
            }
            Ok(parameters)
        })
    }
}

fn tensor_names(layer: usize) -> [String; 2] {
    [format!("coefs.{layer}"), format!("intercepts.{layer}")]
}

fn architecture(
    path: &Path,
    tensors: &SafeTensors,
    count: usize,
    activation: &LayerSpec,
    classes: usize,
) -> Result<Architecture, ModelFileError> {
    let mut layers = Vec::new();
    let mut inputs = 0;
    for i in 0..count {
        let [name, _] = tensor_names(i);
        let tensor = tensor(path, tensors, &name)?;
        let [width, outputs] = tensor.shape()[..] else {
            return Err(unexpected(path, &name, "a matrix (inputs, outputs)", &tensor));
        };
        if i == 0 {
            inputs = width;
        }
        if i + 1 < count {
            layers.extend([LayerSpec::dense(outputs), activation.clone()]);
        }
    }
    layers.extend([LayerSpec::dense(classes), LayerSpec::Softmax { gradient: GradientPath::default() }]);
    Ok(Architecture { inputs, layers })
}

/// (x - mean) / scale
fn read_scaling(path: &Path, tensors: &SafeTensors, inputs: usize) -> Result<Scaling, ModelFileError> {
    let means: Vec<f64> = numbers(path, tensors, MEAN, &[inputs])?;
    let scales: Vec<f64> = numbers(path, tensors, SCALE, &[inputs])?;
    let columns = means.into_iter().zip(scales).map(|(mean, scale)| (mean, 1.0 / scale));
    Scaling::per_column(columns.collect()).map_err(|source| ModelFileError::model(path, source))
}
