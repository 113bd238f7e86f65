use super::columns::{Columns, Role};
use super::records::Records;
use super::row_reader::{Input, RowReader, Slot};
use super::{Table, TableOptions, TableProblem};
use crate::dictionary::Dictionary;
use crate::{Error, class_names};
use std::path::Path;
use std::sync::Arc;

impl Table {
    /// Reads a table of text, plain or compressed by gzip. Spaces around a field do not count, nor do blank lines, nor a
    /// byte-order mark at the start.
    ///
    /// With the feature `parquet`, Parquet files are tables, too: of columns of numbers, texts (which are to be declared categorical),
    /// booleans (`True` and `False`) and times, of which a null is an empty field. A damaged one is an error, too, but memory
    /// is bounded only by what its pages announce.
    ///
    /// The file is read as a stream: memory is what is stored, and a constant. A file of more columns than 2²⁰, of a row
    /// of more than 64 MiB or a field of more than 1 MiB is refused.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Gzip`], and [`Error::Table`] with whatever is wrong and where.
    pub fn read(path: &Path, options: &TableOptions) -> Result<Table, Error> {
        let error = |problem| Error::Table { path: path.into(), problem };
        let markers = &options.missing_markers[..];
        let mut records = Records::open(path, options.delimiter)?;
        let first = records.next()?.ok_or_else(|| error(TableProblem::Empty))?;
        let mut columns = Columns::new(path, options, first)?;
        if options.text_is_categorical {
            columns.find_text(path, options)?;
        }

        let mut inputs = Vec::new();
        let mut slot = |role: &Role| match role {
            Role::Target => Slot::Target,
            Role::Ignored => Slot::Skipped,
            Role::Number => {
                inputs.push(Input::Number);
                Slot::Input(inputs.len() - 1)
            }
            Role::Category => {
                inputs.push(Input::Category(Dictionary::growing(options.max_categories), options.unseen));
                Slot::Input(inputs.len() - 1)
            }
        };
        let slots = columns.roles.iter().map(&mut slot).collect();
        let target = Dictionary::growing(options.max_classes);
        let names = columns.names.as_deref();
        let mut rows = RowReader::new(path, names, slots, inputs, target, (markers, options.missing.into()));
        if names.is_none() {
            rows.push(first)?;
        }
        while let Some(record) = records.next()? {
            rows.push(record)?;
        }
        if rows.labels.is_empty() {
            return Err(error(match rows.dropped {
                0 => TableProblem::HeaderOnly,
                dropped => TableProblem::AllDropped { dropped },
            }));
        }

        let RowReader { inputs, target, mut cells, mut labels, dropped, .. } = rows;
        let (class_names, class) = class_names::in_order(target.into_names());
        if let [label] = &class_names[..] {
            let column = columns.column(columns.target);
            return Err(error(TableProblem::OneClass { column, label: label.clone() }));
        }
        labels.iter_mut().for_each(|label| *label = class[*label]);
        labels.shrink_to_fit();
        cells.shrink();
        let categories = |input| match input {
            Input::Number => Vec::new(),
            Input::Category(dictionary, _) => dictionary.into_names(),
        };
        let categories = inputs.into_iter().map(categories).collect();
        let (path, options, cells) = (path.into(), options.clone(), Arc::new(cells));
        Ok(Table { path, options, columns, categories, cells, labels, class_names, dropped })
    }
}
