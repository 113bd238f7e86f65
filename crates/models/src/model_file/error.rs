use chainrule_core::Error;
use safetensors::SafeTensorError;
use std::io;
use std::path::{Path, PathBuf};

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
    /// It is a safetensors file that chainrule did not write.
    #[error("{path}: expected the metadata `sha256`, found none: it is not a file that chainrule wrote", path = path.display())]
    NoChecksum {
        /// The file.
        path: PathBuf,
    },
    /// It is not what was written: a bit has changed.
    #[error("{path}: the file is damaged: expected the SHA-256 {expected}, found {found}", path = path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// What the file says its contents have.
        expected: String,
        /// What they have.
        found: String,
    },
    /// Its description of the model cannot be read.
    #[error("{path}: the metadata `chainrule` does not describe a model: {source}", path = path.display())]
    Description {
        /// The file.
        path: PathBuf,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
    /// It is a safetensors file of something else than a training.
    #[error("{path}: expected a checkpoint, found a safetensors file without the metadata `chainrule_checkpoint`", path = path.display())]
    NotACheckpoint {
        /// The file.
        path: PathBuf,
    },
    /// Its description of the training cannot be read.
    #[error("{path}: the metadata `chainrule_checkpoint` does not describe a training: {source}", path = path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
    /// It was written by another version.
    #[error("{path}: expected format version {expected}, found {found}", path = path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that can be read.
        expected: u32,
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
    /// The parameters are of the other type.
    #[error(
        "{path}: expected numbers of {expected}, found {found}: read it as that (a classifier's `to_precision` converts it then)",
        path = path.display()
    )]
    Precision {
        /// The file.
        path: PathBuf,
        /// What it is read as: `"f32"` or `"f64"`.
        expected: &'static str,
        /// What it is of.
        found: &'static str,
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
    /// Its tensors are not named or shaped as dense layers, one after the other, would be.
    #[error("{path}: tensor {name}: expected {expected}", path = path.display())]
    NotALayer {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// What was expected in its place.
        expected: String,
    },
    /// An entry of its metadata is missing, or says what cannot be imported.
    #[error("{path}: metadata {key}: expected {expected}, found {}", .found.as_deref().unwrap_or("none"), path = path.display())]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The entry.
        key: &'static str,
        /// What it may be.
        expected: &'static str,
        /// What it is, if it is there.
        found: Option<String>,
    },
    /// It was to be exported, but is not of the kind that gives probabilities.
    #[error("{path}: expected a classifier whose last layer is softmax", path = path.display())]
    NoSoftmax {
        /// The file that was to be written.
        path: PathBuf,
    },
    /// It was to be exported, but is larger than the format allows.
    #[error("{path}: expected less than 2 GiB, found {bytes} bytes", path = path.display())]
    TooLarge {
        /// The file that was to be written.
        path: PathBuf,
        /// How large it would have become.
        bytes: usize,
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

impl ModelFileError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        ModelFileError::Io { path: path.to_owned(), source }
    }

    pub(crate) fn format(path: &Path, source: SafeTensorError) -> Self {
        ModelFileError::NotSafetensors { path: path.to_owned(), source }
    }

    pub(crate) fn description(path: &Path, source: serde_json::Error) -> Self {
        ModelFileError::Description { path: path.to_owned(), source }
    }

    pub(crate) fn checkpoint(path: &Path, source: serde_json::Error) -> Self {
        ModelFileError::Checkpoint { path: path.to_owned(), source }
    }

    pub(crate) fn model(path: &Path, source: Error) -> Self {
        ModelFileError::Model { path: path.to_owned(), source }
    }
}
