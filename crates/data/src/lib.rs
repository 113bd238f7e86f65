//! Data sets for chainrule: rows of inputs with labels, the readers that make them, and the split into training and test.
//!
//! | function | what it gives |
//! |---|---|
//! | [`digits`] | 1,797 handwritten digits, compiled in |
//! | [`fashion_mnist`] | 70,000 images of clothes, from four files |
//! | [`spiral`], [`vertical`] | points in the plane, from the book *Neural Networks from Scratch* |
//! | [`sine`] | numbers and their sine, from the same book |
//! | [`DataSet::from_bytes`], [`DataSet::from_numbers`] | your own |
//! | [`Table::read`] | your own table with labels, CSV or TSV: numbers, categories, missing values |
//! | [`Encoder::read_rows`], [`Encoder::read_labelled`] | rows of another file as inputs of the same network |
//! | [`read_arrays`], [`read_arrays_labelled`], [`read_array_rows`] | arrays in NPY, NPZ, IDX and safetensors files |
//! | [`Encoder::of_numbers`] | what reads tables of numbers for a network that was not trained on one |
//! | [`read_idx`] | any IDX file of bytes |
//! | [`split`], [`folds`] | which rows to train on, which to test |
//!
//! A [`DataSet`] holds its inputs raw (an image stays bytes) and says how they are best scaled. It is a
//! [`Rows`](chainrule_core::Rows), so training gathers the rows of a batch from it as numbers:
//!
//! ```
//! use chainrule_core::Rows;
//! use ndarray::Array2;
//!
//! let (train, test) = chainrule_data::digits().split(0.2, 42)?;
//! assert_eq!((train.len(), test.len()), (1438, 359));
//!
//! let mut batch = Array2::<f32>::zeros((3, train.width()));
//! train.scaling().of(&train).gather(&[5, 0, 1], batch.view_mut())?;
//! assert!(batch.iter().all(|pixel| (0.0..=1.0).contains(pixel)));
//! # Ok::<(), chainrule_data::Error>(())
//! ```
//!
//! # Errors and panics
//!
//! Files are not trusted: whatever they hold, a reader returns an [`Error`] that names the file and the place in it, and
//! takes memory only for data that are there. Nothing here panics on what a caller or a file gives.

mod arrays;
mod class_names;
mod data_set;
mod dictionary;
mod digits;
mod error;
mod excerpt;
mod fashion_mnist;
mod file;
mod folds;
mod idx;
mod nnfs;
mod number;
mod prefetch;
mod split;
mod table;

pub use arrays::{ArrayProblem, ArraySource, read_array_rows, read_arrays, read_arrays_labelled};
pub use data_set::{DataSet, Description};
pub use digits::digits;
pub use error::Error;
pub use fashion_mnist::{FASHION_MNIST_DIR, fashion_mnist};
pub use folds::{Fold, Folds, folds};
pub use idx::{Idx, read_idx};
pub use nnfs::{sine, spiral, vertical};
pub use split::{Parts, split};
pub use table::{
    Column, Delimiter, EncodedColumn, EncodedKind, EncodedRows, Encoder, EncoderProblem, Header, Missing,
    Place, Table, TableOptions, TableProblem, Unit, Unseen,
};
