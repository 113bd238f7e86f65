//! The vocabulary of chainrule: what a layer, an activation, a loss, an optimiser and a source of rows are.
//!
//! This crate holds traits and plain data. It computes nothing that a network computes and links no BLAS, so a
//! crate that only wants to define a layer, or to serve rows from a file, depends on this one alone.
//!
//! The route of the data, and the trait that stands for each step:
//!
//! ```text
//! Rows ─gather→ batch ─Layer::forward→ outputs ─Loss→ losses, dy ─Layer::backward_*→ gradient ─Optimizer→ parameters
//! ```
//!
//! Shapes are written (rows, columns); a row is one sample. A backward method names the forward that it differentiates.
//!
//! # Errors and panics
//!
//! Whatever a caller can get wrong is an [`Error`] at the boundary (networks, classifiers, data sets). The traits
//! themselves are called behind that boundary, with shapes already checked; an implementation may assert them.

mod activation;
mod class_names;
mod communicator;
mod error;
mod gradient_check;
mod layer;
mod loss;
mod optimizer;
mod output_kind;
mod parameters;
mod preprocessor;
mod random;
mod real;
mod rows;
mod scaling;
mod subset;
mod targets;

pub use activation::Activation;
pub use class_names::check_class_names;
pub use communicator::{Alone, Communicator, Numbers};
pub use error::Error;
pub use gradient_check::{
    GradientCheck, WorstEntry, check_activation, check_function, check_layer, check_loss,
};
pub use layer::{Draw, Kept, Layer};
pub use loss::{Head, Loss};
pub use optimizer::{MAX_MOMENTS, Moments, Optimizer, Step};
pub use output_kind::OutputKind;
pub use parameters::{AlignedBuffer, Block, ParameterSpec, Penalty, Role};
pub use preprocessor::Preprocessor;
pub use random::{Purpose, Random};
pub use real::{Precision, Real};
pub use rows::Rows;
pub use scaling::{ScaledRows, Scaling};
pub use subset::Subset;
pub use targets::{OwnedTargets, Targets, WeightedTargets};
