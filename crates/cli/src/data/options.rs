//! Which options mean something for which data.

use super::arrays::Kind;
use crate::args::{Config, DataArgs, DataSource, RowsArgs};
use crate::model::Model;
use anyhow::{Result, bail};
use std::path::Path;
use toml::{Table, Value};

/// What an option needs, which is said to whom gives it without.
#[derive(Clone, Copy)]
enum Needs {
    /// Files that are looked for in a directory.
    Directory,
    /// A split by a seed.
    Split,
    /// A table, in text or Parquet.
    Table,
    /// Arrays, which have their labels elsewhere.
    Arrays,
    /// Inputs that are one of several arrays in a file.
    ArchivedInputs,
    /// Labels that are one of several arrays in a file.
    ArchivedLabels,
}

/// Options that do not mean something for all data, by their names in a file and on the command line.
const OPTIONS: [(&str, Needs); 15] = [
    ("data-dir", Needs::Directory),
    ("seed", Needs::Split),
    ("labels", Needs::Arrays),
    ("array", Needs::ArchivedInputs),
    ("label-array", Needs::ArchivedLabels),
    ("test-data", Needs::Table),
    ("target", Needs::Table),
    ("categorical", Needs::Table),
    ("text-is-categorical", Needs::Table),
    ("ignore", Needs::Table),
    ("missing", Needs::Table),
    ("missing-markers", Needs::Table),
    ("unseen", Needs::Table),
    ("delimiter", Needs::Table),
    ("header", Needs::Table),
];

impl Needs {
    fn has(self, data: &DataSource, labels: Option<&Path>) -> bool {
        let file = data.file();
        let is =
            |path: Option<&Path>, wanted: fn(Kind) -> bool| path.is_some_and(|path| wanted(Kind::of(path)));
        match self {
            Needs::Directory => *data == DataSource::FashionMnist,
            Needs::Split => matches!(data, DataSource::Digits | DataSource::Spiral),
            Needs::Table => is(file, |kind| matches!(kind, Kind::Table)),
            Needs::Arrays => is(file, |kind| !matches!(kind, Kind::Table)),
            Needs::ArchivedInputs => is(file, |kind| matches!(kind, Kind::Archive)),
            Needs::ArchivedLabels => {
                Needs::Arrays.has(data, None) && is(labels.or(file), |kind| matches!(kind, Kind::Archive))
            }
        }
    }

    fn title(self) -> &'static str {
        match self {
            Needs::Directory => "fashion-mnist",
            Needs::Split => "digits or spiral",
            Needs::Table => "a table (.csv, .tsv, …)",
            Needs::Arrays => "a file of arrays (.npy, .npz, .safetensors, IDX)",
            Needs::ArchivedInputs => "a file of several arrays (.npz, .safetensors)",
            Needs::ArchivedLabels => "labels in a file of several arrays (.npz, .safetensors)",
        }
    }
}

/// Makes sure that no option is given that means nothing for the data.
fn check(data: &DataSource, labels: Option<&Path>, is_given: impl Fn(&str) -> bool) -> Result<()> {
    match OPTIONS.iter().find(|(name, needs)| is_given(name) && !needs.has(data, labels)) {
        Some((name, needs)) => bail!("--{name}: it needs {}, and the data are {data}", needs.title()),
        None => Ok(()),
    }
}

impl DataArgs {
    /// Makes sure that nothing is set that means nothing for the data: on the command line or in a file, which may hold what is as it
    /// is by default.
    pub(crate) fn check_options(&self) -> Result<()> {
        let (settings, defaults) = (Table::try_from(self)?, Table::try_from(Config::default().data)?);
        check(&self.data, self.arrays.labels.as_deref(), |name| {
            setting(&settings, name) != setting(&defaults, name)
        })
    }
}

/// A setting of the data, or of the arrays in them.
fn setting<'a>(data: &'a Table, name: &str) -> Option<&'a Value> {
    let arrays = || data.get("arrays")?.get(name);
    data.get(name).or_else(arrays)
}

impl RowsArgs {
    /// Makes sure that no option is given that means nothing for the data: those that are named, or else those of the model's
    /// training.
    pub(super) fn check_options(&self, model: &Model) -> Result<()> {
        let is_given = |name: &str| match name {
            "data-dir" => self.data_dir.is_some(),
            "seed" => self.seed.is_some(),
            "labels" => self.arrays.labels.is_some(),
            "array" => self.arrays.array.is_some(),
            "label-array" => self.arrays.label_array.is_some(),
            _ => false,
        };
        if let Some(data) = &self.data {
            return check(data, self.arrays.labels.as_deref(), is_given);
        }
        let known = ["seed", "labels", "array", "label-array"];
        if let Some(name) = known.into_iter().find(|name| is_given(name)) {
            bail!("--{name}: the model knows its own; it is for data that --data names");
        }
        match &model.config {
            Some(config) => check(&config.data.data, None, is_given),
            None => Ok(()),
        }
    }
}

/// Makes sure that the name of an array is given only for a file of several.
pub(super) fn check_array(path: &Path, array: Option<&str>) -> Result<()> {
    check(&DataSource::File(path.into()), None, |name| name == "array" && array.is_some())
}
