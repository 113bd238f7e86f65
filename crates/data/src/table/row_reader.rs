use super::cells::{Cell, CellKind, Cells, MISSING, UNSEEN};
use super::records::Record;
use super::{Missing, Place, TableProblem, Unseen};
use crate::Error;
use crate::dictionary::{Dictionary, Refused};
use crate::excerpt::excerpt;
use crate::number::number;
use std::path::Path;

/// Where the fields of a column go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Skipped,
    Target,
    /// To this column of the cells.
    Input(usize),
}

/// What a column of the cells is made of.
pub(super) enum Input {
    Number,
    Category(Dictionary, Unseen),
}

/// What becomes of a row with a missing value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnMissing {
    Refuse,
    Drop,
    Keep,
}

impl From<Missing> for OnMissing {
    fn from(missing: Missing) -> Self {
        match missing {
            Missing::Error => OnMissing::Refuse,
            Missing::DropRow => OnMissing::Drop,
            Missing::Mean | Missing::Median | Missing::MostFrequent => OnMissing::Keep,
        }
    }
}

/// Makes cells and labels of records.
pub(super) struct RowReader<'a> {
    pub(super) path: &'a Path,
    /// The names of the file's columns.
    pub(super) names: Option<&'a [String]>,
    /// One for each column of the file.
    pub(super) slots: Vec<Slot>,
    pub(super) inputs: Vec<Input>,
    pub(super) target: Dictionary,
    pub(super) markers: &'a [String],
    /// Whether one of the markers is a number.
    marked_by_number: bool,
    pub(super) on_missing: OnMissing,
    /// One for each input.
    row: Vec<Cell>,
    pub(super) cells: Cells,
    pub(super) labels: Vec<usize>,
    pub(super) dropped: usize,
}

impl<'a> RowReader<'a> {
    pub(super) fn new(
        path: &'a Path,
        names: Option<&'a [String]>,
        slots: Vec<Slot>,
        inputs: Vec<Input>,
        target: Dictionary,
        (markers, on_missing): (&'a [String], OnMissing),
    ) -> Self {
        let kind = |input: &Input| match input {
            Input::Number => CellKind::Number,
            Input::Category(..) => CellKind::Category,
        };
        let cells = Cells::new(inputs.iter().map(kind).collect());
        let row = vec![Cell::Category(MISSING); inputs.len()];
        let (labels, dropped) = (Vec::new(), 0);
        let marked_by_number =
            markers.iter().any(|marker| number(marker.as_bytes()).is_some_and(f32::is_finite));
        RowReader {
            path,
            names,
            slots,
            inputs,
            target,
            markers,
            marked_by_number,
            on_missing,
            row,
            cells,
            labels,
            dropped,
        }
    }

    /// Takes a row up, unless it is dropped.
    pub(super) fn push(&mut self, record: Record) -> Result<(), Error> {
        if record.len() != self.slots.len() {
            let (line, expected, found) = (record.line, self.slots.len(), record.len());
            return Err(self.error(TableProblem::Width { line, expected, found }));
        }
        // Before anything of the row is kept.
        let missing = |column: &usize| {
            self.slots[*column] != Slot::Skipped && is_missing(record.field(*column), self.markers)
        };
        if self.on_missing == OnMissing::Drop && (0..record.len()).any(|column| missing(&column)) {
            self.dropped += 1;
            return Ok(());
        }
        for column in 0..record.len() {
            let field = record.field(column);
            match self.slots[column] {
                Slot::Skipped => {}
                Slot::Target if is_missing(field, self.markers) => {
                    return Err(self.missing(record, column));
                }
                Slot::Target => {
                    let code = self.target.code(field);
                    let code = code.map_err(|refused| self.refused_label(refused, record, column))?;
                    self.labels.push(code as usize);
                }
                Slot::Input(input) => self.row[input] = self.cell(input, record, column)?,
            }
        }
        self.cells.push(&self.row);
        Ok(())
    }

    fn cell(&mut self, input: usize, record: Record, column: usize) -> Result<Cell, Error> {
        let field = record.field(column);
        // Most fields are numbers, and seldom is a number a marker.
        if !self.marked_by_number
            && matches!(self.inputs[input], Input::Number)
            && let Some(number) = number(field).filter(|number| number.is_finite())
        {
            return Ok(Cell::Number(number));
        }
        let missing = is_missing(field, self.markers);
        if missing && self.on_missing == OnMissing::Refuse {
            return Err(self.missing(record, column));
        }
        match &mut self.inputs[input] {
            Input::Number if missing => Ok(Cell::Number(f32::NAN)),
            Input::Number => {
                let (place, found) = (|| self.place(record, column), || excerpt(field));
                let number = number(field)
                    .ok_or_else(|| self.error(TableProblem::NotANumber { place: place(), found: found() }))?;
                if !number.is_finite() {
                    return Err(self.error(TableProblem::NotFinite { place: place(), found: found() }));
                }
                Ok(Cell::Number(number))
            }
            Input::Category(..) if missing => Ok(Cell::Category(MISSING)),
            Input::Category(dictionary, unseen) => match dictionary.code(field) {
                Ok(code) => Ok(Cell::Category(code)),
                Err(Refused::Unknown) if *unseen == Unseen::Zeros => Ok(Cell::Category(UNSEEN)),
                Err(refused) => Err(self.refused_category(refused, record, column)),
            },
        }
    }

    fn missing(&self, record: Record, column: usize) -> Error {
        let place = self.place(record, column);
        self.error(TableProblem::Missing { place, found: excerpt(record.field(column)) })
    }

    fn refused_category(&self, refused: Refused, record: Record, column: usize) -> Error {
        let (place, found) = (self.place(record, column), excerpt(record.field(column)));
        self.error(match refused {
            Refused::NotUtf8 => TableProblem::NotUtf8 { place, found },
            Refused::Full { most } => TableProblem::ManyCategories { place, found, most },
            Refused::Unknown => TableProblem::UnseenCategory { place, found },
        })
    }

    fn refused_label(&self, refused: Refused, record: Record, column: usize) -> Error {
        let (place, found) = (self.place(record, column), excerpt(record.field(column)));
        self.error(match refused {
            Refused::NotUtf8 => TableProblem::NotUtf8 { place, found },
            Refused::Full { most } => TableProblem::ManyClasses { place, found, most },
            Refused::Unknown => TableProblem::UnseenLabel { place, found, classes: self.target.len() },
        })
    }

    fn place(&self, record: Record, column: usize) -> Place {
        let name = self.names.map(|names| names[column].clone());
        Place { line: record.line_of(column), unit: record.unit, column: column + 1, name }
    }

    fn error(&self, problem: TableProblem) -> Error {
        Error::Table { path: self.path.into(), problem }
    }
}

/// Whether a field is one of the markers, in any case.
pub(super) fn is_missing(field: &[u8], markers: &[String]) -> bool {
    markers.iter().any(|marker| field.eq_ignore_ascii_case(marker.as_bytes()))
}
