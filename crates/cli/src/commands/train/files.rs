//! What training leaves behind.

use super::settings::Settings;
use super::{Trained, test_results};
use crate::charts;
use crate::machine::Blas;
use crate::output_directory::OutputDirectory;
use anyhow::{Result, anyhow};
use chainrule_core::Real;
use chainrule_kernels::simd_level;
use chainrule_models::{Classifier, EpochRecord};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub(super) const MODEL: &str = "model.safetensors";
pub(super) const HISTORY: &str = "history.csv";
pub(super) const CURVES: &str = "curves.svg";
pub(super) const METRICS: &str = "metrics.json";

/// All of them.
pub(super) const NAMES: [&str; 4] = [MODEL, HISTORY, CURVES, METRICS];

/// Writes them all; what can be made in memory is made before the first is written.
pub(super) fn write(trained: &Trained, directory: &OutputDirectory) -> Result<()> {
    let epochs = &trained.history.epochs;
    let (history, curves, metrics) = (history(epochs)?, charts::curves(epochs)?, metrics(trained)?);
    trained.classifier.save(directory.file(MODEL))?;
    directory.write(HISTORY, &history)?;
    directory.write(CURVES, curves.as_bytes())?;
    directory.write(METRICS, &metrics)
}

/// A row of `history.csv`.
#[derive(Serialize)]
struct Row {
    epoch: usize,
    loss: f64,
    accuracy: f64,
    test_loss: Option<f64>,
    test_accuracy: Option<f64>,
    seconds: f64,
}

fn history(epochs: &[EpochRecord]) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in epochs {
        writer.serialize(Row {
            epoch: record.epoch,
            loss: record.loss,
            accuracy: record.accuracy,
            test_loss: record.validation_loss,
            test_accuracy: record.validation_accuracy,
            seconds: record.seconds,
        })?;
    }
    writer.into_inner().map_err(|error| anyhow!("{HISTORY}: {error}"))
}

/// `metrics.json`
#[derive(Serialize)]
struct Metrics<'a> {
    test_accuracy: f64,
    test_loss: f64,
    epoch_seconds: Vec<f64>,
    parameters_sha256: String,
    #[serde(flatten)]
    settings: &'a Settings,
    threads: usize,
    simd: String,
    blas: Blas,
    version: &'static str,
}

fn metrics(trained: &Trained) -> Result<Vec<u8>> {
    let (test_loss, test_accuracy) = test_results(trained.last()?);
    let metrics = Metrics {
        test_accuracy,
        test_loss,
        epoch_seconds: trained.history.epochs.iter().map(|epoch| epoch.seconds).collect(),
        parameters_sha256: parameters_sha256(&trained.classifier),
        settings: &trained.settings,
        threads: trained.threads,
        simd: simd_level().to_string(),
        blas: Blas::here(),
        version: env!("CARGO_PKG_VERSION"),
    };
    let mut json = serde_json::to_vec_pretty(&metrics)?;
    json.push(b'\n');
    Ok(json)
}

/// SHA-256 of all parameters as little-endian bytes, in hexadecimal digits.
fn parameters_sha256(classifier: &Classifier<f32>) -> String {
    let mut bytes = Vec::new();
    classifier.network().parameters().iter().for_each(|parameter| parameter.write_le(&mut bytes));
    Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
