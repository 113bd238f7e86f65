//! Tables in text files: how they are read, and how their columns become inputs.

#[cfg(test)]
mod bad_table_tests;
mod cells;
mod columns;
mod encode;
mod encoded_rows;
mod encoder;
#[cfg(test)]
mod encoder_tests;
mod fit;
#[cfg(feature = "parquet")]
mod guarded;
mod options;
#[cfg(feature = "parquet")]
mod parquet_records;
#[cfg(all(test, feature = "parquet"))]
mod parquet_tests;
mod pieces;
mod problem;
mod read;
mod read_encoded;
mod records;
mod row_reader;
#[cfg(test)]
mod tests;
mod text_records;

pub use encoded_rows::EncodedRows;
pub use encoder::{EncodedColumn, EncodedKind, Encoder, EncoderProblem};
pub use options::{Column, Delimiter, Header, Missing, TableOptions, Unseen};
pub use problem::{Place, TableProblem, Unit};

use crate::file::short_name;
use cells::Cells;
use columns::Columns;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A table with labels, read from a file of text (CSV, TSV, both also compressed by gzip), not yet inputs of a network.
///
/// It keeps a column of numbers as `f32` and a column of categories as their codes: four bytes a field, or one, if all fields
/// are integers from 0 to 255 or have no more than 254 categories. [`Table::fit_encoder`] learns from the training rows what
/// categories there are and what fills missing values; [`Table::encode`] makes inputs of any rows, without copying them.
///
/// ```
/// use chainrule_data::{Column, Table, TableOptions};
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("flowers.csv");
/// std::fs::write(&path, "length,colour,species\n1.5,red,rose\n0.2,blue,violet\n0.3,blue,violet\n1.4,white,rose\n")?;
///
/// let options = TableOptions { categorical: vec![Column::Name("colour".into())], ..TableOptions::default() };
/// let table = Table::read(&path, &options)?;
/// assert_eq!(table.class_names(), ["rose", "violet"]);
/// assert_eq!(table.labels(), [0, 1, 1, 0]);
///
/// let encoder = table.fit_encoder(&[0, 1, 3])?;
/// assert_eq!(encoder.input_names(), ["length", "colour=blue", "colour=red", "colour=white"]);
/// let train = table.encode(&encoder, &[0, 1, 3])?;
/// assert_eq!((train.len(), train.width()), (3, 4));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Table {
    path: PathBuf,
    options: TableOptions,
    columns: Columns,
    /// For each input, from the left, its categories in the order of their codes; none for one of numbers.
    categories: Vec<Vec<String>>,
    cells: Arc<Cells>,
    labels: Vec<usize>,
    class_names: Vec<String>,
    dropped: usize,
}

impl Table {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// False: a table has rows.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The class of each row, as an index into [`Table::class_names`].
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The different labels: in the order of numbers if all are numbers, of their characters' code points otherwise.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Rows that were left out because of missing values ([`Missing::DropRow`]).
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// The name of the target column; of a file without a header, its number.
    pub fn target(&self) -> Column {
        self.columns.column(self.columns.target)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A short name: the file's, without its extensions.
    pub fn name(&self) -> String {
        short_name(&self.path)
    }
}
