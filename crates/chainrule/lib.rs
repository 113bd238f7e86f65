//! Dense neural-network classifiers on a CPU, with hand-written, exact backpropagation.
//!
//! This crate only re-exports its parts; each can be used on its own.
//!
//! | module | crate | what is in it |
//! |---|---|---|
//! | [`core`] | `chainrule-core` | traits, targets, errors, the gradient check |
//! | [`kernels`] | `chainrule-kernels` | matrix products, softmax, cross-entropy, on array views |
//! | [`models`] | `chainrule-models` | layers, losses, optimisers, networks, classifiers |
//! | [`data`] | `chainrule-data` | data sets, splits |
//!
//! ```
//! use chainrule::prelude::*;
//!
//! let (train, test) = chainrule::data::digits().split(0.2, 0)?;
//! let mut classifier = Classifier::<f32>::builder(train.width(), train.class_names().len())
//!     .hidden(&[64])
//!     .class_names(train.class_names())
//!     .scaling(train.scaling())
//!     .build()?;
//! let training = Training { batch_size: 16, ..Training::default() };
//! let history = classifier.fit(Samples::new(&train, train.targets()), &training)?;
//! print!("{history}");
//! let evaluation = classifier.evaluate(Samples::new(&test, test.targets()))?;
//! assert!(evaluation.accuracy > 0.9);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use chainrule_core as core;
pub use chainrule_data as data;
pub use chainrule_kernels as kernels;
pub use chainrule_models as models;
/// Arrays are in most signatures: this is the version that they are of.
pub use ndarray;

/// What most programs need.
pub mod prelude {
    pub use chainrule_core::{
        Activation, Error, Layer, Loss, Optimizer, Penalty, Preprocessor, Real, Rows, Scaling, Targets,
    };
    pub use chainrule_data::{Column, DataSet, Encoder, Missing, Table, TableOptions, Unseen};
    pub use chainrule_models::{
        Accuracy, Adam, BinaryCrossEntropy, Callback, CategoricalCrossEntropy, Checkpoints, ClassWeights,
        Classifier, Clipping, Dense, EarlyStopping, Every, GradientPath, LayerSpec, MeanSquaredError,
        Network, OptimizerState, Predictor, Progress, Relu, Samples, Schedule, Sgd, Sigmoid, Softmax,
        SoftmaxCrossEntropy, SoftmaxRegression, SoftmaxTraining, Solver, Tanh, Training,
    };
}
