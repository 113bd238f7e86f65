use serde::{Deserialize, Serialize};
use std::fmt;

/// How a table in a text file is read.
///
/// ```
/// use chainrule_data::{Column, Missing, TableOptions};
/// let options = TableOptions {
///     target: Column::Name("species".into()),
///     missing: Missing::Median,
///     ..TableOptions::default()
/// };
/// assert_eq!(options.missing_markers, ["", "NA", "NaN", "?"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TableOptions {
    /// The column of the labels; by default the last.
    pub target: Column,
    /// What stands between two fields.
    pub delimiter: Delimiter,
    /// Whether the first line holds the columns' names.
    pub header: Header,
    /// Columns that are not numbers but categories: one input for each of their values, 1 where the row has it.
    pub categorical: Vec<Column>,
    /// Whether a column in which a field is not a number is categorical, too. Off by default: then such a field is an
    /// error that names its line. On, the file is read twice.
    pub text_is_categorical: bool,
    /// Columns to leave out, such as an identifier.
    pub ignored: Vec<Column>,
    /// Fields that stand for a missing value, whatever their case.
    pub missing_markers: Vec<String>,
    /// What becomes of missing values.
    pub missing: Missing,
    /// What becomes of a category that was not among the rows that the [`Encoder`](crate::Encoder) was fitted to.
    pub unseen: Unseen,
    /// Most categories of a column; by default 1,000.
    pub max_categories: usize,
    /// Most classes; by default 10,000. A column with more labels is rarely meant as one of classes.
    pub max_classes: usize,
}

impl Default for TableOptions {
    fn default() -> Self {
        TableOptions {
            target: Column::Last,
            delimiter: Delimiter::default(),
            header: Header::default(),
            categorical: Vec::new(),
            text_is_categorical: false,
            ignored: Vec::new(),
            missing_markers: ["", "NA", "NaN", "?"].map(String::from).into(),
            missing: Missing::default(),
            unseen: Unseen::default(),
            max_categories: 1_000,
            max_classes: 10_000,
        }
    }
}

/// A column, by what the user calls it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Column {
    /// The name in the header.
    Name(String),
    /// The number, from 1 on the left.
    Number(usize),
    /// The last column.
    Last,
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Column::Name(name) => write!(f, "column {name:?}"),
            Column::Number(number) => write!(f, "column {number}"),
            Column::Last => f.write_str("the last column"),
        }
    }
}

/// What stands between two fields of a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delimiter {
    /// A tab in a file whose name ends in `.tsv` or `.tab` (also followed by `.gz`), a comma in any other.
    #[default]
    ByExtension,
    /// The one of comma, semicolon, tab and bar that cuts the first lines (up to ten) in the most fields, as many in each; if
    /// none does, as `ByExtension`.
    Sniffed,
    /// This ASCII character.
    Byte(u8),
}

/// Whether the first line of a table holds the names of the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Header {
    /// It does if no field of it is a number or a marker of a missing value (other than an empty field), or if the
    /// options name a column.
    #[default]
    Auto,
    /// It does.
    Yes,
    /// It is the first row.
    No,
}

/// What becomes of missing values. Of what fills them, each is a function of the rows that the
/// [`Encoder`](crate::Encoder) was fitted to. A missing label is never filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// They are errors.
    #[default]
    Error,
    /// The row is left out, also if the label is missing. A row to predict cannot be left out: there they are errors.
    DropRow,
    /// The mean of the column; of a categorical column, its most frequent category.
    Mean,
    /// The median of the column; of a categorical column, its most frequent category.
    Median,
    /// The most frequent value of the column; of several, the smallest.
    MostFrequent,
}

impl Missing {
    /// Whether missing values are filled.
    pub(crate) fn fills(self) -> bool {
        matches!(self, Missing::Mean | Missing::Median | Missing::MostFrequent)
    }
}

/// What becomes of a category that an encoder does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unseen {
    /// It is an error.
    #[default]
    Error,
    /// All inputs of the column are 0.
    Zeros,
}

/// Whether a byte can be a delimiter.
pub(super) fn is_delimiter(byte: u8) -> bool {
    byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0)
}
