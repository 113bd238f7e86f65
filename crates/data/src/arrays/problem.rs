use thiserror::Error;

/// What is wrong with an array in a file, or with what was asked of it. Its text follows the path of the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArrayProblem {
    /// The file is of no known format.
    #[error(": neither NPY, NPZ, IDX nor safetensors, expected one of them; it begins with {found:02x?}")]
    Format {
        /// Its first bytes.
        found: Vec<u8>,
    },

    /// A format has versions, and this is none of them.
    #[error(": NPY version {major}.{minor}, expected 1.0, 2.0 or 3.0")]
    Version {
        /// The major version found.
        major: u8,
        /// The minor version found.
        minor: u8,
    },

    /// A header is not what it should be.
    #[error(": the header cannot be read, expected {expected}, found {found:?}")]
    Header {
        /// What should have come.
        expected: &'static str,
        /// What came, shortened.
        found: String,
    },

    /// A header is longer than any should be.
    #[error(": the header is {found} bytes long, expected at most {most}")]
    LongHeader {
        /// Bytes announced.
        found: u64,
        /// Bytes that are read.
        most: u64,
    },

    /// The elements are of a kind that is not read.
    #[error(": the elements are {found:?}, expected numbers, booleans or text")]
    Element {
        /// The format's name of their kind.
        found: String,
    },

    /// The file ends too early.
    #[error(": the data are cut off: expected {expected} bytes, found {found}")]
    Truncated {
        /// Bytes of the elements, or of the header where it is cut off.
        expected: u128,
        /// Bytes that there are.
        found: u64,
    },

    /// The file goes on after its last element.
    #[error(": the data go on too long: expected {expected} bytes, found more")]
    Trailing {
        /// Bytes of the elements, as the header announces them.
        expected: u128,
    },

    /// The header announces more than the file can hold, even if it is compressed as far as deflate can.
    #[error(
        ": the header announces {expected} bytes, expected at most {most}, which is what the file can hold"
    )]
    TooLarge {
        /// Bytes of the elements.
        expected: u128,
        /// The most that there can be.
        most: u64,
    },

    /// The file is not a ZIP archive that can be read.
    #[error(": the ZIP archive cannot be read: {0}")]
    Zip(zip::result::ZipError),

    /// The file is not in the format of safetensors.
    #[error(": the header of safetensors cannot be read: {0}")]
    Safetensors(serde_json::Error),

    /// There is no array of that name.
    #[error(": there is no array {name:?}, expected {}", one_of(.names))]
    NoName {
        /// The name asked for.
        name: String,
        /// The names of the arrays.
        names: Vec<String>,
    },

    /// There are several arrays, and it was not said which.
    #[error(": there are {} arrays, expected the name of {}", .names.len(), one_of(.names))]
    WhichArray {
        /// The names of the arrays.
        names: Vec<String>,
    },

    /// The file is one array without a name, but one was asked for by name.
    #[error(": the file is one array without a name, found the name {name:?}")]
    Unnamed {
        /// The name asked for.
        name: String,
    },

    /// An array has another shape than its role needs.
    #[error(": the shape is {found:?}, expected {expected}")]
    Shape {
        /// The shape needed, in words.
        expected: &'static str,
        /// The shape found.
        found: Vec<u64>,
    },

    /// Inputs are texts.
    #[error(": the inputs are texts, expected numbers")]
    TextInputs,

    /// An input is NaN, infinite, or beyond the range of `f32`.
    #[error(": row {row}, column {column} holds {value}, expected a finite number")]
    NotFinite {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The value as an `f32`.
        value: f32,
    },

    /// A label is NaN or infinite.
    #[error(": the label of row {row} is {value}, expected a finite number")]
    LabelNotFinite {
        /// Row, from 0.
        row: usize,
        /// The label.
        value: f64,
    },

    /// A label is no text.
    #[error(": the label of row {row} is not Unicode text")]
    LabelNotText {
        /// Row, from 0.
        row: usize,
    },

    /// A label is a text of no characters.
    #[error(": the label of row {row} is empty, expected at least one character")]
    LabelEmpty {
        /// Row, from 0.
        row: usize,
    },

    /// There is another number of labels than of inputs.
    #[error(": expected {expected} labels, one for each row of the inputs, found {found}")]
    LabelCount {
        /// Rows of the inputs.
        expected: usize,
        /// Number of labels.
        found: usize,
    },

    /// There are more classes than a classifier is likely meant to have.
    #[error(
        ": the label {found:?} of row {row} would be class {}, expected at most {most}; are these the labels?", .most + 1
    )]
    ManyClasses {
        /// Row, from 0.
        row: usize,
        /// The label.
        found: String,
        /// Most classes.
        most: usize,
    },

    /// All labels are the same.
    #[error(": every label is {label:?}, expected at least two classes")]
    OneClass {
        /// The only label.
        label: String,
    },

    /// A label is not the name of a class.
    #[error(": the label {found:?} of row {row} is not one of the {classes} classes")]
    UnseenLabel {
        /// Row, from 0.
        row: usize,
        /// The label.
        found: String,
        /// Number of classes.
        classes: usize,
    },
}

/// The first names of a list.
fn one_of(names: &[String]) -> String {
    const MOST: usize = 8;
    match names {
        [] => "one of none".into(),
        names if names.len() > MOST => format!("one of {}, …", names[..MOST].join(", ")),
        names => format!("one of {}", names.join(", ")),
    }
}
