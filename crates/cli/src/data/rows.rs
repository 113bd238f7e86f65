use super::arrays::Kind;
use super::hints::with_model_hint;
use super::parts::{Parts, built_in_set, cut};
use crate::args::{DataArgs, DataSource, RowsArgs};
use crate::model::{DATA_SHA256, Model};
use anyhow::{Context, Result, bail, ensure};
use chainrule_data::{DataSet, read_arrays_labelled};
use std::path::Path;

/// Share of a built-in set that is its test part, where it has none of its own and the model's settings say nothing else.
const TEST_FRACTION: f64 = 0.2;

/// Rows to try a model on.
pub(crate) struct LabelledRows {
    pub(crate) set: DataSet,
    /// What they are, as "digits, test part".
    pub(crate) title: String,
    /// (rows, columns) of the image that a row is, if it is one.
    pub(crate) image_shape: Option<(usize, usize)>,
}

impl RowsArgs {
    /// The rows that the options name; without a name the test part of the model's training.
    pub(crate) fn load(&self, model: &Model) -> Result<LabelledRows> {
        self.check_options(model)?;
        let rows = match &self.data {
            None => self.test_part(model)?,
            Some(DataSource::File(path)) => {
                let set = self.file_rows(path, model)?;
                LabelledRows { image_shape: set.image_shape(), set, title: path.display().to_string() }
            }
            Some(name) => self.built_in(name, model)?,
        };
        check(&rows, model)?;
        // As in training, --image goes before what the rows say.
        Ok(LabelledRows { image_shape: model.image_shape().or(rows.image_shape), ..rows })
    }

    /// The test part of a set by its name.
    fn built_in(&self, name: &DataSource, model: &Model) -> Result<LabelledRows> {
        let seed = self.seed.or(model.config.as_ref().map(|config| config.training.seed)).unwrap_or(0);
        let config = model.config.as_ref().filter(|config| config.data.data == *name);
        let test_fraction = config.map_or(TEST_FRACTION, |config| config.data.test_fraction);
        let (set, test) = built_in_set(name, self.data_dir.as_deref(), seed)?;
        let test = match test {
            Some(test) => test,
            None => cut(&set, 0.0, test_fraction, seed)?.test.context("the test part is empty")?,
        };
        Ok(LabelledRows { image_shape: test.image_shape(), set: test, title: format!("{name}, test part") })
    }

    fn test_part(&self, model: &Model) -> Result<LabelledRows> {
        let Some(config) = &model.config else {
            bail!(
                "{}: the model does not say what it was trained on; name rows by --data",
                model.path.display()
            );
        };
        let mut data = config.data.clone();
        if self.data_dir.is_some() {
            data.data_dir.clone_from(&self.data_dir);
        }
        check_unchanged(&data, model)?;
        let seed = config.training.seed;
        let validation = data.validation_fraction.unwrap_or(0.0);
        let title = match &data.test_data {
            Some(file) => file.display().to_string(),
            None => format!("{}, test part", data.data),
        };
        let Parts { test, image_shape, .. } = data.load(validation, seed)?;
        let test = test.with_context(|| {
            format!(
                "{}: the model was trained without a test part; name rows by --data",
                model.path.display()
            )
        })?;
        Ok(LabelledRows { set: test, title, image_shape })
    }

    /// All rows of a file, in the classes of the model.
    fn file_rows(&self, path: &Path, model: &Model) -> Result<DataSet> {
        let class_names = model.classifier.class_names();
        if !matches!(Kind::of(path), Kind::Table) {
            let (inputs, labels) = self.arrays.sources(path);
            return Ok(read_arrays_labelled(&inputs, &labels, class_names)?);
        }
        let rows = model.table_encoder()?.read_labelled(path, class_names);
        rows.map_err(|error| with_model_hint(error, model))
    }
}

/// Makes sure that the files of a training can be read once more, and hold what they held.
fn check_unchanged(data: &DataArgs, model: &Model) -> Result<()> {
    let path = model.path.display();
    let files: Vec<String> = data.files().map(|(_, file)| file.display().to_string()).collect();
    let Some(expected) = model.classifier.metadata(DATA_SHA256) else {
        ensure!(
            files.is_empty(),
            "{path}: {} was no file that can be read again, so the model's test part is not known; name rows by --data",
            files.join(" or ")
        );
        return Ok(());
    };
    let found = data.digest().with_context(|| {
        format!("{path}: the model was trained on {}; name other rows by --data", files.join(" and "))
    })?;
    ensure!(
        found.as_deref() == Some(expected),
        "{path}: {} is no longer what the model was trained on, so its test part is not known; name rows by --data",
        files.join(" or ")
    );
    Ok(())
}

/// Makes sure that the model takes such rows and knows their classes.
fn check(LabelledRows { set, title, .. }: &LabelledRows, model: &Model) -> Result<()> {
    let (width, classes) = (model.classifier.network().inputs(), model.classifier.class_names());
    let (path, found) = (model.path.display(), set.class_names());
    ensure!(
        (width, classes.len()) == (set.width(), found.len()),
        "{path}: the model takes rows of {width} columns and knows {} classes, but {title} has {} columns and {} classes; \
         choose the --data that it was trained on",
        classes.len(),
        set.width(),
        found.len()
    );
    match classes.iter().zip(found).find(|(class, found)| class != found) {
        Some((class, found)) => {
            bail!("{path}: {title} has the class {found:?} where the model has {class:?}")
        }
        None => Ok(()),
    }
}
