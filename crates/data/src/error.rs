use crate::{ArrayProblem, EncoderProblem, TableProblem};
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a data set could not be made, read or cut: the file or argument, what was expected and what was found.
///
/// What is wrong with an array or a setting in memory is a [`chainrule_core::Error`] inside [`Error::Core`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Rows, labels, numbers or a setting that no data set can have.
    #[error(transparent)]
    Core(#[from] chainrule_core::Error),

    /// The bytes do not make whole rows.
    #[error("inputs: {bytes} bytes do not make whole rows, expected a multiple of {width}")]
    PartialRow {
        /// Number of bytes given.
        bytes: usize,
        /// Bytes in a row.
        width: usize,
    },

    /// There is not a single class.
    #[error("class names: there are none, expected at least one")]
    NoClassNames,

    /// The image shape has another number of pixels than a row has columns.
    #[error("image shape: {rows}×{columns} pixels do not make a row, expected {width} pixels")]
    ImageShape {
        /// Rows of the image.
        rows: usize,
        /// Columns of the image.
        columns: usize,
        /// Columns of the inputs.
        width: usize,
    },

    /// A generator was asked for more points than memory can hold.
    #[error(
        "samples_per_class: {samples_per_class} samples for each of {classes} classes do not fit in memory"
    )]
    TooManyPoints {
        /// Samples asked for in each class.
        samples_per_class: usize,
        /// Number of classes asked for.
        classes: usize,
    },

    /// A generator was asked for more samples than memory can hold.
    #[error("samples: {samples} do not fit in memory")]
    TooManySamples {
        /// Samples asked for.
        samples: usize,
    },

    /// A split would leave the test part without rows. (Of every class it leaves one in the training part.)
    #[error(
        "test_fraction: {test_fraction} of {rows} rows leaves the test part empty, expected at least one row"
    )]
    EmptyTestPart {
        /// The fraction asked for.
        test_fraction: f64,
        /// Rows that there were to split.
        rows: usize,
    },

    /// A split would leave the validation part without rows.
    #[error(
        "validation_fraction: {validation_fraction} of {rows} rows leaves the validation part empty, expected at least \
         one row"
    )]
    EmptyValidationPart {
        /// The fraction asked for.
        validation_fraction: f64,
        /// Rows that there were to split.
        rows: usize,
    },

    /// Cross-validation was asked for with too few or too many folds.
    #[error("folds: {folds} of {rows} rows, expected 2 to {rows}")]
    Folds {
        /// Number of folds asked for.
        folds: usize,
        /// Rows that there were to deal.
        rows: usize,
    },

    /// The operating system could not open or read a file.
    #[error("{}: the file could not be read", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// A gzip file is corrupt: cut off, altered, or followed by something else.
    #[error("{}: the gzip data are corrupt or cut off", .path.display())]
    Gzip {
        /// The file.
        path: PathBuf,
        /// What the decompressor said.
        source: io::Error,
    },

    /// A file is not in the IDX format.
    #[error("{}: not an IDX file: it begins with {found:02x?}, expected two zero bytes", .path.display())]
    NotIdx {
        /// The file.
        path: PathBuf,
        /// Its first two bytes, after decompression.
        found: [u8; 2],
    },

    /// An IDX file holds other numbers than unsigned bytes.
    #[error("{}: the IDX type code is 0x{found:02x}, expected 0x08 (unsigned bytes)", .path.display())]
    IdxType {
        /// The file.
        path: PathBuf,
        /// The type code found.
        found: u8,
    },

    /// An IDX file has too few or too many dimensions.
    #[error("{}: the IDX header announces {found} dimensions, expected 1 to 4", .path.display())]
    IdxDimensions {
        /// The file.
        path: PathBuf,
        /// Number of dimensions found.
        found: u8,
    },

    /// An IDX header announces more data than the file can hold, even if it is compressed as far as gzip can.
    #[error(
        "{}: the IDX header announces {expected} bytes, expected at most {most}, which is what the file can hold",
        .path.display()
    )]
    IdxTooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes announced, header included.
        expected: u128,
        /// The most that a file of this length can hold.
        most: u64,
    },

    /// An IDX file ends too early.
    #[error("{}: the IDX data are cut off: expected {expected} bytes, found {found}", .path.display())]
    IdxTruncated {
        /// The file.
        path: PathBuf,
        /// Bytes that the header, as far as it goes, announces; itself included, after decompression.
        expected: u128,
        /// Bytes that there are, after decompression.
        found: u64,
    },

    /// An IDX file goes on after its last element.
    #[error("{}: the IDX data go on too long: expected {expected} bytes, found more", .path.display())]
    IdxTrailing {
        /// The file.
        path: PathBuf,
        /// Bytes that the header announces, itself included, after decompression.
        expected: u128,
    },

    /// The directory of Fashion-MNIST does not exist or is something else.
    #[error(
        "{}: there is no such directory; install Debian's package dataset-fashion-mnist, or name the directory that \
         holds the four files of Fashion-MNIST",
        .path.display()
    )]
    NoDirectory {
        /// The directory asked for.
        path: PathBuf,
    },

    /// One of the four files of Fashion-MNIST is missing.
    #[error(
        "{}: there is no such file, with or without .gz; install Debian's package dataset-fashion-mnist, or name the \
         directory that holds the four files of Fashion-MNIST",
        .path.display()
    )]
    NoFile {
        /// The file looked for.
        path: PathBuf,
    },

    /// An IDX file has another shape than its role needs.
    #[error("{}: the IDX shape is {found:?}, expected {expected}", .path.display())]
    IdxShape {
        /// The file.
        path: PathBuf,
        /// The shape needed, in words.
        expected: &'static str,
        /// The shape found.
        found: Vec<usize>,
    },

    /// A file of labels has another number of labels than the file of images beside it has images.
    #[error("{}: expected {expected} labels, one for each image, found {found}", .path.display())]
    LabelCount {
        /// The file of labels.
        path: PathBuf,
        /// Number of images.
        expected: usize,
        /// Number of labels.
        found: usize,
    },

    /// A label in a file is not smaller than the number of classes.
    #[error("{}: the label of row {row} is {label}, expected 0 to {}", .path.display(), .classes - 1)]
    Label {
        /// The file of labels.
        path: PathBuf,
        /// Row of the label, from 0.
        row: usize,
        /// The label found.
        label: usize,
        /// Number of classes.
        classes: usize,
    },

    /// The test images have another shape than the training images.
    #[error(
        "{}: the images have {}×{} pixels, expected {}×{} as in the training part",
        .path.display(), .found.0, .found.1, .expected.0, .expected.1
    )]
    OtherImageShape {
        /// The file of test images.
        path: PathBuf,
        /// (rows, columns) of the training images.
        expected: (usize, usize),
        /// (rows, columns) of the test images.
        found: (usize, usize),
    },

    /// Something is wrong with a table, or with what was asked of it.
    #[error("{}{problem}", .path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: TableProblem,
    },

    /// Something is no encoder of a table.
    #[error(transparent)]
    Encoder(#[from] EncoderProblem),

    /// Something is wrong with an array in a file, or with what was asked of it.
    #[error("{}{}{problem}", .path.display(), .name.iter().map(|name| format!(", array {name:?}")).collect::<String>())]
    Array {
        /// The file.
        path: PathBuf,
        /// The name of the array in the file, if it has one.
        name: Option<String>,
        /// What is wrong.
        problem: ArrayProblem,
    },
}
