use super::Column;
use std::fmt;
use thiserror::Error;

/// Where in a table a field stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Line of the file, from 1, where a field goes over several, its first; or row, from 1.
    pub line: u64,
    /// Which of the two it is.
    pub unit: Unit,
    /// Column, from 1.
    pub column: usize,
    /// Name of the column, if the file has a header.
    pub name: Option<String>,
}

/// What is counted in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Lines, also those of the header and blank ones: in text.
    Line,
    /// Rows: in a Parquet file.
    Row,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let unit = match self.unit {
            Unit::Line => "line",
            Unit::Row => "row",
        };
        write!(f, "{unit} {}, column {}", self.line, self.column)?;
        self.name.iter().try_for_each(|name| write!(f, " ({name})"))
    }
}

/// What is wrong with a table, or with what was asked of it. Its text follows the path of the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TableProblem {
    /// There is nothing in the file but blank lines.
    #[error(": the file is empty, expected rows of data")]
    Empty,

    /// There is a header, and nothing below it.
    #[error(": there are no rows below the header, expected at least one")]
    HeaderOnly,

    /// Every row has a missing value, so all were dropped.
    #[error(
        ": each of the {dropped} rows has a missing value and was left out, expected at least one without"
    )]
    AllDropped {
        /// Number of rows.
        dropped: usize,
    },

    /// The text is UTF-16.
    #[error(": the text is UTF-16, expected UTF-8; save the file as UTF-8")]
    Utf16,

    /// A field that is needed as text is not UTF-8.
    #[error(", {place}: the text is not UTF-8, found {found:?}")]
    NotUtf8 {
        /// The field.
        place: Place,
        /// The text, shortened if it is long, with � for what is not UTF-8.
        found: String,
    },

    /// A quote is opened and not closed.
    #[error(", line {line}, column {column}: the quote that opens here is never closed")]
    OpenQuote {
        /// Line of the field, from 1.
        line: u64,
        /// Column, from 1.
        column: usize,
    },

    /// A field is longer than any field should be: most likely a quote is opened and not closed.
    #[error(
        ", line {line}, column {column}: the field is longer than {most} bytes; is a quote opened and not closed?"
    )]
    LongField {
        /// Line of the field, from 1.
        line: u64,
        /// Column, from 1.
        column: usize,
        /// Bytes of the longest field that is read.
        most: usize,
    },

    /// A row has more columns than are read.
    #[error(", line {line}: there are more than {most} columns, expected at most as many")]
    ManyColumns {
        /// Line, from 1.
        line: u64,
        /// Most columns that are read.
        most: usize,
    },

    /// A row is longer than is read.
    #[error(", line {line}: the row is longer than {most} bytes, expected at most as many")]
    LongRow {
        /// Line, from 1.
        line: u64,
        /// Most bytes of a row that are read.
        most: usize,
    },

    /// A row has another number of fields than the first.
    #[error(", line {line}: expected {expected} columns, found {found}")]
    Width {
        /// Line, from 1.
        line: u64,
        /// Columns of the first row.
        expected: usize,
        /// Columns of this row.
        found: usize,
    },

    /// A file without a header has another number of columns than the one that the encoder was fitted to.
    #[error(
        ", line {line}: expected {expected} columns, or {} without the target, found {found}",
        .expected - 1
    )]
    OtherWidth {
        /// Line, from 1.
        line: u64,
        /// Columns of the file that the encoder was fitted to.
        expected: usize,
        /// Columns of this file.
        found: usize,
    },

    /// A field of a column of numbers is something else.
    #[error(", {place}: expected a number, found {found:?}")]
    NotANumber {
        /// The field.
        place: Place,
        /// What it holds, shortened if it is long.
        found: String,
    },

    /// A number is NaN, infinite, or beyond the range of `f32`.
    #[error(", {place}: expected a finite number, found {found:?}")]
    NotFinite {
        /// The field.
        place: Place,
        /// What it holds, shortened if it is long.
        found: String,
    },

    /// A value is missing, and it was not said what becomes of it.
    #[error(", {place}: the value is missing (found {found:?}), expected one")]
    Missing {
        /// The field.
        place: Place,
        /// The marker that it holds.
        found: String,
    },

    /// There is no such column.
    #[error(": there is no {column}, expected one of the {} columns{}", .names.len(), listed(.names))]
    NoColumn {
        /// What was asked for.
        column: Column,
        /// The names of the columns; of a file without a header, their numbers.
        names: Vec<String>,
    },

    /// A column is asked for by name in a file without a header.
    #[error(": {column} is asked for by name, but the file is read without a header; expected its number")]
    NoHeader {
        /// What was asked for.
        column: Column,
    },

    /// Two columns have one name.
    #[error(", line {line}: columns {first} and {second} are both called {name:?}, expected different names")]
    TwoOfOneName {
        /// Line of the header, from 1.
        line: u64,
        /// The name.
        name: String,
        /// The first of them, from 1.
        first: usize,
        /// The second, from 1.
        second: usize,
    },

    /// A column is asked for as two things at a time.
    #[error(": {column} is asked for as {first} and as {second}, expected one of them")]
    TwoRoles {
        /// The column.
        column: Column,
        /// `"target"`, `"categorical"` or `"ignored"`.
        first: &'static str,
        /// The other.
        second: &'static str,
    },

    /// Without the target and what is ignored, no column is left.
    #[error(": there is no column besides the target, expected at least one to learn from")]
    NoInputs,

    /// A categorical column has more categories than were allowed.
    #[error(
        ", {place}: {found:?} would be category {} of the column, expected at most {most}; ignore the column, or allow more",
        .most + 1
    )]
    ManyCategories {
        /// The field with one too many.
        place: Place,
        /// The category.
        found: String,
        /// Most that were allowed.
        most: usize,
    },

    /// The target has more classes than were allowed.
    #[error(
        ", {place}: {found:?} would be class {} of the target, expected at most {most}; is this the column of the labels?",
        .most + 1
    )]
    ManyClasses {
        /// The field with one too many.
        place: Place,
        /// The label.
        found: String,
        /// Most that were allowed.
        most: usize,
    },

    /// All labels are the same.
    #[error(": the target {column} is {label:?} in every row, expected at least two classes")]
    OneClass {
        /// The target.
        column: Column,
        /// The only label.
        label: String,
    },

    /// A label is not the name of a class.
    #[error(", {place}: the label {found:?} is not one of the {classes} classes")]
    UnseenLabel {
        /// The field.
        place: Place,
        /// The label.
        found: String,
        /// Number of classes.
        classes: usize,
    },

    /// A category was not among the rows that the encoder was fitted to.
    #[error(", {place}: the category {found:?} was not among the training rows")]
    UnseenCategory {
        /// The field.
        place: Place,
        /// The category.
        found: String,
    },

    /// A category was not among the rows that the encoder was fitted to.
    #[error(
        ", row {} of the data, {column}: the category {found:?} was not among the training rows", .row + 1
    )]
    UnseenCategoryInRow {
        /// Row of the table, from 0.
        row: usize,
        /// The column.
        column: Column,
        /// The category.
        found: String,
    },

    /// A column has no value in the rows that an encoder is fitted to.
    #[error(": {column} has no value in the training rows, expected at least one; ignore the column")]
    NoValue {
        /// The column.
        column: Column,
    },

    /// The table was not read as the one that the encoder was fitted to.
    #[error(": the encoder was fitted to a table with other columns, expected {expected}, found {found}")]
    OtherTable {
        /// A column of the encoder and its kind, or their number.
        expected: String,
        /// The table's.
        found: String,
    },

    /// It is a Parquet file, and the feature `parquet` is off.
    #[error(
        ": a Parquet file, which only a build with the feature `parquet` reads; expected text (CSV, TSV)"
    )]
    NoParquet,

    /// A Parquet file is corrupt, cut off, or compressed in a way that was not built in.
    #[error(": the Parquet file cannot be read: {0}")]
    Parquet(String),

    /// A column of a Parquet file holds lists or groups of values.
    #[error(": column {name:?} is nested, expected one value in each row")]
    Nested {
        /// The column.
        name: String,
    },

    /// What is to be read twice can be read only once.
    #[error(": text columns can be found only in a regular file; name the categorical columns")]
    NotAFile,

    /// A Parquet file, of which the end is read first, comes from a pipe.
    #[error(": a Parquet file can be read only from a regular file")]
    ParquetNotAFile,

    /// The delimiter cannot be one.
    #[error(": the delimiter is {found:?}, expected an ASCII character other than a quote or a line's end")]
    Delimiter {
        /// The character asked for.
        found: char,
    },
}

/// The first names of a list.
fn listed(names: &[String]) -> String {
    const MOST: usize = 8;
    let more = if names.len() > MOST { ", …" } else { "" };
    format!(": {}{more}", names[..names.len().min(MOST)].join(", "))
}
