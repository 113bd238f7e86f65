use crate::args::{DataName, Gradient, OptimizerName, TrainArgs};
use crate::data::Parts;
use crate::machine;
use anyhow::Result;
use chainrule_core::Optimizer;
use chainrule_models::{Adam, Sgd, Training};
use serde::Serialize;
use std::sync::Arc;

/// What decides a training: the arguments, with every default filled in.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Settings {
    pub(super) data: DataName,
    pub(super) hidden: Vec<usize>,
    pub(super) epochs: usize,
    pub(super) batch: usize,
    pub(super) optimizer: OptimizerName,
    pub(super) learning_rate: f64,
    pub(super) seed: u64,
    pub(super) gradient: Gradient,
}

impl Settings {
    pub(super) fn new(args: &TrainArgs) -> Self {
        let data = args.data.data;
        let (hidden, epochs, batch): (&[usize], _, _) = match data {
            DataName::Digits => (&[256, 128], 30, 16),
            DataName::FashionMnist => (&[128, 128], 10, 128),
            DataName::Spiral => (&[128, 128], 300, 32),
        };
        let learning_rate = match args.optimizer {
            OptimizerName::Adam => Adam::default().learning_rate,
            OptimizerName::Sgd => Sgd::default().learning_rate,
        };
        Settings {
            data,
            hidden: args.hidden.as_ref().map_or(hidden.to_vec(), |hidden| hidden.0.clone()),
            epochs: args.epochs.unwrap_or(epochs),
            batch: args.batch.unwrap_or(batch),
            optimizer: args.optimizer,
            learning_rate: args.learning_rate.unwrap_or(learning_rate),
            seed: args.seed,
            gradient: args.gradient,
        }
    }

    /// As [`Classifier::fit`](chainrule_models::Classifier::fit) takes them, for the current thread pool.
    pub(super) fn training(&self) -> Training<f32> {
        let learning_rate = self.learning_rate;
        let optimizer: Arc<dyn Optimizer<f32>> = match self.optimizer {
            OptimizerName::Adam => Arc::new(Adam { learning_rate, ..Adam::default() }),
            OptimizerName::Sgd => Arc::new(Sgd { learning_rate, ..Sgd::default() }),
        };
        Training {
            epochs: self.epochs,
            batch_size: self.batch,
            optimizer,
            seed: self.seed,
            ..Training::default()
        }
    }

    /// Makes sure that a network of these widths, and a batch of these rows, fit in memory.
    pub(super) fn check_memory(&self, parts: &Parts) -> Result<()> {
        /// Parameters, their copy, their gradient, two moments, and the bytes of a file.
        const COPIES: u128 = 7;
        let mut widths = vec![parts.train.width() as u128];
        widths.extend(self.hidden.iter().map(|&width| width as u128));
        widths.push(parts.train.class_names().len() as u128);
        let products = widths.windows(2).map(|pair| pair[0].saturating_add(1).saturating_mul(pair[1]));
        let parameters = products.fold(0, u128::saturating_add);
        // A row's inputs, and for each layer before and after its activation outputs and their gradient.
        let row = widths.iter().fold(0, |sum: u128, width| sum.saturating_add(width.saturating_mul(4)));
        let rows = self.batch.min(parts.train.len()).max(parts.test.len().min(1024)) as u128;
        let numbers = parameters.saturating_mul(COPIES).saturating_add(row.saturating_mul(rows));
        let bytes = numbers.saturating_mul(size_of::<f32>() as u128);
        machine::check_memory(bytes, "choose narrower --hidden layers or a smaller --batch")
    }
}
