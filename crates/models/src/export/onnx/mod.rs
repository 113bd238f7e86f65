//! ONNX: [`graph`] draws a classifier, in the words of [`messages`].

mod graph;
mod messages;

use crate::model_file::write_whole;
use crate::{Classifier, LayerSpec, ModelFileError};
use chainrule_core::Real;
use messages::{Entry, Model, OperatorSet};
use prost::Message;
use std::path::Path;

/// Of ONNX 1.12, 2022: the first with layer normalisation.
const OPSET: i64 = 17;
const IR_VERSION: i64 = 8;

/// Bytes that a message of Protocol Buffers cannot have.
const TOO_MANY_BYTES: usize = 1 << 31;

impl<F: Real> Classifier<F> {
    /// Writes the classifier as an ONNX graph (opset 17) with all that it does: raw inputs go in, and are scaled.
    ///
    /// | name | type | shape | |
    /// |---|---|---|---|
    /// | `input` | float32 | (batch, inputs) | raw rows; batch is any number |
    /// | `probabilities` | float32 | (batch, classes) | |
    /// | `label` | int64 | (batch) | the most probable class, counted from 0 |
    ///
    /// The class names are in the metadata `class_names`, a JSON list. A classifier of `f64` is rounded to float32. The file is
    /// written beside its place, synced and renamed.
    ///
    /// # Errors
    /// [`ModelFileError::Io`]; [`ModelFileError::NoSoftmax`] for a loaded classifier of another last layer;
    /// [`ModelFileError::NotFinite`] for a parameter that is too large for float32, [`ModelFileError::Model`] for a scaling or a layer's
    /// setting that float32 does not hold; [`ModelFileError::TooLarge`] for 2 GiB or more.
    ///
    /// ```
    /// use chainrule_models::Classifier;
    /// let directory = tempfile::tempdir().unwrap();
    /// let classifier = Classifier::<f32>::builder(64, 10).hidden(&[32]).build().unwrap();
    /// classifier.export_onnx(directory.path().join("digits.onnx"))?;
    /// # Ok::<(), chainrule_models::ModelFileError>(())
    /// ```
    pub fn export_onnx(&self, path: impl AsRef<Path>) -> Result<(), ModelFileError> {
        let path = path.as_ref();
        if !matches!(self.architecture().layers.last(), Some(LayerSpec::Softmax { .. })) {
            return Err(ModelFileError::NoSoftmax { path: path.to_owned() });
        }
        let parameters = self.network().parameters().iter().map(|parameter| parameter.as_f64());
        check_single(path, "parameters, as float32", parameters)?;
        self.check_settings_in::<f32>().map_err(|source| ModelFileError::model(path, source))?;
        let class_names = serde_json::to_string(self.class_names())
            .map_err(|source| ModelFileError::description(path, source))?;
        let model = Model {
            ir_version: IR_VERSION,
            producer_name: "chainrule".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(graph::graph(self)),
            opset_import: vec![OperatorSet { domain: Some(String::new()), version: Some(OPSET) }],
            metadata_props: vec![Entry { key: "class_names".to_owned(), value: class_names }],
        };
        let bytes = model.encoded_len();
        if bytes >= TOO_MANY_BYTES {
            return Err(ModelFileError::TooLarge { path: path.to_owned(), bytes });
        }
        write_whole(path, &model.encode_to_vec())
            .map_err(|source| ModelFileError::Io { path: path.to_owned(), source })
    }
}

/// Makes sure that all numbers are finite as float32.
fn check_single(path: &Path, name: &str, numbers: impl Iterator<Item = f64>) -> Result<(), ModelFileError> {
    match numbers.enumerate().find(|(_, x)| !(*x as f32).is_finite()) {
        None => Ok(()),
        Some((index, value)) => {
            Err(ModelFileError::NotFinite { path: path.to_owned(), name: name.to_owned(), index, value })
        }
    }
}
