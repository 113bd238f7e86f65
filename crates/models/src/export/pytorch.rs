use crate::model_file::write_tensors;
use crate::{Classifier, LayerSpec, ModelFileError};
use chainrule_core::{Layer, Precision, Real};
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::path::Path;

impl<F: Real> Classifier<F> {
    /// Writes the parameters to a safetensors file with the names and shapes that PyTorch gives them: `layers.0.weight` (outputs,
    /// inputs), `layers.0.bias` (outputs), …, so that `load_state_dict` takes it for a module whose attribute `layers` is an
    /// `nn.Sequential` of the same layers.
    ///
    /// | here | in the `nn.Sequential` |
    /// |---|---|
    /// | dense, layer normalisation | `nn.Linear`, `nn.LayerNorm` |
    /// | dropout, linear, any activation | a module without parameters, which counts as a place |
    /// | residual block | a module whose `forward(x)` is `x + self.layers(x)`, `layers` again an `nn.Sequential` |
    ///
    /// The last layer is the softmax, which may be left away. What else the classifier knows is in the metadata, as JSON:
    /// `class_names`; `scaling`, the \[shift, factor\] of every column for (x - shift) · factor, or one for all; `architecture`. The file
    /// is written beside its place, synced and renamed.
    ///
    /// ```python
    /// layers = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    /// model = nn.ModuleDict({"layers": layers})
    /// model.load_state_dict(safetensors.torch.load_file("digits.safetensors"))
    /// ```
    ///
    /// # Errors
    /// [`ModelFileError::Io`], [`ModelFileError::NotSafetensors`] or [`ModelFileError::Description`].
    ///
    /// ```
    /// use chainrule_models::Classifier;
    /// let directory = tempfile::tempdir().unwrap();
    /// let classifier = Classifier::<f32>::builder(64, 10).hidden(&[32]).build().unwrap();
    /// classifier.export_pytorch(directory.path().join("digits.safetensors"))?;
    /// # Ok::<(), chainrule_models::ModelFileError>(())
    /// ```
    pub fn export_pytorch(&self, path: impl AsRef<Path>) -> Result<(), ModelFileError> {
        let path = path.as_ref();
        let layers: Vec<&dyn Layer<F>> = self.network().layers().collect();
        let mut numbers = self.network().parameters();
        let mut tensors = Vec::new();
        for tensor in torch_tensors(&self.architecture().layers, &layers) {
            let (own, rest) = numbers.split_at(tensor.shape.iter().product());
            numbers = rest;
            let mut bytes = Vec::with_capacity(size_of_val(own));
            match tensor.shape[..] {
                // Outputs by inputs, where ours are inputs by outputs.
                [rows, columns] => (0..rows)
                    .flat_map(|row| (0..columns).map(move |column| column * rows + row))
                    .for_each(|index| own[index].write_le(&mut bytes)),
                _ => own.iter().for_each(|number| number.write_le(&mut bytes)),
            }
            tensors.push((tensor, bytes));
        }
        let dtype = match F::PRECISION {
            Precision::Single => Dtype::F32,
            Precision::Double => Dtype::F64,
        };
        let views = tensors
            .iter()
            .map(|(tensor, bytes)| Ok((&*tensor.name, TensorView::new(dtype, tensor.shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|source| ModelFileError::NotSafetensors { path: path.to_owned(), source })?;
        let metadata = self.described().map_err(|source| ModelFileError::description(path, source))?;
        write_tensors(path, &views, metadata)
    }

    fn described(&self) -> Result<HashMap<String, String>, serde_json::Error> {
        let scaling = self.scaling();
        let columns = (0..scaling.columns().unwrap_or(1)).map(|column| scaling.column(column));
        let entry = |key: &str, json: serde_json::Result<String>| json.map(|json| (key.to_owned(), json));
        [
            entry("architecture", serde_json::to_string(self.architecture())),
            entry("class_names", serde_json::to_string(self.class_names())),
            entry("scaling", serde_json::to_string(&columns.collect::<Vec<_>>())),
        ]
        .into_iter()
        .collect()
    }
}

/// A parameter as PyTorch has it.
pub(crate) struct TorchTensor {
    pub(crate) name: String,
    /// (outputs, inputs) or (numbers).
    pub(crate) shape: Vec<usize>,
}

/// Every parameter of `layers`, which `specs` describe, in the order of the network's flat buffer.
pub(crate) fn torch_tensors<F: Real>(specs: &[LayerSpec], layers: &[&dyn Layer<F>]) -> Vec<TorchTensor> {
    let mut modules = Vec::new();
    name_modules(specs, "layers", &mut modules);
    let named = modules.iter().zip(layers).flat_map(|(module, layer)| {
        layer.parameters().iter().map(move |parameter| {
            let (rows, columns) = parameter.shape;
            // Only a dense layer's weight is a matrix; a layer normalisation's gain is called weight, too.
            let (name, shape) = match parameter.name {
                "weight" => ("weight", vec![columns, rows]),
                "gain" => ("weight", vec![columns]),
                other => (other, vec![columns]),
            };
            TorchTensor { name: format!("{module}.{name}"), shape }
        })
    });
    named.collect()
}

/// The module of each layer of the network, where a residual block's sum comes after its layers.
fn name_modules(specs: &[LayerSpec], sequential: &str, modules: &mut Vec<String>) {
    for (place, spec) in specs.iter().enumerate() {
        let module = format!("{sequential}.{place}");
        if let LayerSpec::Residual { layers } = spec {
            name_modules(layers, &format!("{module}.layers"), modules);
        }
        modules.push(module);
    }
}
