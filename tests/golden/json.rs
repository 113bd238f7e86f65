//! Numbers out of the JSON files.

use chainrule::core::Real;
use ndarray::Array2;
use serde_json::Value;

/// A file's text, read.
pub(crate) fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("the golden file is JSON")
}

/// The cases of a table.
pub(crate) fn cases<'a>(file: &'a Value, table: &str) -> &'a [Value] {
    file[table].as_array().expect("a table of cases")
}

pub(crate) fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap_or_else(|| panic!("a text {key} in {case}"))
}

pub(crate) fn number(case: &Value, key: &str) -> f64 {
    case[key].as_f64().unwrap_or_else(|| panic!("a number {key} in {case}"))
}

pub(crate) fn numbers(case: &Value, key: &str) -> Vec<f64> {
    matrix(&case[key]).into_iter().collect()
}

pub(crate) fn classes(value: &Value) -> Vec<usize> {
    matrix(value).into_iter().map(|label| label as usize).collect()
}

/// A list of rows, or a list of numbers as one row.
pub(crate) fn matrix(value: &Value) -> Array2<f64> {
    let list = value.as_array().expect("a list");
    let rows = if list[0].is_array() { &list[..] } else { std::slice::from_ref(value) };
    let rows = rows.iter().map(|row| row.as_array().expect("a row"));
    let width = rows.clone().next().map_or(0, Vec::len);
    let shape = (rows.len(), width);
    let numbers = rows.flatten().map(|number| number.as_f64().expect("a number"));
    Array2::from_shape_vec(shape, numbers.collect()).expect("rows of one width")
}

/// Each number as the nearest of `F`.
pub(crate) fn rounded<F: Real>(numbers: &Array2<f64>) -> Array2<F> {
    numbers.mapv(F::of)
}

/// Contents that show up as an infinite error wherever nothing is written.
pub(crate) fn unset<F: Real>(rows: usize, columns: usize) -> Array2<F> {
    Array2::from_elem((rows, columns), F::nan())
}
