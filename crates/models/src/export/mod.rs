//! Classifiers for other tools: ONNX, and safetensors with PyTorch's names.

#[cfg(feature = "onnx")]
mod onnx;
mod pytorch;

pub(crate) use pytorch::{TorchTensor, torch_tensors};
