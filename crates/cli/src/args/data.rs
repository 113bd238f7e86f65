use super::values::{ColumnName, DataSource, DelimiterName, ImageShape, data_source, share};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Where rows come from, how they are read, and how they are cut.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[command(next_help_heading = "Data")]
pub(crate) struct DataArgs {
    /// digits, fashion-mnist or spiral, or a file: .csv, .tsv, .npy, .npz, .safetensors, IDX; .gz as well; .parquet in a build with that feature
    #[arg(long, value_name = "NAME|FILE", value_parser = data_source(), default_value = "digits")]
    pub(crate) data: DataSource,

    /// Directory of the four files of Fashion-MNIST [default: where Debian's package puts them]
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) data_dir: Option<PathBuf>,

    /// A file with the test rows, instead of a share of --data
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) test_data: Option<PathBuf>,

    #[command(flatten)]
    #[serde(default)]
    pub(crate) arrays: ArrayArgs,

    /// Column of the labels: its name, its number from 1, or `last`
    #[arg(long, value_name = "COLUMN", default_value = "last")]
    pub(crate) target: ColumnName,

    /// Columns of categories, which become an input for each category
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) categorical: Vec<ColumnName>,

    /// Take every column with text in it for one of categories; without this, text is an error
    #[arg(long)]
    #[serde(skip_serializing_if = "is_false", default)]
    pub(crate) text_is_categorical: bool,

    /// Columns to leave out, such as an identifier
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) ignore: Vec<ColumnName>,

    /// What becomes of missing values; what fills them is found from the training rows
    #[arg(long, value_enum, value_name = "POLICY", default_value = "error")]
    pub(crate) missing: MissingName,

    /// Fields that stand for a missing value, besides an empty one [default: NA, NaN, ?]
    #[arg(long, value_name = "TEXTS", value_delimiter = ',')]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) missing_markers: Option<Vec<String>>,

    /// What becomes of a category that the training rows did not have
    #[arg(long, value_enum, value_name = "POLICY", default_value = "error")]
    pub(crate) unseen: UnseenName,

    /// comma, semicolon, tab, space, bar or a character; `sniff` looks at the file
    /// [default: tab for .tsv, comma otherwise]
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delimiter: Option<DelimiterName>,

    /// Whether the first line of a table names the columns
    #[arg(long, value_enum, value_name = "ANSWER", default_value = "auto")]
    pub(crate) header: HeaderName,

    /// Rows and columns of the image that a row is, if it is one: the report then shows pictures
    #[arg(long, value_name = "ROWSxCOLUMNS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<ImageShape>,

    /// Share of each class that is kept for the test, where the data have no test part of their own
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.2, allow_negative_numbers = true)]
    pub(crate) test_fraction: f64,

    /// Share of each class that tells when to stop [default: 0.1 with --patience or --calibrate, else 0]
    #[arg(long, value_name = "SHARE", value_parser = share, allow_negative_numbers = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) validation_fraction: Option<f64>,
}

impl DataArgs {
    /// The files that rows are read from, each with its option.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let files = [
            ("--data", self.data.file()),
            ("--test-data", self.test_data.as_deref()),
            ("--labels", self.arrays.labels.as_deref()),
        ];
        files.into_iter().filter_map(|(option, path)| Some((option, path?)))
    }
}

/// Where inputs and labels are in files of arrays.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct ArrayArgs {
    /// A file with the labels of an .npy or IDX file
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) labels: Option<PathBuf>,

    /// Name of the inputs in an .npz or .safetensors file [default: x]
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) array: Option<String>,

    /// Name of the labels in an .npz or .safetensors file [default: y]
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label_array: Option<String>,
}

pub(super) fn is_false(flag: &bool) -> bool {
    !flag
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MissingName {
    /// They are errors
    Error,
    /// The row is left out
    DropRow,
    /// The column's mean; its most frequent category
    Mean,
    /// The column's median; its most frequent category
    Median,
    /// The column's most frequent value
    MostFrequent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UnseenName {
    /// It is an error
    Error,
    /// All inputs of its column are 0
    Zeros,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HeaderName {
    /// It does if no field of it is a number
    Auto,
    /// It does
    Yes,
    /// It is a row
    No,
}
