use super::columns::by_number;
use super::options::is_delimiter;
use super::{Delimiter, Header, Missing, TableOptions, Unseen};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::HashSet;
use thiserror::Error;

/// How the rows of a table become inputs: which columns there are, what fills missing values, and which categories a
/// column has. It is fitted to the training rows ([`Table::fit_encoder`](crate::Table::fit_encoder)) and serves all
/// others, also of other files.
///
/// A number is an input; a column of categories is as many inputs, in the order of [`EncodedKind::Categories`], of which one is 1
/// and the others are 0. The inputs are in the order of the columns.
///
/// It can be serialised; what is deserialised is checked as if it came from a stranger.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Encoder {
    pub(super) parts: Parts,
    width: usize,
}

/// What is serialised of an encoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Parts {
    pub(super) delimiter: Delimiter,
    pub(super) header: Header,
    /// Whether the names of the columns are those of a header.
    pub(super) named: bool,
    pub(super) missing_markers: Vec<String>,
    pub(super) missing: Missing,
    pub(super) columns: Vec<EncodedColumn>,
}

/// A column of the file that an encoder was fitted to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodedColumn {
    /// Its name in the header, or `"column 3"`.
    pub name: String,
    /// What becomes of it.
    pub kind: EncodedKind,
}

/// What becomes of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum EncodedKind {
    /// It holds the labels.
    Target,
    /// Nothing.
    Ignored,
    /// One input.
    Number {
        /// What stands for a missing value, if anything does.
        fill: Option<f32>,
    },
    /// An input for each category.
    Categories {
        /// The categories, in the order of the inputs.
        names: Vec<String>,
        /// What becomes of any other.
        unseen: Unseen,
        /// The category, as an index into `names`, that stands for a missing value, if any does.
        fill: Option<usize>,
    },
}

/// Why something is no encoder.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum EncoderProblem {
    /// The columns have another number of targets.
    #[error("encoder: {found} columns are the target, expected one")]
    Targets {
        /// How many are.
        found: usize,
    },

    /// No column is an input.
    #[error("encoder: no column is an input, expected at least one")]
    NoInputs,

    /// Two columns have one name.
    #[error("encoder: two columns are called {name:?}, expected different names")]
    TwoOfOneName {
        /// The name.
        name: String,
    },

    /// A column has no category, or one twice.
    #[error("encoder: the categories of column {name:?} are none, or one of them is there twice")]
    Categories {
        /// The column.
        name: String,
    },

    /// A column has a fill where missing values are not filled, none where they are, or one that it cannot have.
    #[error("encoder: what fills missing values of column {name:?} does not fit the column")]
    Fill {
        /// The column.
        name: String,
    },

    /// The delimiter cannot be one.
    #[error(
        "encoder: the delimiter is byte {found}, expected an ASCII character other than a quote or a line's end"
    )]
    Delimiter {
        /// The byte.
        found: u8,
    },
}

impl Encoder {
    /// The encoder of a table of `width` columns of numbers, and of labels in the last column, if it is there: for a network that was
    /// not trained on a table.
    ///
    /// Columns are found by their places; a header is passed over. Missing values are errors.
    ///
    /// # Errors
    /// [`EncoderProblem::NoInputs`] if `width` is 0.
    ///
    /// ```
    /// use chainrule_data::Encoder;
    /// let dir = tempfile::tempdir()?;
    /// let path = dir.path().join("rows.csv");
    /// std::fs::write(&path, "length,width\n1.5,2\n3,4e-1\n")?;
    ///
    /// let rows = Encoder::of_numbers(2)?.read_rows(&path)?;
    /// assert_eq!((rows.len(), rows.width()), (2, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of_numbers(width: usize) -> Result<Self, EncoderProblem> {
        let column = |place, kind| EncodedColumn { name: by_number(place), kind };
        let numbers = (0..width).map(|place| column(place, EncodedKind::Number { fill: None }));
        let columns = numbers.chain([column(width, EncodedKind::Target)]).collect();
        let TableOptions { delimiter, header, missing_markers, missing, .. } = TableOptions::default();
        Parts { delimiter, header, named: false, missing_markers, missing, columns }.try_into()
    }

    /// Number of inputs.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The columns of the file that the encoder was fitted to, from the left.
    pub fn columns(&self) -> &[EncodedColumn] {
        &self.parts.columns
    }

    /// The name of the target column.
    pub fn target(&self) -> &str {
        let target = self.parts.columns.iter().find(|column| column.kind == EncodedKind::Target);
        target.map_or("", |column| &column.name)
    }

    /// The name of each input: the column's, and for a category `"column=category"`.
    pub fn input_names(&self) -> Vec<String> {
        let mut inputs = Vec::with_capacity(self.width);
        for EncodedColumn { name, kind } in &self.parts.columns {
            match kind {
                EncodedKind::Target | EncodedKind::Ignored => {}
                EncodedKind::Number { .. } => inputs.push(name.clone()),
                EncodedKind::Categories { names, .. } => {
                    inputs.extend(names.iter().map(|category| format!("{name}={category}")));
                }
            }
        }
        inputs
    }

    /// What becomes of missing values.
    pub fn missing(&self) -> Missing {
        self.parts.missing
    }

    /// The columns that are inputs, with their places in the file.
    pub(super) fn inputs(&self) -> impl Iterator<Item = (usize, &EncodedColumn)> {
        self.parts.columns.iter().enumerate().filter(|(_, column)| column.kind.width() > 0)
    }
}

impl EncodedKind {
    /// Number of inputs.
    fn width(&self) -> usize {
        match self {
            EncodedKind::Target | EncodedKind::Ignored => 0,
            EncodedKind::Number { .. } => 1,
            EncodedKind::Categories { names, .. } => names.len(),
        }
    }
}

impl TryFrom<Parts> for Encoder {
    type Error = EncoderProblem;

    fn try_from(parts: Parts) -> Result<Self, EncoderProblem> {
        if let Delimiter::Byte(found) = parts.delimiter
            && !is_delimiter(found)
        {
            return Err(EncoderProblem::Delimiter { found });
        }
        let targets = parts.columns.iter().filter(|column| column.kind == EncodedKind::Target).count();
        if targets != 1 {
            return Err(EncoderProblem::Targets { found: targets });
        }
        let mut names = HashSet::new();
        for EncodedColumn { name, kind } in &parts.columns {
            if *kind != EncodedKind::Ignored && !names.insert(name) {
                return Err(EncoderProblem::TwoOfOneName { name: name.clone() });
            }
            let fits = |present: bool, fits: bool| {
                let error = || EncoderProblem::Fill { name: name.clone() };
                if present == parts.missing.fills() && fits { Ok(()) } else { Err(error()) }
            };
            match kind {
                EncodedKind::Target | EncodedKind::Ignored => {}
                EncodedKind::Number { fill } => {
                    fits(fill.is_some(), fill.is_none_or(f32::is_finite))?;
                }
                EncodedKind::Categories { names, fill, .. } => {
                    let different: HashSet<&String> = names.iter().collect();
                    if names.is_empty() || different.len() < names.len() {
                        return Err(EncoderProblem::Categories { name: name.clone() });
                    }
                    fits(fill.is_some(), fill.is_none_or(|fill| fill < names.len()))?;
                }
            }
        }
        // Each category is a text in memory: the sum is far from the largest number.
        let width = parts.columns.iter().map(|column| column.kind.width()).sum();
        if width == 0 {
            return Err(EncoderProblem::NoInputs);
        }
        Ok(Encoder { parts, width })
    }
}

impl Serialize for Encoder {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.parts.serialize(serializer)
    }
}
