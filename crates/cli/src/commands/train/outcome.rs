use super::samples;
use crate::args::Config;
use crate::config;
use crate::data::Parts;
use crate::machine::Blas;
use crate::model::parameters_sha256;
use anyhow::Result;
use chainrule_kernels::simd_level;
use chainrule_models::{Classifier, Evaluation, Temperature};
use serde::Serialize;
use toml::Table;

/// A classifier whose training has ended, and how good it is.
pub(super) struct Outcome {
    pub(super) config: Config,
    pub(super) classifier: Classifier<f32>,
    /// What the logits were divided by, if that was asked for.
    temperature: Option<Temperature>,
    /// On the test part, if there is one.
    test: Option<Evaluation>,
    /// Threads that it ran on, each rank.
    threads: usize,
    /// Processes that it ran on.
    ranks: usize,
}

/// `metrics.json`, with what only one kind of classifier has.
#[derive(Serialize)]
pub(super) struct Metrics<T> {
    test_accuracy: Option<f64>,
    test_loss: Option<f64>,
    temperature: Option<f64>,
    #[serde(flatten)]
    own: T,
    parameters_sha256: String,
    settings: Table,
    threads: usize,
    ranks: usize,
    simd: String,
    blas: Blas,
    version: &'static str,
}

impl Outcome {
    /// Calibrates a classifier, if that was asked for and its training `is_over`, and measures it.
    pub(super) fn of(
        config: Config,
        mut classifier: Classifier<f32>,
        parts: &Parts,
        is_over: bool,
    ) -> Result<Self> {
        let validation = parts.validation.as_ref().filter(|_| config.training.calibrate && is_over);
        let temperature = validation.map(|rows| classifier.calibrate(samples(rows))).transpose()?;
        let test = parts.test.as_ref().map(|rows| classifier.evaluate(samples(rows))).transpose()?;
        Ok(Outcome { config, classifier, temperature, test, threads: rayon::current_num_threads(), ranks: 1 })
    }

    /// Of a training by so many processes.
    pub(super) fn on_ranks(self, ranks: usize) -> Self {
        Outcome { ranks, ..self }
    }

    pub(super) fn metrics<T: Serialize>(&self, own: T) -> Result<Metrics<T>> {
        Ok(Metrics {
            test_accuracy: self.test.as_ref().map(|test| test.accuracy),
            test_loss: self.test.as_ref().map(|test| test.loss),
            temperature: self.temperature.map(Temperature::value),
            own,
            parameters_sha256: parameters_sha256(&self.classifier),
            settings: config::to_table(&self.config)?,
            threads: self.threads,
            ranks: self.ranks,
            simd: simd_level().to_string(),
            blas: Blas::here(),
            version: env!("CARGO_PKG_VERSION"),
        })
    }

    /// "test accuracy 0.9, test loss 0.3", or that there is no test part.
    pub(super) fn test_results(&self) -> String {
        match &self.test {
            Some(Evaluation { loss, accuracy, .. }) => {
                format!("test accuracy {accuracy:.4}, test loss {loss:.4}")
            }
            None => "no test part".to_owned(),
        }
    }

    /// The temperature, if there is one, and the end of its line.
    pub(super) fn temperature_line(&self) -> String {
        self.temperature.as_ref().map_or_else(String::new, |temperature| {
            format!("temperature {:.4}, fitted to the validation part\n", temperature.value())
        })
    }

    /// "1 thread", "2 threads", "3 ranks of 2 threads"
    pub(super) fn threads(&self) -> String {
        let threads =
            if self.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", self.threads) };
        match self.ranks {
            1 => threads,
            ranks => format!("{ranks} ranks of {threads}"),
        }
    }
}
