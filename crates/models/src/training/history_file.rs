use super::{EpochRecord, History};
use crate::model_file::{open_regular, write_whole};
use std::io;
use std::path::{Path, PathBuf};

/// Why a history could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryFileError {
    /// The operating system said no, or the file is not text.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is a directory, a device or a pipe.
    #[error("{path}: expected a regular file", path = path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The first line is not that of a history.
    #[error("{path}: line 1: expected {HEADER:?}, found {found:?}", path = path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// The line found.
        found: String,
    },
    /// A line has another number of fields than the first.
    #[error("{path}: line {line}: expected {expected} fields, found {found}", path = path.display())]
    Fields {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// Fields that a line has.
        expected: usize,
        /// Fields found.
        found: usize,
    },
    /// A field is not the number that it should be.
    #[error("{path}: line {line}, column {column}: expected a number, found {found:?}", path = path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// Name of the column.
        column: &'static str,
        /// The field found.
        found: String,
    },
    /// The JSON is not of a history; the source names line and column.
    #[error("{path}: expected a history: {source}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the JSON reader said.
        source: serde_json::Error,
    },
}

const HEADER: &str = "epoch,loss,accuracy,validation_loss,validation_accuracy,learning_rate,seconds";
const COLUMNS: usize = 7;

impl History {
    /// The epochs as CSV: a header and a line for each, in which what is not there is empty. Numbers are written such that
    /// the same are read.
    ///
    /// ```
    /// use chainrule_models::History;
    /// let header = "epoch,loss,accuracy,validation_loss,validation_accuracy,learning_rate,seconds\n";
    /// assert_eq!(History::default().to_csv(), header);
    /// ```
    pub fn to_csv(&self) -> String {
        let optional = |number: Option<f64>| number.map_or(String::new(), |number| format!("{number:?}"));
        let line = |record: &EpochRecord| {
            format!(
                "{},{:?},{:?},{},{},{:?},{:?}\n",
                record.epoch,
                record.loss,
                record.accuracy,
                optional(record.validation_loss),
                optional(record.validation_accuracy),
                record.learning_rate,
                record.seconds
            )
        };
        let lines: String = self.epochs.iter().map(line).collect();
        format!("{HEADER}\n{lines}")
    }

    /// Writes [`History::to_csv`] to a file, whole or not at all.
    ///
    /// # Errors
    /// [`HistoryFileError::Io`].
    pub fn save_csv(&self, path: impl AsRef<Path>) -> Result<(), HistoryFileError> {
        write(path.as_ref(), &self.to_csv())
    }

    /// Reads the epochs from a file that [`History::save_csv`] wrote. Which was best, and how it ended, is not in it.
    ///
    /// # Errors
    /// [`HistoryFileError`] names line and column.
    pub fn load_csv(path: impl AsRef<Path>) -> Result<Self, HistoryFileError> {
        let path = path.as_ref();
        let text = read(path)?;
        let mut lines = text.lines().enumerate();
        let header = lines.next().map_or("", |(_, line)| line);
        if header != HEADER {
            return Err(HistoryFileError::Header { path: path.to_owned(), found: header.to_owned() });
        }
        let epochs = lines.map(|(i, line)| record(path, i + 1, line)).collect::<Result<_, _>>()?;
        Ok(History { epochs, ..History::default() })
    }

    /// Writes the whole history to a JSON file, whole or not at all.
    ///
    /// # Errors
    /// [`HistoryFileError::Io`].
    pub fn save_json(&self, path: impl AsRef<Path>) -> Result<(), HistoryFileError> {
        let path = path.as_ref();
        let json = serde_json::to_string_pretty(self)
            .map_err(|source| HistoryFileError::Json { path: path.to_owned(), source })?;
        write(path, &(json + "\n"))
    }

    /// Reads a file that [`History::save_json`] wrote.
    ///
    /// # Errors
    /// [`HistoryFileError::Io`], [`HistoryFileError::NotAFile`] or [`HistoryFileError::Json`].
    pub fn load_json(path: impl AsRef<Path>) -> Result<Self, HistoryFileError> {
        let path = path.as_ref();
        serde_json::from_str(&read(path)?)
            .map_err(|source| HistoryFileError::Json { path: path.to_owned(), source })
    }
}

fn write(path: &Path, text: &str) -> Result<(), HistoryFileError> {
    write_whole(path, text.as_bytes())
        .map_err(|source| HistoryFileError::Io { path: path.to_owned(), source })
}

fn read(path: &Path) -> Result<String, HistoryFileError> {
    let error = |source| HistoryFileError::Io { path: path.to_owned(), source };
    let not_a_file = || HistoryFileError::NotAFile { path: path.to_owned() };
    let file = open_regular(path).map_err(error)?.ok_or_else(not_a_file)?;
    io::read_to_string(file).map_err(error)
}

/// Line number `line` of a CSV file.
fn record(path: &Path, line: usize, text: &str) -> Result<EpochRecord, HistoryFileError> {
    let fields: Vec<&str> = text.split(',').collect();
    let &[epoch, loss, accuracy, validation_loss, validation_accuracy, learning_rate, seconds] = &fields[..]
    else {
        let (expected, found) = (COLUMNS, fields.len());
        return Err(HistoryFileError::Fields { path: path.to_owned(), line, expected, found });
    };
    let wrong = |column, found: &str| HistoryFileError::Field {
        path: path.to_owned(),
        line,
        column,
        found: found.to_owned(),
    };
    let number = |column, field: &str| field.parse::<f64>().map_err(|_| wrong(column, field));
    let optional =
        |column, field: &str| if field.is_empty() { Ok(None) } else { number(column, field).map(Some) };
    Ok(EpochRecord {
        epoch: epoch.parse().map_err(|_| wrong("epoch", epoch))?,
        loss: number("loss", loss)?,
        accuracy: number("accuracy", accuracy)?,
        validation_loss: optional("validation_loss", validation_loss)?,
        validation_accuracy: optional("validation_accuracy", validation_accuracy)?,
        learning_rate: number("learning_rate", learning_rate)?,
        seconds: number("seconds", seconds)?,
    })
}
