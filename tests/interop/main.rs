//! Files for other tools and from them, each with the real package, called by the Python scripts beside this file: ONNX by
//! onnxruntime, PyTorch's names by PyTorch, weights by scikit-learn.
//!
//! `make interop` installs the packages into `target/interop` and runs these tests, which are ignored elsewhere.

#![allow(clippy::unwrap_used)]

#[cfg(feature = "onnx")]
mod onnx;
mod python;
mod weights;
