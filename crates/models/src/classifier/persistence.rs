use super::{Architecture, Classifier};
use crate::Network;
use crate::model_file::{ModelFileError, TensorFile, read_parameters, write_parameters};
use chainrule_core::{Layer, Real, Scaling};
use safetensors::tensor::Metadata;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

/// The key of the description in the file's metadata.
const KEY: &str = "chainrule";
const VERSION: u32 = 2;

/// What the file says beside the tensors, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    version: u32,
    architecture: Architecture,
    class_names: Vec<String>,
    scaling: ScalingDescription,
    epochs: usize,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

/// Just the version, which is read first: all else may differ in another version.
#[derive(Deserialize)]
struct DescriptionVersion {
    version: u32,
}

/// One for all columns, or (shift, factor) for each.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum ScalingDescription {
    All { shift: f64, factor: f64 },
    Each(Vec<(f64, f64)>),
}

impl From<&Scaling> for ScalingDescription {
    fn from(scaling: &Scaling) -> Self {
        match scaling.columns() {
            None => {
                let (shift, factor) = scaling.column(0);
                ScalingDescription::All { shift, factor }
            }
            Some(columns) => ScalingDescription::Each((0..columns).map(|c| scaling.column(c)).collect()),
        }
    }
}

impl TryFrom<ScalingDescription> for Scaling {
    type Error = chainrule_core::Error;

    fn try_from(description: ScalingDescription) -> Result<Self, Self::Error> {
        match description {
            ScalingDescription::All { shift, factor } => Scaling::new(shift, factor),
            ScalingDescription::Each(columns) => Scaling::per_column(columns),
        }
    }
}

impl<F: Real> Classifier<F> {
    /// Writes the classifier to a safetensors file: parameters as `layers.0.weight` (inputs, outputs), `layers.0.bias` (1,
    /// outputs), …; architecture, class names and scaling as JSON in the metadata `chainrule`.
    ///
    /// The file is written beside its place, synced and renamed, so that no reader ever sees half of it. Its metadata `sha256` is
    /// the SHA-256 of all that it says.
    ///
    /// # Errors
    /// [`ModelFileError::NotFinite`], and then nothing is written; [`ModelFileError::Io`] or [`ModelFileError::NotSafetensors`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ModelFileError> {
        let path = path.as_ref();
        let description = Description {
            version: VERSION,
            architecture: self.architecture.clone(),
            class_names: self.class_names.clone(),
            scaling: (&self.scaling).into(),
            epochs: self.epochs,
            metadata: self.metadata.clone(),
        };
        let description = serde_json::to_string(&description)
            .map_err(|source| ModelFileError::description(path, source))?;
        let metadata = HashMap::from([(KEY.to_owned(), description)]);
        write_parameters(path, &self.network, metadata)
    }

    /// Reads a classifier that [`Classifier::save`] wrote, in the type of its numbers; [`Classifier::to_precision`] gives it in the other.
    ///
    /// Nothing in the file is believed: the checksum must hold, and sizes are compared with what the file holds before anything of that size is
    /// allocated.
    ///
    /// # Errors
    /// [`ModelFileError`] says what is wrong with the file; [`ModelFileError::Precision`] names the type of its numbers, where that is not F.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ModelFileError> {
        let path = path.as_ref();
        let file = TensorFile::read(path)?;
        let description = read_description(path, &file.metadata)?;
        let tensors = file.tensors(path)?;

        let model_error = |source| ModelFileError::model(path, source);
        let Description { architecture, class_names, scaling, epochs, metadata, .. } = description;
        let builder = architecture.append_to(Network::<F>::builder(architecture.inputs));
        // Layers are only widths so far; the parameters that they ask for must be in the file before they are made.
        let layers: Vec<&dyn Layer<F>> = builder.layers().iter().map(|layer: &Arc<_>| &**layer).collect();
        let parameters: Vec<F> = read_parameters(path, &tensors, &layers)?;
        let mut network = builder.build().map_err(model_error)?;
        network.parameters_mut().copy_from_slice(&parameters);
        let scaling = scaling.try_into().map_err(model_error)?;
        let classifier = Classifier::from_parts(architecture, network, class_names, scaling, metadata)
            .map_err(model_error)?;
        Ok(Classifier { epochs, ..classifier })
    }
}

fn read_description(path: &Path, metadata: &Metadata) -> Result<Description, ModelFileError> {
    let text = metadata.metadata().as_ref().and_then(|entries| entries.get(KEY));
    let text = text.ok_or_else(|| ModelFileError::NotAModel { path: path.to_owned() })?;
    let DescriptionVersion { version } =
        serde_json::from_str(text).map_err(|source| ModelFileError::description(path, source))?;
    if version != VERSION {
        return Err(ModelFileError::Version { path: path.to_owned(), expected: VERSION, found: version });
    }
    serde_json::from_str(text).map_err(|source| ModelFileError::description(path, source))
}
