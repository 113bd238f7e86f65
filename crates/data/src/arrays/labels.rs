use super::ArrayProblem;
use super::element::NoLabel;
use super::raw::{Failure, RawArray};
use crate::dictionary::{Dictionary, Refused};
use crate::excerpt::excerpt;
use std::collections::HashMap;

/// The numbers of the labels in `dictionary`: an array of one dimension, or of a single column.
pub(super) fn read(mut array: RawArray, dictionary: &mut Dictionary) -> Result<Vec<usize>, Failure> {
    let (&rows, rest) = array.shape.split_first().unwrap_or((&0, &[]));
    if rows == 0 || !matches!(rest, [] | [1]) {
        let expected = "one dimension of labels, of at least one";
        return Err(ArrayProblem::Shape { expected, found: array.shape }.into());
    }
    let element = array.element;
    // Labels that were seen before, as they stand in the file.
    let mut known: HashMap<Vec<u8>, usize> = HashMap::new();
    array.read(|row, bytes| {
        if let Some(&code) = known.get(bytes) {
            return Ok(code);
        }
        let label = element.label(bytes).map_err(|reason| match reason {
            NoLabel::NotFinite(value) => ArrayProblem::LabelNotFinite { row, value },
            NoLabel::NotText => ArrayProblem::LabelNotText { row },
        })?;
        if label.is_empty() {
            return Err(ArrayProblem::LabelEmpty { row }.into());
        }
        let code = dictionary.code(label.as_bytes()).map_err(|refused| {
            let found = excerpt(label.as_bytes());
            match refused {
                Refused::NotUtf8 => ArrayProblem::LabelNotText { row },
                Refused::Full { most } => ArrayProblem::ManyClasses { row, found, most },
                Refused::Unknown => ArrayProblem::UnseenLabel { row, found, classes: dictionary.len() },
            }
        })?;
        known.insert(bytes.into(), code as usize);
        Ok(code as usize)
    })
}
