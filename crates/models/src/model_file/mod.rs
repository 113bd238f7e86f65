//! Parameters in safetensors files: [`file`] writes and reads whole files, [`tensors`] what is in them, [`checksum`] proves it.

mod checksum;
mod error;
mod file;
mod tensors;

pub(crate) use checksum::hex;
pub use error::ModelFileError;
pub(crate) use file::{
    TensorFile, open_regular, write as write_tensors, write_again as write_tensors_again, write_whole,
};
pub(crate) use tensors::{check_numbers, dtype, read_parameters, write_parameters};
