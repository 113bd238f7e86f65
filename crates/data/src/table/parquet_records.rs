use super::guarded::guarded;
use super::records::Record;
use super::{TableProblem, Unit};
use crate::Error;
use parquet::basic::Repetition;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, reader::RowIter};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The rows of a Parquet file, one at a time, as texts: the names of the columns first. A null is an empty text.
pub(super) struct ParquetRecords {
    path: PathBuf,
    rows: RowIter<'static>,
    /// Records given so far.
    given: u64,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl ParquetRecords {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let problem = |problem| Error::Table { path: path.into(), problem };
        let io_error = |source| Error::Io { path: path.into(), source };
        // Its end is read first; and a pipe that is opened once more may wait for ever.
        if !path.metadata().map_err(io_error)?.is_file() {
            return Err(problem(TableProblem::ParquetNotAFile));
        }
        let file = File::open(path).map_err(io_error)?;
        let reader = read(|| SerializedFileReader::new(file)).map_err(problem)?;
        let (mut text, mut ends) = (Vec::new(), Vec::new());
        for column in reader.metadata().file_metadata().schema().get_fields() {
            let info = column.get_basic_info();
            if !column.is_primitive() || (info.has_repetition() && info.repetition() == Repetition::REPEATED)
            {
                return Err(problem(TableProblem::Nested { name: column.name().into() }));
            }
            text.extend(column.name().as_bytes());
            ends.push(text.len());
        }
        let rows = RowIter::from_file_into(Box::new(reader));
        Ok(ParquetRecords { path: path.into(), rows, given: 0, text, ends })
    }

    /// The next row, if there is one.
    pub(super) fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        let number = self.given;
        if number > 0 {
            let row = read(|| self.rows.next().transpose())
                .map_err(|problem| Error::Table { path: self.path.clone(), problem })?;
            let Some(row) = row else { return Ok(None) };
            self.text.clear();
            self.ends.clear();
            for (_, field) in row.get_column_iter() {
                append(&mut self.text, field);
                self.ends.push(self.text.len());
            }
        }
        self.given += 1;
        Ok(Some(Record::new(Unit::Row, number, &self.text, &self.ends)))
    }
}

/// What the crate `parquet` gives; it panics on some damaged files, which is an error here.
fn read<T>(run: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, TableProblem> {
    match guarded(run) {
        Ok(result) => result.map_err(|error| TableProblem::Parquet(error.to_string())),
        Err(panic) => Err(TableProblem::Parquet(panic)),
    }
}

/// Appends what a table in text would hold.
fn append(text: &mut Vec<u8>, field: &Field) {
    let written = match field {
        Field::Null => Ok(()),
        Field::Bool(truth) => write!(text, "{}", if *truth { "True" } else { "False" }),
        Field::Str(string) => text.write_all(string.as_bytes()),
        Field::Bytes(bytes) => text.write_all(bytes.data()),
        Field::Float(number) => append_number(text, (*number).into(), |text| write!(text, "{number:?}")),
        Field::Double(number) => append_number(text, *number, |text| write!(text, "{number:?}")),
        other => write!(text, "{other}"),
    };
    // Memory takes all that is written to it.
    debug_assert!(written.is_ok());
}

/// A whole number as one; any other by `write`.
fn append_number(
    text: &mut Vec<u8>,
    number: f64,
    write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    // From here on digits are lost.
    const MOST: f64 = 1e15;
    if number.fract() == 0.0 && number.abs() < MOST { write!(text, "{number:.0}") } else { write(text) }
}
