use crate::model_file::check_numbers;
use crate::{Architecture, Classifier, ModelFileError, Network};
use chainrule_core::{Layer, Real, Scaling};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What a classifier is made of, beside its numbers.
pub(super) struct Frame {
    pub(super) architecture: Architecture,
    pub(super) scaling: Scaling,
    /// "0", "1", … where there are none.
    pub(super) class_names: Option<Vec<String>>,
}

impl Frame {
    /// The classifier, its parameters read by `read`, which is given the layers and must compare what they ask for with the file
    /// before it allocates.
    pub(super) fn fill<F: Real>(
        self,
        path: &Path,
        read: impl FnOnce(&Architecture, &[&dyn Layer<F>]) -> Result<Vec<F>, ModelFileError>,
    ) -> Result<Classifier<F>, ModelFileError> {
        let model_error = |source| ModelFileError::model(path, source);
        let builder = self.architecture.append_to(Network::<F>::builder(self.architecture.inputs));
        let layers: Vec<&dyn Layer<F>> = builder.layers().iter().map(|layer: &Arc<_>| &**layer).collect();
        let parameters = read(&self.architecture, &layers)?;
        let mut network = builder.build().map_err(model_error)?;
        network.parameters_mut().copy_from_slice(&parameters);
        let Frame { architecture, scaling, class_names } = self;
        let numbered = || (0..network.outputs()).map(|class| class.to_string()).collect();
        let class_names = class_names.unwrap_or_else(numbered);
        Classifier::from_parts(architecture, network, class_names, scaling, BTreeMap::new())
            .map_err(model_error)
    }
}

/// The numbers of a tensor of the shape given, of `f32` or `f64`, as the nearest of `F`.
pub(super) fn numbers<F: Real>(
    path: &Path,
    tensors: &SafeTensors,
    name: &str,
    shape: &[usize],
) -> Result<Vec<F>, ModelFileError> {
    let tensor = tensor(path, tensors, name)?;
    if tensor.shape() != shape {
        return Err(unexpected(path, name, &format!("f32 or f64 of shape {shape:?}"), &tensor));
    }
    let numbers: Vec<F> = match tensor.dtype() {
        Dtype::F32 => {
            tensor.data().chunks_exact(4).map(|bytes| F::of(f32::read_le(bytes).as_f64())).collect()
        }
        Dtype::F64 => tensor.data().chunks_exact(8).map(|bytes| F::of(f64::read_le(bytes))).collect(),
        _ => return Err(unexpected(path, name, &format!("f32 or f64 of shape {shape:?}"), &tensor)),
    };
    check_numbers(path, name, &numbers)?;
    Ok(numbers)
}

/// A matrix of the shape given, turned round.
pub(super) fn transposed<F: Real>(
    path: &Path,
    tensors: &SafeTensors,
    name: &str,
    shape: [usize; 2],
) -> Result<Vec<F>, ModelFileError> {
    let numbers: Vec<F> = numbers(path, tensors, name, &shape)?;
    let [rows, columns] = shape;
    // As many columns as a file likes can be of no rows.
    if rows == 0 {
        return Ok(numbers);
    }
    let indices = (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column));
    Ok(indices.map(|index| numbers[index]).collect())
}

pub(super) fn tensor<'t>(
    path: &Path,
    tensors: &SafeTensors<'t>,
    name: &str,
) -> Result<TensorView<'t>, ModelFileError> {
    tensors.tensor(name).map_err(|source| ModelFileError::NotSafetensors { path: path.to_owned(), source })
}

pub(super) fn unexpected(path: &Path, name: &str, expected: &str, found: &TensorView) -> ModelFileError {
    ModelFileError::Tensor {
        path: path.to_owned(),
        name: name.to_owned(),
        expected: expected.to_owned(),
        found: format!("{:?} of shape {:?}", found.dtype(), found.shape()),
    }
}

/// Makes sure that the file has these tensors and no others.
pub(super) fn check_names(
    path: &Path,
    mut expected: Vec<String>,
    tensors: &SafeTensors,
) -> Result<(), ModelFileError> {
    let mut found: Vec<String> = tensors.names().into_iter().map(|name| name.to_string()).collect();
    expected.sort();
    found.sort();
    if expected == found {
        return Ok(());
    }
    Err(ModelFileError::Tensors { path: path.to_owned(), expected, found })
}
