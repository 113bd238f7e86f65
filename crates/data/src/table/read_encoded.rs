use super::columns::{check_unique, could_be_header, names};
use super::encode::{plan_categories, plan_number};
use super::encoded_rows::{EncodedRows, Plan};
use super::encoder::{EncodedKind, Encoder};
use super::records::{Record, Records};
use super::row_reader::{Input, OnMissing, RowReader, Slot};
use super::{Column, Header, TableProblem, Unit};
use crate::dictionary::Dictionary;
use crate::file::short_name;
use crate::{DataSet, Description, Error};
use chainrule_core::Scaling;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

impl Encoder {
    /// Reads the rows of another file, to predict: where there is a header, by the names of the columns, which may stand in
    /// any order and beside others; else by their places. The target column may be there or not, and is not looked at.
    ///
    /// Whether the first line is a header is decided as for the table that the encoder was fitted to; it is one, too, if it
    /// holds the names of all inputs. Where there was no header, it is one only if a column of numbers holds a text in it:
    /// a row of categories, with its numbers missing, looks like a header else.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Gzip`], and [`Error::Table`] with whatever is wrong and where; missing values are errors, unless
    /// they are filled.
    pub fn read_rows(&self, path: &Path) -> Result<EncodedRows, Error> {
        let on_missing = if self.parts.missing.fills() { OnMissing::Keep } else { OnMissing::Refuse };
        Ok(self.read(path, None, on_missing)?.0)
    }

    /// Reads the rows of another file with their labels, each of which must be one of `class_names`. Columns are found as by
    /// [`Encoder::read_rows`]. Rows with missing values are left out, if they were for the encoder's table.
    ///
    /// # Errors
    /// As [`Encoder::read_rows`]; [`TableProblem::NoColumn`] without the target column, [`TableProblem::UnseenLabel`].
    pub fn read_labelled(&self, path: &Path, class_names: &[String]) -> Result<DataSet, Error> {
        let (inputs, labels) = self.read(path, Some(class_names), self.parts.missing.into())?;
        let description = Description {
            name: short_name(path),
            class_names: class_names.into(),
            scaling: Scaling::IDENTITY,
            image_shape: None,
        };
        DataSet::from_encoded(description, inputs, labels)
    }

    /// The inputs, and the labels if there are class names.
    fn read(
        &self,
        path: &Path,
        class_names: Option<&[String]>,
        on_missing: OnMissing,
    ) -> Result<(EncodedRows, Vec<usize>), Error> {
        let error = |problem| Error::Table { path: path.into(), problem };
        let mut records = Records::open(path, self.parts.delimiter)?;
        let first = records.next()?.ok_or_else(|| error(TableProblem::Empty))?;
        let names = self.has_names(first).then(|| names(path, first)).transpose()?;
        let slots = match &names {
            Some(names) => self.slots_by_name(names, first.line, class_names.is_some()),
            None => self.slots_by_place(first, class_names.is_some()),
        };
        let slots = slots.map_err(error)?;

        let (mut inputs, mut columns) = (Vec::new(), Vec::new());
        for (_, column) in self.inputs() {
            match &column.kind {
                EncodedKind::Categories { names, unseen, fill } => {
                    inputs.push(Input::Category(Dictionary::fixed(names), *unseen));
                    columns.push(plan_categories(names, *fill, names));
                }
                EncodedKind::Number { fill } => {
                    inputs.push(Input::Number);
                    columns.push(plan_number(*fill));
                }
                EncodedKind::Target | EncodedKind::Ignored => {}
            }
        }
        let is_header = names.is_some() || self.is_nameless_header(first, &slots, &inputs);
        let target = Dictionary::fixed(class_names.unwrap_or_default());
        let missing = (&self.parts.missing_markers[..], on_missing);
        let mut rows = RowReader::new(path, names.as_deref(), slots, inputs, target, missing);
        if !is_header {
            rows.push(first)?;
        }
        while let Some(record) = records.next()? {
            rows.push(record)?;
        }
        let RowReader { mut cells, mut labels, dropped, .. } = rows;
        if cells.rows() == 0 {
            return Err(error(match dropped {
                0 => TableProblem::HeaderOnly,
                dropped => TableProblem::AllDropped { dropped },
            }));
        }
        cells.shrink();
        labels.shrink_to_fit();
        let plan = Plan { columns, width: self.width() };
        Ok((EncodedRows::new(Arc::new(cells), None, plan), labels))
    }

    /// Whether columns are found by the names in the first record.
    fn has_names(&self, first: Record) -> bool {
        let names_all =
            || self.inputs().all(|(_, column)| first.fields().any(|field| field == column.name.as_bytes()));
        self.parts.named
            && match self.parts.header {
                // The format has names.
                _ if first.unit == Unit::Row => true,
                Header::Yes => true,
                Header::No => false,
                Header::Auto => could_be_header(first, &self.parts.missing_markers) || names_all(),
            }
    }

    /// Whether the first record, in which columns are found by their places, is a header all the same.
    fn is_nameless_header(&self, first: Record, slots: &[Slot], inputs: &[Input]) -> bool {
        // Texts are no sign of a header where they may be categories.
        let is_text = |(slot, field): (&Slot, &[u8])| {
            !field.is_empty() && matches!(slot, Slot::Input(input) if matches!(inputs[*input], Input::Number))
        };
        match self.parts.header {
            _ if first.unit == Unit::Row => true,
            Header::Yes => true,
            Header::No => false,
            Header::Auto => {
                could_be_header(first, &self.parts.missing_markers)
                    && slots.iter().zip(first.fields()).any(is_text)
            }
        }
    }

    fn slots_by_name(&self, names: &[String], line: u64, labelled: bool) -> Result<Vec<Slot>, TableProblem> {
        let mut wanted = HashMap::new();
        for (input, (_, column)) in self.inputs().enumerate() {
            wanted.insert(&column.name[..], Slot::Input(input));
        }
        if labelled {
            wanted.insert(self.target(), Slot::Target);
        }
        let used = || (0..).zip(names).filter(|(_, name)| wanted.contains_key(&name[..]));
        check_unique(used(), line)?;
        if used().count() < wanted.len() {
            let inputs = self.inputs().map(|(_, column)| &column.name[..]);
            let target = labelled.then(|| self.target());
            let absent = inputs.chain(target).find(|&wanted| names.iter().all(|name| name != wanted));
            let column = Column::Name(absent.unwrap_or_default().into());
            return Err(TableProblem::NoColumn { column, names: names.into() });
        }
        Ok(names.iter().map(|name| wanted.get(&name[..]).copied().unwrap_or(Slot::Skipped)).collect())
    }

    fn slots_by_place(&self, first: Record, labelled: bool) -> Result<Vec<Slot>, TableProblem> {
        let columns = &self.parts.columns;
        let (line, expected, found) = (first.line, columns.len(), first.len());
        let has_target = found == expected;
        if !has_target && labelled {
            return Err(TableProblem::Width { line, expected, found });
        }
        if !has_target && found + 1 != expected {
            return Err(TableProblem::OtherWidth { line, expected, found });
        }
        let mut input = 0;
        let slots = columns.iter().filter(|column| has_target || column.kind != EncodedKind::Target);
        Ok(slots
            .map(|column| match column.kind {
                EncodedKind::Target if labelled => Slot::Target,
                EncodedKind::Target | EncodedKind::Ignored => Slot::Skipped,
                EncodedKind::Number { .. } | EncodedKind::Categories { .. } => {
                    input += 1;
                    Slot::Input(input - 1)
                }
            })
            .collect())
    }
}
