use crate::args::{
    ActivationName, Config, DataSource, Hidden, InitializerName, MonitorName, OptimizerName, ScheduleName,
};
use crate::data::Parts;
use crate::machine;
use anyhow::{Result, ensure};
use chainrule_core::Optimizer;
use chainrule_models::{
    Adam, CategoricalCrossEntropy, Clipping, EarlyStopping, Initializer, LayerSpec, Monitor, Schedule, Sgd,
    Training,
};
use std::sync::Arc;

/// What decides a network's training: the configuration, with every default filled in.
pub(super) struct Settings {
    pub(super) config: Config,
    pub(super) hidden: Vec<usize>,
    pub(super) epochs: usize,
    pub(super) batch: usize,
    pub(super) learning_rate: f64,
}

impl Settings {
    pub(super) fn new(mut config: Config) -> Result<Self> {
        let (hidden, epochs, batch): (&[usize], _, _) = match config.data.data {
            DataSource::Digits => (&[256, 128], 30, 16),
            DataSource::FashionMnist => (&[128, 128], 10, 128),
            DataSource::Spiral => (&[128, 128], 300, 32),
            DataSource::File(_) => (&[128, 128], 100, 32),
        };
        let training = &mut config.training;
        let learning_rate = match training.optimizer {
            OptimizerName::Adam => Adam::default().learning_rate,
            OptimizerName::Sgd => Sgd::default().learning_rate,
        };
        ensure!(
            training.optimizer == OptimizerName::Adam || training.weight_decay == 0.0,
            "--weight-decay {}: sgd has none; choose --optimizer adam",
            training.weight_decay
        );
        ensure!(
            training.patience.is_some() || training.monitor == MonitorName::Loss,
            "--monitor accuracy: it says what --patience waits for; add --patience"
        );
        Ok(Settings {
            hidden: config.network.hidden.get_or_insert(Hidden(hidden.to_vec())).0.clone(),
            epochs: *training.epochs.get_or_insert(epochs),
            batch: *training.batch.get_or_insert(batch),
            learning_rate: *training.learning_rate.get_or_insert(learning_rate),
            config,
        })
    }

    /// The layers before the last.
    pub(super) fn hidden_layers(&self) -> Vec<LayerSpec> {
        let network = &self.config.network;
        let activation = || match network.activation {
            ActivationName::Relu => LayerSpec::Relu,
            ActivationName::Gelu => LayerSpec::Gelu,
            ActivationName::Silu => LayerSpec::Silu,
            ActivationName::Tanh => LayerSpec::Tanh,
            ActivationName::Sigmoid => LayerSpec::Sigmoid,
        };
        let mut layers = Vec::new();
        for (position, &width) in (0_u64..).zip(&self.hidden) {
            layers.extend([LayerSpec::dense(width), activation()]);
            if network.dropout > 0.0 {
                // Any would do, as masks depend on the layer, too; this one keeps the masks of trainings before.
                let seed = self.config.training.seed.wrapping_add(position);
                layers.push(LayerSpec::Dropout { rate: network.dropout, seed });
            }
        }
        layers
    }

    pub(super) fn initializer(&self) -> Initializer {
        match self.config.network.initializer {
            InitializerName::He => Initializer::He,
            InitializerName::Glorot => Initializer::Glorot,
            InitializerName::GlorotUniform => Initializer::GlorotUniform,
        }
    }

    /// As [`Classifier::fit`](chainrule_models::Classifier::fit) takes them, for the current thread pool.
    pub(super) fn training(&self, parts: &Parts) -> Training<f32> {
        let training = &self.config.training;
        let learning_rate = self.learning_rate;
        let optimizer: Arc<dyn Optimizer<f32>> = match training.optimizer {
            OptimizerName::Adam => {
                Arc::new(Adam { learning_rate, weight_decay: training.weight_decay, ..Adam::default() })
            }
            OptimizerName::Sgd => Arc::new(Sgd { learning_rate, ..Sgd::default() }),
        };
        let steps = (self.epochs as u64).saturating_mul(parts.train.len().div_ceil(self.batch) as u64);
        let loss = CategoricalCrossEntropy::new();
        Training {
            epochs: self.epochs,
            batch_size: self.batch,
            loss: Arc::new(match training.label_smoothing {
                0.0 => loss,
                smoothing => loss.label_smoothing(smoothing),
            }),
            optimizer,
            schedule: match training.schedule {
                ScheduleName::Constant => Schedule::Constant,
                ScheduleName::Cosine => Schedule::Cosine { steps, end: 0.0 },
                // The ends of PyTorch's one-cycle: a 25th, and that by 10,000.
                ScheduleName::OneCycle => {
                    Schedule::OneCycle { steps: steps.max(2), rise: 0.3, start: 0.04, end: 4e-6 }
                }
            },
            clipping: training.clip_norm.map(Clipping::Norm),
            class_weights: training.class_weights.into(),
            early_stopping: training.patience.map(|patience| EarlyStopping {
                monitor: match training.monitor {
                    MonitorName::Loss => Monitor::ValidationLoss,
                    MonitorName::Accuracy => Monitor::ValidationAccuracy,
                },
                patience,
                ..EarlyStopping::default()
            }),
            seed: training.seed,
            ..Training::default()
        }
    }

    /// Makes sure that a network of these widths, and a batch of these rows, fit in memory.
    pub(super) fn check_memory(&self, parts: &Parts) -> Result<()> {
        /// Parameters, their copy, the best, their gradient, two moments, and the bytes of a file.
        const COPIES: u128 = 8;
        let mut widths = vec![parts.train.width() as u128];
        widths.extend(self.hidden.iter().map(|&width| width as u128));
        widths.push(parts.train.class_names().len() as u128);
        let products = widths.windows(2).map(|pair| pair[0].saturating_add(1).saturating_mul(pair[1]));
        let parameters = products.fold(0, u128::saturating_add);
        // A row's inputs, and for each layer before and after its activation outputs and their gradient.
        let row = widths.iter().fold(0, |sum: u128, width| sum.saturating_add(width.saturating_mul(4)));
        let rows = self.batch.min(parts.train.len()).max(parts.train.len().min(1024)) as u128;
        let numbers = parameters.saturating_mul(COPIES).saturating_add(row.saturating_mul(rows));
        let bytes = numbers.saturating_mul(size_of::<f32>() as u128);
        machine::check_memory(bytes, "choose narrower --hidden layers or a smaller --batch")
    }
}
