//! How good probabilities are, given the true classes: what scikit-learn's functions of the same names say.
//!
//! [`Predictions`] checks true classes, probabilities and weights once; every metric takes them, computes in `f64`, and takes
//! O(n log n) for n rows at most. [`ClassificationReport`] is all of them together.
//!
//! ```
//! use chainrule_models::metrics::{Confusion, Predictions, log_loss, top_k_accuracy};
//! use ndarray::array;
//!
//! let probabilities = array![[0.7, 0.1, 0.2], [0.1, 0.5, 0.4], [0.02, 0.9, 0.08]];
//! let predictions = Predictions::new(&[0, 1, 2], probabilities.view(), None)?;
//! assert_eq!(Confusion::of(&predictions).accuracy(), 2.0 / 3.0);
//! assert_eq!(top_k_accuracy(&predictions, 2), 1.0);
//! assert!((log_loss(&predictions) - 1.1918).abs() < 1e-4);
//! # Ok::<(), chainrule_core::Error>(())
//! ```

mod average;
mod brier;
mod confusion;
mod log_loss;
mod predictions;
mod reliability;
mod report;
mod roc_auc;
mod table;
mod top_k;

pub use average::{Average, Scores};
pub use brier::{brier, brier_half};
pub use confusion::Confusion;
pub use log_loss::log_loss;
pub use predictions::Predictions;
pub use reliability::{Reliability, ReliabilityBin};
pub use report::{ClassReport, ClassificationReport};
pub use roc_auc::RocAuc;
pub use top_k::top_k_accuracy;
