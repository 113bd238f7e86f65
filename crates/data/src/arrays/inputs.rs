use super::ArrayProblem;
use super::element::Kind;
use super::raw::{Failure, RawArray};
use ndarray::{Array, Array2, IxDyn, ShapeBuilder};

/// Inputs as they were in a file.
pub(super) struct Inputs {
    pub(super) numbers: Numbers,
    pub(super) width: usize,
    /// (rows, columns), if the array has a shape of images.
    pub(super) image_shape: Option<(usize, usize)>,
}

/// Row by row.
pub(super) enum Numbers {
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

impl Inputs {
    /// An array of two or more dimensions, of which the first is that of the rows.
    pub(super) fn read(mut array: RawArray) -> Result<Self, Failure> {
        let element = array.element;
        if element.is_text() {
            return Err(ArrayProblem::TextInputs.into());
        }
        if array.shape.len() < 2 || array.shape.contains(&0) {
            let expected = "rows × columns, or rows × more dimensions, none of them 0";
            return Err(ArrayProblem::Shape { expected, found: array.shape }.into());
        }
        // Their product is that of the elements, of which there are not more than bytes in the file.
        array.elements()?;
        let shape: Vec<usize> = array.shape.iter().map(|&length| length as usize).collect();
        let width = shape[1..].iter().product();
        let order = array.columns_first.then_some(&shape[..]);
        let numbers = if element.is_byte() {
            let bool = element.kind == Kind::Bool;
            let bytes = array.read(|_, bytes| Ok(if bool { u8::from(bytes[0] != 0) } else { bytes[0] }))?;
            Numbers::Bytes(by_rows(bytes, order))
        } else {
            let floats = by_rows(array.read(|_, bytes| Ok(element.number(bytes)))?, order);
            if let Some(place) = floats.iter().position(|number| !number.is_finite()) {
                let (row, column, value) = (place / width, place % width, floats[place]);
                return Err(ArrayProblem::NotFinite { row, column, value }.into());
            }
            Numbers::Floats(floats)
        };
        let image_shape = match shape[1..] {
            [rows, columns] | [rows, columns, 1] | [1, rows, columns] => Some((rows, columns)),
            _ => None,
        };
        Ok(Inputs { numbers, width, image_shape })
    }

    /// (rows, width)
    pub(super) fn into_array(self) -> Array2<f32> {
        let floats: Vec<f32> = match self.numbers {
            Numbers::Bytes(bytes) => bytes.into_iter().map(f32::from).collect(),
            Numbers::Floats(floats) => floats,
        };
        let shape = (floats.len() / self.width, self.width);
        Array2::from_shape_vec(shape, floats).expect("whole rows were read")
    }
}

/// The elements by rows, if they are by columns of an array of this shape.
fn by_rows<T: Clone>(elements: Vec<T>, columns_first: Option<&[usize]>) -> Vec<T> {
    let Some(shape) = columns_first else { return elements };
    let array = Array::from_shape_vec(IxDyn(shape).f(), elements).expect("as many elements as the shape has");
    array.iter().cloned().collect()
}
