//! Classifiers out of the weights that other tools trained.

mod pytorch;
mod sklearn;
mod weights;

pub use pytorch::PyTorchImport;
