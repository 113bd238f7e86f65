use crate::model::Model;
use anyhow::Result;
use chainrule_core::Rows;
use chainrule_data::read_csv_rows;
use std::path::Path;

/// The rows of a file without labels, as the model takes them.
pub(crate) fn input_rows(path: &Path, model: &Model) -> Result<Box<dyn Rows<f32>>> {
    Ok(match &model.encoder {
        Some(encoder) => Box::new(encoder.read_rows(path)?),
        None => Box::new(read_csv_rows(path, Some(model.classifier.network().inputs()))?),
    })
}
