//! What training leaves behind.

use super::Trained;
use super::checkpoint::{CHECKPOINT, SETTINGS};
use crate::machine::Blas;
use crate::output_directory::OutputDirectory;
use crate::{charts, config};
use anyhow::Result;
use chainrule_core::Real;
use chainrule_kernels::simd_level;
use chainrule_models::{Classifier, History};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(super) const MODEL: &str = "model.safetensors";
pub(super) const CONFIG: &str = "config.toml";
pub(super) const HISTORY: &str = "history.csv";
pub(super) const CURVES: &str = "curves.svg";
pub(super) const METRICS: &str = "metrics.json";

/// All that may be written into the directory.
pub(super) const ALL: [&str; 7] = [MODEL, CONFIG, HISTORY, CURVES, METRICS, CHECKPOINT, SETTINGS];

/// Writes them all; what can be made in memory is made before the first is written.
pub(super) fn write(trained: &Trained, directory: &OutputDirectory) -> Result<()> {
    let curves = charts::curves(&trained.history.epochs, trained.settings.config.held_out())?;
    let config = config::to_toml(&trained.settings.config)?;
    let mut metrics = serde_json::to_vec_pretty(&trained.metrics()?)?;
    metrics.push(b'\n');
    trained.classifier.save(directory.file(MODEL))?;
    directory.write(CONFIG, config.as_bytes())?;
    directory.write(HISTORY, trained.history.to_csv().as_bytes())?;
    directory.write(CURVES, curves.as_bytes())?;
    directory.write(METRICS, &metrics)
}

/// `metrics.json`
#[derive(Serialize)]
pub(super) struct Metrics<'a> {
    test_accuracy: Option<f64>,
    test_loss: Option<f64>,
    temperature: Option<f64>,
    epoch_seconds: Vec<f64>,
    parameters_sha256: String,
    settings: Value,
    history: &'a History,
    threads: usize,
    ranks: usize,
    simd: String,
    blas: Blas,
    version: &'static str,
}

impl Trained {
    pub(super) fn metrics(&self) -> Result<Metrics<'_>> {
        Ok(Metrics {
            test_accuracy: self.test.as_ref().map(|test| test.accuracy),
            test_loss: self.test.as_ref().map(|test| test.loss),
            temperature: self.temperature.map(|temperature| temperature.value()),
            epoch_seconds: self.history.epochs.iter().map(|epoch| epoch.seconds).collect(),
            parameters_sha256: parameters_sha256(&self.classifier),
            settings: serde_json::to_value(&self.settings.config)?,
            history: &self.history,
            threads: self.threads,
            ranks: self.ranks,
            simd: simd_level().to_string(),
            blas: Blas::here(),
            version: env!("CARGO_PKG_VERSION"),
        })
    }
}

/// SHA-256 of all parameters as little-endian bytes, in hexadecimal digits.
fn parameters_sha256(classifier: &Classifier<f32>) -> String {
    let mut bytes = Vec::new();
    classifier.network().parameters().iter().for_each(|parameter| parameter.write_le(&mut bytes));
    Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
