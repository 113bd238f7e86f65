use super::file;
use crate::args::{DataArgs, DataSource};
use anyhow::{Result, ensure};
use chainrule_data::{DataSet, Encoder, FASHION_MNIST_DIR, digits, fashion_mnist, spiral, split};
use std::path::Path;

const SPIRAL_CLASSES: usize = 3;
const SPIRAL_SAMPLES_PER_CLASS: usize = 200;

/// The rows of a training, cut.
pub(crate) struct Parts {
    pub(crate) train: DataSet,
    pub(crate) validation: Option<DataSet>,
    pub(crate) test: Option<DataSet>,
    /// How rows of the same kind of table become inputs.
    pub(crate) encoder: Option<Encoder>,
    /// (rows, columns) of the image that a row is, if it is one.
    pub(crate) image_shape: Option<(usize, usize)>,
}

impl DataArgs {
    /// Reads or makes the rows; `seed` cuts them.
    pub(crate) fn load(&self, validation_fraction: f64, seed: u64) -> Result<Parts> {
        let parts = match &self.data {
            DataSource::File(path) => file::parts(self, path, validation_fraction, seed)?,
            built_in => {
                let (train, test) = built_in_set(built_in, self.data_dir.as_deref(), seed)?;
                match test {
                    Some(test) => Parts { test: Some(test), ..cut(&train, validation_fraction, 0.0, seed)? },
                    None => cut(&train, validation_fraction, self.test_fraction, seed)?,
                }
            }
        };
        let image_shape = self.image.map(|image| (image.0, image.1)).or(parts.image_shape);
        if let Some((rows, columns)) = image_shape {
            ensure!(
                rows.checked_mul(columns) == Some(parts.train.width()),
                "--image {rows}x{columns}: that is not the number of columns, {}",
                parts.train.width()
            );
        }
        Ok(Parts { image_shape, ..parts })
    }
}

/// A set by its name, with its own test part, if it has one.
pub(super) fn built_in_set(
    source: &DataSource,
    directory: Option<&Path>,
    seed: u64,
) -> Result<(DataSet, Option<DataSet>)> {
    Ok(match source {
        DataSource::FashionMnist => {
            let (train, test) = fashion_mnist(directory.unwrap_or(Path::new(FASHION_MNIST_DIR)))?;
            (train, Some(test))
        }
        DataSource::Spiral => (spiral(SPIRAL_SAMPLES_PER_CLASS, SPIRAL_CLASSES, seed)?, None),
        _ => (digits(), None),
    })
}

/// A set in three parts, each class by the same fractions.
pub(super) fn cut(set: &DataSet, validation_fraction: f64, test_fraction: f64, seed: u64) -> Result<Parts> {
    let rows = split(set.labels(), set.class_names().len(), validation_fraction, test_fraction, seed)?;
    let part = |rows: &[usize]| (!rows.is_empty()).then(|| set.select(rows)).transpose();
    Ok(Parts {
        train: set.select(&rows.train)?,
        validation: part(&rows.validation)?,
        test: part(&rows.test)?,
        encoder: None,
        image_shape: set.image_shape(),
    })
}
