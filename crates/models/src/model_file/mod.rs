//! Parameters in safetensors files: [`file`] writes and reads whole files, [`tensors`] what is in them, [`checksum`] proves it.

mod checksum;
mod error;
mod file;
mod tensors;

pub use error::ModelFileError;
pub(crate) use file::write as write_tensors;
pub(crate) use file::{TensorFile, write_whole};
pub(crate) use tensors::{read_parameters, write_parameters};
