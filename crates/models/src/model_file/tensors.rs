use super::{ModelFileError, TensorFile, file};
use crate::Network;
use chainrule_core::{Layer, Precision, Real};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;
use std::path::Path;

impl<F: Real> Network<F> {
    /// Writes all parameters to a safetensors file, as `layers.0.weight` (inputs, outputs), `layers.0.bias` (1, outputs), …: for
    /// any network, also one with layers of your own. ([`Classifier::save`](crate::Classifier::save) keeps the architecture,
    /// too.)
    ///
    /// The file is written beside its place, synced and renamed, so that no reader ever sees half of it. Its metadata `sha256` is
    /// the SHA-256 of all that it says.
    ///
    /// ```
    /// use chainrule_models::Network;
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("parameters.safetensors");
    /// let build = |seed| Network::<f32>::builder(3).seed(seed).dense(2).build().unwrap();
    /// let (network, mut other) = (build(1), build(2));
    /// network.save_parameters(&path)?;
    /// other.load_parameters(&path)?;
    /// assert_eq!(other.parameters(), network.parameters());
    /// # Ok::<(), chainrule_models::ModelFileError>(())
    /// ```
    ///
    /// # Errors
    /// [`ModelFileError::NotFinite`], and then nothing is written; [`ModelFileError::Io`] or [`ModelFileError::NotSafetensors`].
    pub fn save_parameters(&self, path: impl AsRef<Path>) -> Result<(), ModelFileError> {
        write_parameters(path.as_ref(), self, HashMap::new())
    }

    /// Reads all parameters from a file that [`Network::save_parameters`] wrote for a network of the same layers. None changes
    /// unless all can be read.
    ///
    /// # Errors
    /// [`ModelFileError`] says what is wrong with the file.
    pub fn load_parameters(&mut self, path: impl AsRef<Path>) -> Result<(), ModelFileError> {
        let path = path.as_ref();
        let file = TensorFile::read(path)?;
        let layers: Vec<&dyn Layer<F>> = self.layers().collect();
        let parameters: Vec<F> = read_parameters(path, &file.tensors(path)?, &layers)?;
        self.parameters_mut().copy_from_slice(&parameters);
        Ok(())
    }
}

/// Writes a network's parameters, with `metadata`.
pub(crate) fn write_parameters<F: Real>(
    path: &Path,
    network: &Network<F>,
    metadata: HashMap<String, String>,
) -> Result<(), ModelFileError> {
    let layers: Vec<&dyn Layer<F>> = network.layers().collect();
    let mut numbers = network.parameters();
    let tensors: Vec<(String, [usize; 2], Vec<u8>)> = specs(&layers)
        .map(|(name, shape)| {
            let (tensor, rest) = numbers.split_at(shape[0] * shape[1]);
            numbers = rest;
            check_numbers(path, &name, tensor)?;
            let mut bytes = Vec::with_capacity(size_of_val(tensor));
            tensor.iter().for_each(|number| number.write_le(&mut bytes));
            Ok((name, shape, bytes))
        })
        .collect::<Result<_, ModelFileError>>()?;
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((&**name, TensorView::new(dtype::<F>(), shape.to_vec(), bytes)?)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| ModelFileError::format(path, source))?;
    file::write(path, &views, metadata)
}

/// The parameters of `layers`, in the order of the flat buffer. What the layers ask for must be in the file before anything of
/// that size is allocated.
pub(crate) fn read_parameters<F: Real>(
    path: &Path,
    tensors: &SafeTensors,
    layers: &[&dyn Layer<F>],
) -> Result<Vec<F>, ModelFileError> {
    let specs: Vec<_> = specs(layers).collect();
    check_names(path, &specs, tensors)?;
    let tensor = |name: &str| tensors.tensor(name).map_err(|source| ModelFileError::format(path, source));
    for (name, shape) in &specs {
        let tensor = tensor(name)?;
        if let Some(found) = other_precision::<F>(tensor.dtype())
            && tensor.shape() == shape
        {
            return Err(ModelFileError::Precision { path: path.to_owned(), expected: F::NAME, found });
        }
        if tensor.dtype() != dtype::<F>() || tensor.shape() != shape {
            return Err(ModelFileError::Tensor {
                path: path.to_owned(),
                name: name.clone(),
                expected: format!("{:?} of shape {shape:?}", dtype::<F>()),
                found: format!("{:?} of shape {:?}", tensor.dtype(), tensor.shape()),
            });
        }
    }
    let mut parameters = Vec::new();
    for (name, _) in &specs {
        let first = parameters.len();
        parameters.extend(tensor(name)?.data().chunks_exact(F::BYTES).map(F::read_le));
        check_numbers(path, name, &parameters[first..])?;
    }
    Ok(parameters)
}

/// Makes sure that all numbers of a tensor are finite.
pub(crate) fn check_numbers<F: Real>(path: &Path, name: &str, numbers: &[F]) -> Result<(), ModelFileError> {
    match numbers.iter().position(|number| !number.is_finite()) {
        None => Ok(()),
        Some(index) => {
            let (path, name, value) = (path.to_owned(), name.to_owned(), numbers[index].as_f64());
            Err(ModelFileError::NotFinite { path, name, index, value })
        }
    }
}

/// Name and shape of every parameter, in the order of the flat buffer.
fn specs<F: Real>(layers: &[&dyn Layer<F>]) -> impl Iterator<Item = (String, [usize; 2])> {
    layers.iter().enumerate().flat_map(|(position, layer)| {
        let name = move |name| format!("layers.{position}.{name}");
        layer.parameters().iter().map(move |spec| (name(spec.name), [spec.shape.0, spec.shape.1]))
    })
}

pub(crate) fn dtype<F: Real>() -> Dtype {
    match F::PRECISION {
        Precision::Single => Dtype::F32,
        Precision::Double => Dtype::F64,
    }
}

/// The name of the type, if it is the one of `f32` and `f64` that F is not.
fn other_precision<F: Real>(found: Dtype) -> Option<&'static str> {
    match (F::PRECISION, found) {
        (Precision::Single, Dtype::F64) => Some(f64::NAME),
        (Precision::Double, Dtype::F32) => Some(f32::NAME),
        _ => None,
    }
}

fn check_names(
    path: &Path,
    specs: &[(String, [usize; 2])],
    tensors: &SafeTensors,
) -> Result<(), ModelFileError> {
    let mut expected: Vec<String> = specs.iter().map(|(name, _)| name.clone()).collect();
    let mut found: Vec<String> = tensors.names().into_iter().map(|name| name.to_string()).collect();
    expected.sort();
    found.sort();
    if expected != found {
        return Err(ModelFileError::Tensors { path: path.to_owned(), expected, found });
    }
    Ok(())
}
