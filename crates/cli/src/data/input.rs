use super::arrays::{self, Kind};
use super::hints::with_hint;
use crate::model::Model;
use anyhow::{Result, ensure};
use chainrule_core::Rows;
use chainrule_data::{read_array_rows, read_csv_rows};
use std::path::Path;

/// The rows of a file without labels, as the model takes them.
pub(crate) fn input_rows(path: &Path, array: Option<&str>, model: &Model) -> Result<Box<dyn Rows<f32>>> {
    let inputs = model.classifier.network().inputs();
    if !matches!(Kind::of(path), Kind::Table) {
        let rows = read_array_rows(&arrays::inputs(path, array))?;
        let found = rows.ncols();
        ensure!(found == inputs, "{}: expected rows of {inputs} columns, found {found}", path.display());
        return Ok(Box::new(rows));
    }
    Ok(match &model.encoder {
        Some(encoder) => Box::new(encoder.read_rows(path).map_err(with_hint)?),
        None => Box::new(read_csv_rows(path, Some(inputs))?),
    })
}
