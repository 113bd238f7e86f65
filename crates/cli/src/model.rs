//! A model file as the commands use it: the classifier, and what the program kept with it.

use crate::args::Config;
use crate::config;
use anyhow::{Context, Result};
use chainrule_core::Real;
use chainrule_data::Encoder;
use chainrule_models::Classifier;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Keys of the classifier's metadata.
pub(crate) const CONFIG: &str = "config.toml";
pub(crate) const ENCODER: &str = "encoder.json";
pub(crate) const DATA_SHA256: &str = "data.sha256";

/// What `train` wrote; a model that a Rust program saved has neither settings nor encoder.
pub(crate) struct Model {
    pub(crate) path: PathBuf,
    pub(crate) classifier: Classifier<f32>,
    pub(crate) config: Option<Config>,
    pub(crate) encoder: Option<Encoder>,
}

impl Model {
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let classifier = Classifier::<f32>::load(path)?;
        let named = |key| move || format!("{}: its metadata {key}", path.display());
        let config = classifier.metadata(CONFIG).map(config::from_toml);
        let encoder = classifier.metadata(ENCODER).map(serde_json::from_str);
        Ok(Model {
            path: path.to_owned(),
            config: config.transpose().with_context(named(CONFIG))?,
            encoder: encoder.transpose().with_context(named(ENCODER))?,
            classifier,
        })
    }

    /// How rows of a table become inputs: as those that it was trained on; where these were no table, a number is an input.
    pub(crate) fn table_encoder(&self) -> Result<Cow<'_, Encoder>> {
        Ok(match &self.encoder {
            Some(encoder) => Cow::Borrowed(encoder),
            None => Cow::Owned(Encoder::of_numbers(self.classifier.network().inputs())?),
        })
    }

    /// (rows, columns) of the image that a row is, if its settings say so.
    pub(crate) fn image_shape(&self) -> Option<(usize, usize)> {
        self.config.as_ref()?.data.image.map(|image| (image.0, image.1))
    }
}

/// SHA-256 of all parameters as little-endian bytes, in hexadecimal digits.
pub(crate) fn parameters_sha256(classifier: &Classifier<f32>) -> String {
    let mut bytes = Vec::new();
    classifier.network().parameters().iter().for_each(|parameter| parameter.write_le(&mut bytes));
    Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
