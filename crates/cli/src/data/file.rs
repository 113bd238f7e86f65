use super::Parts;
use super::arrays::Kind;
use super::hints::with_training_hint;
use super::parts::cut;
use crate::args::{ColumnName, DataArgs, DelimiterName, HeaderName, MissingName, UnseenName};
use anyhow::{Result, ensure};
use chainrule_data::{Delimiter, Header, Missing, Table, TableOptions, Unseen, read_arrays, split};
use std::path::Path;

/// The parts of a file's rows.
pub(super) fn parts(args: &DataArgs, path: &Path, validation_fraction: f64, seed: u64) -> Result<Parts> {
    if !matches!(Kind::of(path), Kind::Table) {
        return array_parts(args, path, validation_fraction, seed);
    }
    let table = Table::read(path, &args.table_options()).map_err(with_training_hint)?;
    let (rows, classes) = (table.len(), table.class_names().len());
    ensure!(
        classes <= rows / 2,
        "{}: the target, {}, has {classes} different labels in {rows} rows; is it a number to predict? A classifier wants \
         several rows of each class; choose another --target",
        path.display(),
        table.target()
    );
    let test_fraction = if args.test_data.is_some() { 0.0 } else { args.test_fraction };
    let rows = split(table.labels(), table.class_names().len(), validation_fraction, test_fraction, seed)?;
    let encoder = table.fit_encoder(&rows.train)?;
    let part = |rows: &[usize]| {
        (!rows.is_empty()).then(|| table.encode(&encoder, rows).map_err(with_training_hint)).transpose()
    };
    Ok(Parts {
        train: table.encode(&encoder, &rows.train)?,
        validation: part(&rows.validation)?,
        test: match &args.test_data {
            Some(path) => Some(encoder.read_labelled(path, table.class_names()).map_err(with_training_hint)?),
            None => part(&rows.test)?,
        },
        image_shape: None,
        encoder: Some(encoder),
    })
}

/// The parts of the rows of an array.
fn array_parts(args: &DataArgs, path: &Path, validation_fraction: f64, seed: u64) -> Result<Parts> {
    ensure!(
        args.arrays.labels.is_some() || matches!(Kind::of(path), Kind::Archive),
        "--data {}: the labels of such a file are in another; name it by --labels",
        path.display()
    );
    let (inputs, labels) = args.arrays.sources(path);
    cut(&read_arrays(&inputs, &labels)?, validation_fraction, args.test_fraction, seed)
}

impl DataArgs {
    fn table_options(&self) -> TableOptions {
        let columns = |names: &[ColumnName]| names.iter().map(|name| name.0.clone()).collect();
        let defaults = TableOptions::default();
        TableOptions {
            target: self.target.0.clone(),
            delimiter: match self.delimiter {
                None => Delimiter::ByExtension,
                Some(DelimiterName::Sniff) => Delimiter::Sniffed,
                Some(DelimiterName::Byte(byte)) => Delimiter::Byte(byte),
            },
            header: match self.header {
                HeaderName::Auto => Header::Auto,
                HeaderName::Yes => Header::Yes,
                HeaderName::No => Header::No,
            },
            categorical: columns(&self.categorical),
            text_is_categorical: self.text_is_categorical,
            ignored: columns(&self.ignore),
            missing_markers: match &self.missing_markers {
                None => defaults.missing_markers,
                Some(markers) => std::iter::once(String::new()).chain(markers.iter().cloned()).collect(),
            },
            missing: match self.missing {
                MissingName::Error => Missing::Error,
                MissingName::DropRow => Missing::DropRow,
                MissingName::Mean => Missing::Mean,
                MissingName::Median => Missing::Median,
                MissingName::MostFrequent => Missing::MostFrequent,
            },
            unseen: match self.unseen {
                UnseenName::Error => Unseen::Error,
                UnseenName::Zeros => Unseen::Zeros,
            },
            ..defaults
        }
    }
}
