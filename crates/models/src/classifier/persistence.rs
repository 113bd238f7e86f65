use super::{Architecture, Classifier};
use crate::Network;
use chainrule_core::{Error, Layer, Real, Scaling};
use safetensors::tensor::{Dtype, Metadata, TensorView};
use safetensors::{SafeTensorError, SafeTensors};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a model file could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelFileError {
    /// The operating system said no.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is a directory, a device or a pipe.
    #[error("{path}: expected a regular file", path = path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// It is not a whole safetensors file.
    #[error("{path}: expected a safetensors file: {source}", path = path.display())]
    NotSafetensors {
        /// The file.
        path: PathBuf,
        /// What the format's reader said.
        source: SafeTensorError,
    },
    /// It is a safetensors file of something else.
    #[error("{path}: expected a chainrule model, found a safetensors file without the metadata `chainrule`", path = path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
    },
    /// Its description of the model cannot be read.
    #[error("{path}: the metadata `chainrule` does not describe a model: {source}", path = path.display())]
    Description {
        /// The file.
        path: PathBuf,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
    /// It was written by a later version.
    #[error("{path}: expected format version 1, found {found}", path = path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        found: u32,
    },
    /// A parameter is missing, or one too many.
    #[error("{path}: expected the tensors {expected:?}, found {found:?}", path = path.display())]
    Tensors {
        /// The file.
        path: PathBuf,
        /// Names that the architecture asks for.
        expected: Vec<String>,
        /// Names in the file.
        found: Vec<String>,
    },
    /// A parameter has another type or shape than the architecture says.
    #[error("{path}: tensor {name}: expected {expected}, found {found}", path = path.display())]
    Tensor {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// Type and shape that were expected.
        expected: String,
        /// Type and shape in the file.
        found: String,
    },
    /// A parameter is NaN or infinite.
    #[error("{path}: tensor {name}: number {index} is {value}, expected a finite number", path = path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// Position in the tensor.
        index: usize,
        /// The number found.
        value: f64,
    },
    /// The description is readable but not of a possible model.
    #[error("{path}: {source}", path = path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Error,
    },
}

/// The key of the description in the file's metadata.
const KEY: &str = "chainrule";
const VERSION: u32 = 1;

/// What the file says beside the tensors, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    version: u32,
    architecture: Architecture,
    class_names: Vec<String>,
    scaling: ScalingDescription,
    epochs: usize,
}

/// Just the version, which is read first: all else may differ in another version.
#[derive(Deserialize)]
struct DescriptionVersion {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScalingDescription {
    shift: f64,
    factor: f64,
}

impl<F: Real> Classifier<F> {
    /// Writes the classifier to a safetensors file: parameters as `layers.0.weight` (inputs, outputs), `layers.0.bias` (1,
    /// outputs), …; architecture, class names and scaling as JSON in the metadata `chainrule`.
    ///
    /// The file is written beside its place, synced and renamed, so that no reader ever sees half of it.
    ///
    /// # Errors
    /// [`ModelFileError::Io`] or [`ModelFileError::NotSafetensors`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ModelFileError> {
        let path = path.as_ref();
        let description = Description {
            version: VERSION,
            architecture: self.architecture.clone(),
            class_names: self.class_names.clone(),
            scaling: ScalingDescription { shift: self.scaling.shift(), factor: self.scaling.factor() },
            epochs: self.epochs,
        };
        let description =
            serde_json::to_string(&description).map_err(|source| description_error(path, source))?;
        let layers: Vec<&dyn Layer<F>> = self.network.layers().collect();
        let mut numbers = self.network.parameters();
        let tensors: Vec<(String, [usize; 2], Vec<u8>)> = tensor_specs(&layers)
            .map(|(name, shape)| {
                let (tensor, rest) = numbers.split_at(shape[0] * shape[1]);
                numbers = rest;
                let mut bytes = Vec::with_capacity(size_of_val(tensor));
                tensor.iter().for_each(|number| number.write_le(&mut bytes));
                (name, shape, bytes)
            })
            .collect();
        let format_error = |source| ModelFileError::NotSafetensors { path: path.to_owned(), source };
        let views = tensors
            .iter()
            .map(|(name, shape, bytes)| Ok((name, TensorView::new(dtype::<F>(), shape.to_vec(), bytes)?)))
            .collect::<Result<Vec<_>, SafeTensorError>>()
            .map_err(format_error)?;
        let metadata = HashMap::from([(KEY.to_owned(), description)]);
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(format_error)?;
        write_whole(path, &bytes).map_err(|source| io_error(path, source))
    }

    /// Reads a classifier that [`Classifier::save`] wrote.
    ///
    /// Nothing in the file is believed: sizes are compared with what the file holds before anything of that size is
    /// allocated.
    ///
    /// # Errors
    /// [`ModelFileError`] says what is wrong with the file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ModelFileError> {
        let path = path.as_ref();
        let bytes = read_whole(path)?;
        let format_error = |source| ModelFileError::NotSafetensors { path: path.to_owned(), source };
        let (_, metadata) = SafeTensors::read_metadata(&bytes).map_err(format_error)?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(format_error)?;
        let description = read_description(path, &metadata)?;

        let model_error = |source| ModelFileError::Model { path: path.to_owned(), source };
        let Description { architecture, class_names, scaling, epochs, .. } = description;
        let builder = architecture.append_to(Network::<F>::builder(architecture.inputs));
        // Layers are only widths so far; the parameters that they ask for must be in the file before they are made.
        let layers: Vec<&dyn Layer<F>> = builder.layers().iter().map(|layer: &Arc<_>| &**layer).collect();
        let specs: Vec<_> = tensor_specs(&layers).collect();
        check_names(path, &specs, &tensors)?;
        for (name, shape) in &specs {
            let tensor = tensors.tensor(name).map_err(format_error)?;
            if tensor.dtype() != dtype::<F>() || tensor.shape() != shape {
                return Err(ModelFileError::Tensor {
                    path: path.to_owned(),
                    name: name.clone(),
                    expected: format!("{:?} of shape {shape:?}", dtype::<F>()),
                    found: format!("{:?} of shape {:?}", tensor.dtype(), tensor.shape()),
                });
            }
        }
        let mut network = builder.build().map_err(model_error)?;
        let mut parameters = network.parameters_mut().iter_mut();
        for (name, _) in &specs {
            let tensor = tensors.tensor(name).map_err(format_error)?;
            for (index, (bytes, parameter)) in
                tensor.data().chunks_exact(F::BYTES).zip(&mut parameters).enumerate()
            {
                *parameter = F::read_le(bytes);
                if !parameter.is_finite() {
                    let (path, name, value) = (path.to_owned(), name.clone(), parameter.as_f64());
                    return Err(ModelFileError::NotFinite { path, name, index, value });
                }
            }
        }
        let scaling = Scaling::new(scaling.shift, scaling.factor).map_err(model_error)?;
        let classifier =
            Classifier::from_parts(architecture, network, class_names, scaling).map_err(model_error)?;
        Ok(Classifier { epochs, ..classifier })
    }
}

/// Name and shape of every parameter, in the order of the flat buffer.
fn tensor_specs<F: Real>(layers: &[&dyn Layer<F>]) -> impl Iterator<Item = (String, [usize; 2])> {
    layers.iter().enumerate().flat_map(|(position, layer)| {
        let name = move |name| format!("layers.{position}.{name}");
        layer.parameters().iter().map(move |spec| (name(spec.name), [spec.shape.0, spec.shape.1]))
    })
}

fn dtype<F: Real>() -> Dtype {
    match F::PRECISION {
        chainrule_core::Precision::Single => Dtype::F32,
        chainrule_core::Precision::Double => Dtype::F64,
    }
}

fn read_whole(path: &Path) -> Result<Vec<u8>, ModelFileError> {
    let error = |source| io_error(path, source);
    let mut file = File::open(path).map_err(error)?;
    if !file.metadata().map_err(error)?.is_file() {
        return Err(ModelFileError::NotAFile { path: path.to_owned() });
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(error)?;
    Ok(bytes)
}

fn read_description(path: &Path, metadata: &Metadata) -> Result<Description, ModelFileError> {
    let text = metadata.metadata().as_ref().and_then(|entries| entries.get(KEY));
    let text = text.ok_or_else(|| ModelFileError::NotAModel { path: path.to_owned() })?;
    let DescriptionVersion { version } =
        serde_json::from_str(text).map_err(|source| description_error(path, source))?;
    if version != VERSION {
        return Err(ModelFileError::Version { path: path.to_owned(), found: version });
    }
    serde_json::from_str(text).map_err(|source| description_error(path, source))
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

/// Writes a file beside its place, syncs and renames it.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // As any new file: readable by all that the umask lets, where a temporary file is the owner's alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(directory)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn io_error(path: &Path, source: io::Error) -> ModelFileError {
    ModelFileError::Io { path: path.to_owned(), source }
}

fn description_error(path: &Path, source: serde_json::Error) -> ModelFileError {
    ModelFileError::Description { path: path.to_owned(), source }
}
