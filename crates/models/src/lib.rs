//! Dense networks and classifiers for chainrule: layers, losses, optimisers, [`Network`] and [`Classifier`].
//!
//! A [`Classifier`] is the simple door: build, fit, evaluate, predict, save, load. Behind it a [`Network`] shows every step
//! of the route, one line each:
//!
//! ```
//! use chainrule_core::Targets;
//! use chainrule_models::{Adam, CategoricalCrossEntropy, Network, OptimizerState};
//! use ndarray::array;
//!
//! let x = array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
//! let labels = [0, 1, 1, 0];
//!
//! let mut network = Network::<f32>::builder(2).dense(16).relu().dense(2).softmax().build()?;
//! let loss = CategoricalCrossEntropy::new();
//! let adam = Adam { learning_rate: 0.05, ..Adam::default() };
//! let mut optimizer = OptimizerState::new(adam, &network)?;
//! let mut tape = network.tape(4);
//! for _ in 0..200 {
//!     let pass = network.forward(x.view(), &mut tape)?;
//!     let (_loss, gradient) = pass.backward(&loss, Targets::Classes(&labels))?;
//!     optimizer.step(network.parameters_mut(), gradient)?;
//! }
//! let pass = network.forward(x.view(), &mut tape)?;
//! let (loss, _) = pass.backward(&loss, Targets::Classes(&labels))?;
//! assert!(loss < 0.01, "{loss}");
//! # Ok::<(), chainrule_core::Error>(())
//! ```

mod activations;
mod calibration;
mod classifier;
mod export;
mod finite;
mod import;
mod initializer;
mod layers;
mod losses;
mod memory;
pub mod metrics;
mod model_file;
mod network;
mod optimizers;
mod predictor;
mod settings;
mod softmax_regression;
mod training;

pub use activations::{
    Elu, Gelu, GradientPath, LeakyRelu, Linear, LogSoftmax, Relu, Sigmoid, Silu, Softmax, Tanh,
};
pub use calibration::Temperature;
pub use classifier::{Architecture, Classifier, ClassifierBuilder, Evaluation, LayerSpec, PenaltySpec};
pub use import::PyTorchImport;
pub use initializer::Initializer;
pub use layers::{ActivationLayer, Dense, Dropout, LayerNorm};
pub use losses::{
    BinaryCrossEntropy, CategoricalCrossEntropy, Focal, Huber, MeanAbsoluteError, MeanSquaredError,
    NegativeLogLikelihood, SigmoidCrossEntropy, SigmoidFocal, SoftmaxCrossEntropy, SoftmaxFocal, Summed,
};
pub use metrics::{ClassificationReport, Predictions};
pub use model_file::ModelFileError;
pub use network::{Batch, Gradient, Network, NetworkBuilder, ParameterBlock, Pass, Scratch, Tape, tile_rows};
pub use optimizers::{AdaGrad, Adam, Clipping, Lion, OptimizerState, RmsProp, Schedule, Sgd};
pub use predictor::{Predictor, PredictorScratch};
pub use softmax_regression::{
    Iteration, PathPoint, SoftmaxObjective, SoftmaxRegression, SoftmaxTraining, Solver, SolverEnding,
    SolverHistory,
};
pub use training::{
    Accuracy, BatchRecord, Callback, Checkpoints, ClassWeights, EarlyStopping, Ending, EpochRecord, Every,
    History, HistoryFileError, Monitor, Progress, Samples, Score, Trainer, Training,
};
