#[cfg(feature = "parquet")]
use super::parquet_records::ParquetRecords;
use super::text_records::{Lines, TextRecords};
use super::{Delimiter, Unit};
use crate::Error;
use crate::file::{open, read_error};
use std::io::BufRead;
use std::path::Path;

/// One row.
#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    /// The line in which it begins, or its number; from 1.
    pub(super) line: u64,
    pub(super) unit: Unit,
    text: &'a [u8],
    ends: &'a [usize],
    /// Bytes between two fields.
    gap: usize,
}

impl<'a> Record<'a> {
    /// Each field reaches in `text` from the end of the one before to its own.
    pub(super) fn new(unit: Unit, line: u64, text: &'a [u8], ends: &'a [usize]) -> Self {
        Record { line, unit, text, ends, gap: 0 }
    }

    /// A whole line of text: between the end of a field and the next there is a delimiter.
    pub(super) fn of_line(line: u64, text: &'a [u8], ends: &'a [usize]) -> Self {
        Record { line, unit: Unit::Line, text, ends, gap: 1 }
    }

    /// Number of fields.
    pub(super) fn len(self) -> usize {
        self.ends.len()
    }

    /// Field `column`, without the spaces around it.
    pub(super) fn field(self, column: usize) -> &'a [u8] {
        self.text[self.start(column)..self.ends[column]].trim_ascii()
    }

    pub(super) fn fields(self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.len()).map(move |column| self.field(column))
    }

    /// The line in which field `column` begins.
    pub(super) fn line_of(self, column: usize) -> u64 {
        let mut lines = Lines::from(self.line);
        if self.unit == Unit::Line {
            lines.count(&self.text[..self.start(column)]);
        }
        lines.line
    }

    fn start(self, column: usize) -> usize {
        if column == 0 { 0 } else { self.ends[column - 1] + self.gap }
    }
}

/// Follows `PAR1` in a Parquet file, and in no text: the first page's header begins with it (field 1, an integer, in Thrift's
/// compact protocol).
const PAGE: u8 = 0x15;

/// The rows of a file, one at a time.
pub(super) enum Records {
    Text(Box<TextRecords>),
    #[cfg(feature = "parquet")]
    Parquet(ParquetRecords),
}

impl Records {
    pub(super) fn open(path: &Path, delimiter: Delimiter) -> Result<Self, Error> {
        let mut input = open(path)?;
        let start = input.fill_buf().map_err(|source| read_error(path, source))?;
        if start.starts_with(b"PAR1") && start.get(4).is_none_or(|&byte| byte == PAGE) {
            return Self::parquet(path);
        }
        Ok(Records::Text(Box::new(TextRecords::new(path, input, delimiter)?)))
    }

    #[cfg(feature = "parquet")]
    fn parquet(path: &Path) -> Result<Self, Error> {
        Ok(Records::Parquet(ParquetRecords::open(path)?))
    }

    #[cfg(not(feature = "parquet"))]
    fn parquet(path: &Path) -> Result<Self, Error> {
        Err(Error::Table { path: path.into(), problem: super::TableProblem::NoParquet })
    }

    /// The next row, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        match self {
            Records::Text(records) => records.next(),
            #[cfg(feature = "parquet")]
            Records::Parquet(records) => records.next(),
        }
    }
}
