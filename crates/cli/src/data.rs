//! The rows that a training or a model is given: built-in sets, and files of every kind.

mod arrays;
mod digest;
mod file;
mod hints;
mod input;
mod options;
mod parts;
mod rows;

pub(crate) use input::input_rows;
pub(crate) use parts::Parts;
pub(crate) use rows::LabelledRows;
