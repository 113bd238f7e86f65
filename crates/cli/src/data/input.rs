use super::arrays::{self, Kind};
use super::hints::with_model_hint;
use super::options::check_array;
use crate::model::Model;
use anyhow::{Result, ensure};
use chainrule_core::Rows;
use chainrule_data::read_array_rows;
use std::path::Path;

/// The rows of a file without labels, as the model takes them.
pub(crate) fn input_rows(path: &Path, array: Option<&str>, model: &Model) -> Result<Box<dyn Rows<f32>>> {
    check_array(path, array)?;
    if matches!(Kind::of(path), Kind::Table) {
        let rows = model.table_encoder()?.read_rows(path);
        return Ok(Box::new(rows.map_err(|error| with_model_hint(error, model))?));
    }
    let rows = read_array_rows(&arrays::inputs(path, array))?;
    let (expected, found) = (model.classifier.network().inputs(), rows.ncols());
    ensure!(found == expected, "{}: expected rows of {expected} columns, found {found}", path.display());
    Ok(Box::new(rows))
}
