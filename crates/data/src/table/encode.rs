use super::cells::{Cell, CellKind, UNSEEN};
use super::encoded_rows::{EncodedRows, Plan, PlannedColumn};
use super::encoder::{EncodedKind, Encoder};
use super::fit::word;
use super::{Table, TableProblem, Unseen};
use crate::{DataSet, Description, Error};
use chainrule_core::Scaling;
use std::collections::HashMap;
use std::sync::Arc;

impl Table {
    /// The rows `rows`, in that order, as inputs with labels. They share the table's memory.
    ///
    /// The [scaling](DataSet::scaling) is the identity; what scales the columns is learnt from the training part.
    ///
    /// # Errors
    /// As [`Error::Table`]: [`TableProblem::UnseenCategoryInRow`], unless such categories are to be zeros, and
    /// [`TableProblem::OtherTable`] if the encoder was fitted to a table of other columns. As [`Error::Core`]: `Empty` without
    /// rows, `RowOutOfRange`.
    pub fn encode(&self, encoder: &Encoder, rows: &[usize]) -> Result<DataSet, Error> {
        self.check_rows(rows)?;
        let plan = self.plan(encoder)?;
        self.check_seen(encoder, &plan, rows)?;
        let inputs = EncodedRows::new(Arc::clone(&self.cells), Some(rows.into()), plan);
        let labels = rows.iter().map(|&row| self.labels[row]).collect();
        let description = Description {
            name: self.name(),
            class_names: self.class_names.clone(),
            scaling: Scaling::IDENTITY,
            image_shape: None,
        };
        DataSet::from_encoded(description, inputs, labels)
    }

    /// How the cells of this table become the inputs of `encoder`.
    fn plan(&self, encoder: &Encoder) -> Result<Plan, Error> {
        let other =
            |expected: String, found: String| Err(self.error(TableProblem::OtherTable { expected, found }));
        let (expected, found) = (encoder.parts.missing, self.options.missing);
        if expected != found {
            return other(format!("missing: {expected:?}"), format!("missing: {found:?}"));
        }
        let (expected, found) = (encoder.inputs().count(), self.categories.len());
        if expected != found {
            return other(format!("{expected} columns"), format!("{found}"));
        }
        let mut columns = Vec::with_capacity(found);
        for (input, (place, (_, column))) in self.columns.inputs().zip(encoder.inputs()).enumerate() {
            let found = self.cells.kinds()[input];
            let (expected, planned) = match &column.kind {
                EncodedKind::Categories { names, fill, .. } => {
                    (CellKind::Category, plan_categories(names, *fill, &self.categories[input]))
                }
                EncodedKind::Number { fill } => (CellKind::Number, plan_number(*fill)),
                EncodedKind::Target | EncodedKind::Ignored => continue,
            };
            let name = self.columns.names.as_ref().map_or(&column.name, |names| &names[place]);
            if (expected, &column.name) != (found, name) {
                return other(
                    format!("{} of {}", column.name, word(expected)),
                    format!("{name} of {}", word(found)),
                );
            }
            columns.push(planned);
        }
        Ok(Plan { columns, width: encoder.width() })
    }

    /// That no category of `rows` is new, where one must not be.
    fn check_seen(&self, encoder: &Encoder, plan: &Plan, rows: &[usize]) -> Result<(), Error> {
        for (input, ((_, column), plan)) in encoder.inputs().zip(&plan.columns).enumerate() {
            let PlannedColumn::Categories { inputs, .. } = plan else { continue };
            let strict = matches!(column.kind, EncodedKind::Categories { unseen: Unseen::Error, .. });
            if !strict || !inputs.contains(&UNSEEN) {
                continue;
            }
            for &row in rows {
                let Cell::Category(code) = self.cells.get(row, input) else { continue };
                if inputs.get(code as usize) == Some(&UNSEEN) {
                    let place = self.columns.inputs().nth(input).unwrap_or_default();
                    let column = self.columns.column(place);
                    let found = self.categories[input][code as usize].clone();
                    return Err(self.error(TableProblem::UnseenCategoryInRow { row, column, found }));
                }
            }
        }
        Ok(())
    }
}

/// For a column of numbers; without a fill none is missing.
pub(super) fn plan_number(fill: Option<f32>) -> PlannedColumn {
    PlannedColumn::Number { fill: fill.unwrap_or_default() }
}

/// For a column whose codes mean `codes` and whose inputs are `names`.
pub(super) fn plan_categories(names: &[String], fill: Option<usize>, codes: &[String]) -> PlannedColumn {
    let inputs: HashMap<&String, u32> = names.iter().zip(0..).collect();
    let inputs = codes.iter().map(|name| inputs.get(name).copied().unwrap_or(UNSEEN)).collect();
    let fill = fill.and_then(|fill| u32::try_from(fill).ok()).unwrap_or(UNSEEN);
    PlannedColumn::Categories { inputs, fill, width: names.len() }
}
