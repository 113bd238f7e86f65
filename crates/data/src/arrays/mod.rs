//! Arrays in files, of which one is the inputs and one the labels.

mod element;
mod idx;
mod inputs;
mod labels;
mod npy;
mod problem;
mod raw;
mod safetensors;
mod source;
#[cfg(test)]
mod tests;

pub use problem::ArrayProblem;
pub use source::ArraySource;

use crate::dictionary::Dictionary;
use crate::file::short_name;
use crate::{DataSet, Description, Error, class_names};
use chainrule_core::Scaling;
use inputs::{Inputs, Numbers};
use ndarray::Array2;

/// Most classes: a label of each row a number of its own is not meant as a class.
const MOST_CLASSES: usize = 10_000;

/// Reads inputs, (rows, columns) or images, and a label for each row. The arrays may be in one file or in two, of any format that
/// [`ArraySource`] names.
///
/// Labels are numbers or texts of any kind; the classes are the different ones, in the order of numbers or of code points,
/// like `numpy.unique`'s. Bytes stay bytes in memory; other numbers become `f32`. The [scaling](DataSet::scaling) of images
/// of bytes takes 0 to 255 to 0 to 1; of all else it is the identity.
///
/// The files need not be trusted: a header that announces more than its file can hold is refused before anything is read, and
/// memory grows with what arrives.
///
/// # Errors
/// [`Error::Io`], [`Error::Gzip`], and [`Error::Array`] with whatever is wrong.
///
/// ```
/// use chainrule_data::{ArraySource, read_arrays};
/// let dir = tempfile::tempdir()?;
/// let (inputs, labels) = (dir.path().join("x.idx"), dir.path().join("y.idx"));
/// std::fs::write(&inputs, [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6])?;
/// std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 2, 30, 20])?;
///
/// let set = read_arrays(&ArraySource::new(inputs), &ArraySource::new(labels))?;
/// assert_eq!((set.len(), set.width()), (2, 3));
/// assert_eq!((set.labels(), set.class_names()), (&[1, 0][..], &["20".to_string(), "30".to_string()][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_arrays(inputs: &ArraySource, labels: &ArraySource) -> Result<DataSet, Error> {
    let mut dictionary = Dictionary::growing(MOST_CLASSES);
    let mut codes = labels.with(|array| labels::read(array, &mut dictionary))?;
    let (class_names, class) = class_names::in_order(dictionary.into_names());
    if let [label] = &class_names[..] {
        return Err(labels.error(ArrayProblem::OneClass { label: label.clone() }));
    }
    codes.iter_mut().for_each(|code| *code = class[*code]);
    data_set(inputs, labels, codes, class_names)
}

/// Reads inputs and labels as [`read_arrays`] does, but each label must be one of `class_names`.
///
/// # Errors
/// As [`read_arrays`]; [`ArrayProblem::UnseenLabel`].
pub fn read_arrays_labelled(
    inputs: &ArraySource,
    labels: &ArraySource,
    class_names: &[String],
) -> Result<DataSet, Error> {
    let mut dictionary = Dictionary::fixed(class_names);
    let codes = labels.with(|array| labels::read(array, &mut dictionary))?;
    data_set(inputs, labels, codes, class_names.into())
}

/// Reads inputs without labels, to predict: (rows, columns).
///
/// # Errors
/// As [`read_arrays`].
pub fn read_array_rows(inputs: &ArraySource) -> Result<Array2<f32>, Error> {
    Ok(inputs.with(Inputs::read)?.into_array())
}

fn data_set(
    source: &ArraySource,
    label_source: &ArraySource,
    labels: Vec<usize>,
    class_names: Vec<String>,
) -> Result<DataSet, Error> {
    let inputs = source.with(Inputs::read)?;
    let (width, image_shape) = (inputs.width, inputs.image_shape);
    let bytes = matches!(inputs.numbers, Numbers::Bytes(_));
    let scaling =
        if bytes && image_shape.is_some() { Scaling::from_range(0.0, 255.0)? } else { Scaling::IDENTITY };
    let description = Description { name: short_name(&source.path), class_names, scaling, image_shape };
    let elements = match &inputs.numbers {
        Numbers::Bytes(bytes) => bytes.len(),
        Numbers::Floats(floats) => floats.len(),
    };
    let (expected, found) = (elements / width, labels.len());
    if expected != found {
        return Err(label_source.error(ArrayProblem::LabelCount { expected, found }));
    }
    match inputs.numbers {
        Numbers::Bytes(bytes) => DataSet::from_bytes(description, bytes, width, labels),
        Numbers::Floats(_) => DataSet::from_numbers(description, inputs.into_array(), labels),
    }
}

impl ArraySource {
    fn error(&self, problem: ArrayProblem) -> Error {
        Error::Array { path: self.path.clone(), name: self.name.clone(), problem }
    }
}
