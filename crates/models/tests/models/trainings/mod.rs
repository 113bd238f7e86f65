//! Trainings of many kinds, to be interrupted.

pub(crate) mod break_at;

use chainrule_core::{Error, Loss, Optimizer, Purpose, Random, Real, Targets};
use chainrule_models::{
    Adam, Callback, CategoricalCrossEntropy, Checkpoints, ClassWeights, Classifier, Clipping, EarlyStopping,
    Every, History, LayerSpec, Lion, Monitor, Samples, Schedule, Sgd, Training,
};
use ndarray::Array2;
use std::path::Path;
use std::sync::Arc;

pub(crate) const ROWS: usize = 90;
const INPUTS: usize = 5;
const CLASSES: usize = 3;

/// How many kinds there are.
pub(crate) const KINDS: usize = 5;

/// What a training came to: the bits of the parameters, and the history without the time that it took.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) parameters: Vec<u8>,
    pub(crate) history: History,
}

/// A training of one kind, on rows and answers of its own.
pub(crate) struct Case<F: Real> {
    pub(crate) x: Array2<F>,
    pub(crate) labels: Vec<usize>,
    soft: Array2<F>,
    weights: Vec<F>,
    x_held: Array2<F>,
    labels_held: Vec<usize>,
    kind: usize,
    pub(crate) training: Training<F>,
    pub(crate) hidden: Vec<LayerSpec>,
}

fn rows<F: Real>(rows: usize, index: usize) -> (Array2<F>, Vec<usize>) {
    let random = Random::new(17, Purpose::Generate, index);
    let labels: Vec<usize> = (0..rows).map(|i| [0, 0, 0, 1, 1, 2][i % 6]).collect();
    let number = |(i, j)| random.normal((i * INPUTS + j) as u64) + if labels[i] == j { 1.0 } else { 0.0 };
    (Array2::from_shape_fn((rows, INPUTS), |place| F::of(number(place))), labels)
}

impl<F: Real> Case<F> {
    /// Kind number `kind`, which writes a checkpoint to `path` as often as `every` says.
    pub(crate) fn new(kind: usize, epochs: usize, path: &Path, every: Every) -> Self {
        let ((x, labels), (x_held, labels_held)) = (rows::<F>(ROWS, 0), rows(30, 1));
        let steps = (epochs * ROWS.div_ceil(16)) as u64;
        let dropout = LayerSpec::Dropout { rate: 0.3, seed: 4 };
        let dense = vec![LayerSpec::dense(12), LayerSpec::Relu];
        let adam = Arc::new(Adam { learning_rate: 0.01, ..Adam::default() });
        let stopping = EarlyStopping { patience: epochs / 3, ..EarlyStopping::default() };
        let checkpoints = Some(Checkpoints { path: path.to_owned(), every });
        let basic =
            Training { epochs, batch_size: 16, seed: 5, threads: 1, checkpoints, ..Training::default() };
        let cosine = Schedule::Cosine { steps, end: 0.1 };
        let smooth: Arc<dyn Loss<F>> = Arc::new(CategoricalCrossEntropy::new().label_smoothing(0.1));
        let with = |optimizer: Arc<dyn Optimizer<F>>| Training { optimizer, ..basic.clone() };
        let (hidden, training) = match kind {
            // Everything that has a state at once.
            0 => (
                [dense, vec![dropout]].concat(),
                Training {
                    schedule: Schedule::Warmup { steps: 7, then: Box::new(cosine) },
                    clipping: Some(Clipping::Norm(0.5)),
                    class_weights: Some(ClassWeights::Balanced),
                    validation_fraction: 0.2,
                    early_stopping: Some(stopping),
                    ..with(adam)
                },
            ),
            1 => (dense, Training { schedule: cosine, ..with(Arc::new(Sgd::default())) }),
            2 => {
                let amsgrad = Adam { amsgrad: true, weight_decay: 0.01, ..*adam };
                let monitor = Monitor::ValidationAccuracy;
                let early_stopping = Some(EarlyStopping { monitor, restore_best: false, ..stopping });
                (vec![dropout], Training { early_stopping, loss: smooth, ..with(Arc::new(amsgrad)) })
            }
            3 => {
                (dense, Training { clipping: Some(Clipping::Value(0.01)), ..with(Arc::new(Lion::default())) })
            }
            _ => (vec![], with(Arc::new(Sgd { learning_rate: 0.05, momentum: 0.0, nesterov: false }))),
        };
        let soft =
            Array2::from_shape_fn((ROWS, CLASSES), |(i, j)| F::of(if labels[i] == j { 0.5 } else { 0.25 }));
        let weights = (0..ROWS).map(|i| F::of(0.5 + (i % 4) as f64)).collect();
        Case { x, labels, soft, weights, x_held, labels_held, kind, training, hidden }
    }

    pub(crate) fn classifier(&self) -> Classifier<F> {
        Classifier::builder(INPUTS, CLASSES).hidden_layers(self.hidden.clone()).seed(2).build().unwrap()
    }

    pub(crate) fn samples(&self) -> Samples<'_, F> {
        let labels = Targets::Classes(&self.labels);
        match self.kind {
            0 => Samples::new(&self.x, labels.weighted(&self.weights)),
            1 => Samples::new(&self.x, Targets::Probabilities(self.soft.view())),
            _ => Samples::new(&self.x, labels),
        }
    }

    pub(crate) fn validation(&self) -> Option<Samples<'_, F>> {
        let held = Samples::new(&self.x_held, Targets::Classes(&self.labels_held));
        matches!(self.kind, 2 | 3).then_some(held)
    }

    pub(crate) fn fit(&self, callback: &mut dyn Callback<F>) -> Result<Outcome, Error> {
        let mut classifier = self.classifier();
        let history = classifier.fit_with(self.samples(), self.validation(), &self.training, callback)?;
        Ok(outcome(&classifier, history))
    }

    pub(crate) fn resume(&self, path: &Path, callback: &mut dyn Callback<F>) -> Result<Outcome, Error> {
        // Whatever a classifier has, it becomes the checkpoint's.
        let mut classifier = self.classifier();
        let history = classifier.resume(path, self.samples(), self.validation(), &self.training, callback)?;
        Ok(outcome(&classifier, history))
    }
}

fn outcome<F: Real>(classifier: &Classifier<F>, mut history: History) -> Outcome {
    history.epochs.iter_mut().for_each(|record| record.seconds = 0.0);
    let mut parameters = Vec::new();
    classifier.network().parameters().iter().for_each(|parameter| parameter.write_le(&mut parameters));
    Outcome { parameters, history }
}
