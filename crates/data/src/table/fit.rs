use super::cells::{Cell, CellKind, MISSING};
use super::columns::{Role, by_number};
use super::encoder::{EncodedColumn, EncodedKind, Encoder, Parts};
use super::{Missing, Table, TableProblem};
use crate::{Error, class_names};
use chainrule_core::Error as CoreError;

impl Table {
    /// Learns from `rows`, the training rows, which categories there are (in the order of numbers, if all are numbers, else of
    /// their characters' code points) and what fills missing values. The other rows have no influence.
    ///
    /// # Errors
    /// [`TableProblem::NoValue`] for a column that is missing in all of `rows`, if it is to be filled or is categorical. As
    /// [`Error::Core`]: `Empty` without rows, `RowOutOfRange`.
    pub fn fit_encoder(&self, rows: &[usize]) -> Result<Encoder, Error> {
        self.check_rows(rows)?;
        let mut input = 0;
        let mut columns = Vec::with_capacity(self.columns.roles.len());
        for (place, role) in self.columns.roles.iter().enumerate() {
            let kind = match role {
                Role::Target => EncodedKind::Target,
                Role::Ignored => EncodedKind::Ignored,
                Role::Number => EncodedKind::Number { fill: self.fill(rows, place, input)? },
                Role::Category => self.fit_categories(rows, place, input)?,
            };
            input += usize::from(role.is_input());
            let names = self.columns.names.as_ref();
            let name = names.map_or_else(|| by_number(place), |names| names[place].clone());
            columns.push(EncodedColumn { name, kind });
        }
        let parts = Parts {
            delimiter: self.options.delimiter,
            header: self.options.header,
            named: self.columns.names.is_some(),
            missing_markers: self.options.missing_markers.clone(),
            missing: self.options.missing,
            columns,
        };
        Ok(Encoder::try_from(parts)?)
    }

    /// What fills the numbers that are missing in column `input` of the cells, column `place` of the file.
    fn fill(&self, rows: &[usize], place: usize, input: usize) -> Result<Option<f32>, Error> {
        let statistic = match self.options.missing {
            Missing::Error | Missing::DropRow => return Ok(None),
            Missing::Mean => mean,
            Missing::Median => median,
            Missing::MostFrequent => most_frequent,
        };
        let number = |&row: &usize| match self.cells.get(row, input) {
            Cell::Number(number) if !number.is_nan() => Some(number),
            _ => None,
        };
        let mut numbers: Vec<f32> = rows.iter().filter_map(number).collect();
        if numbers.is_empty() {
            return Err(self.error(TableProblem::NoValue { column: self.columns.column(place) }));
        }
        Ok(Some(statistic(&mut numbers)))
    }

    fn fit_categories(&self, rows: &[usize], place: usize, input: usize) -> Result<EncodedKind, Error> {
        let categories = &self.categories[input];
        let mut counts = vec![0_usize; categories.len()];
        for &row in rows {
            if let Cell::Category(code) = self.cells.get(row, input)
                && code != MISSING
            {
                counts[code as usize] += 1;
            }
        }
        let present: Vec<usize> = (0..counts.len()).filter(|&code| counts[code] > 0).collect();
        if present.is_empty() {
            return Err(self.error(TableProblem::NoValue { column: self.columns.column(place) }));
        }
        let (names, ranks) =
            class_names::in_order(present.iter().map(|&code| categories[code].clone()).collect());
        let fill = self.options.missing.fills().then(|| {
            // Of the most frequent the first in order.
            let ranked = present.iter().zip(ranks);
            ranked.max_by_key(|&(&code, rank)| (counts[code], usize::MAX - rank)).map_or(0, |(_, rank)| rank)
        });
        Ok(EncodedKind::Categories { names, unseen: self.options.unseen, fill })
    }

    /// As [`Error::Core`]: `Empty` without rows, `RowOutOfRange` for the first that is not there.
    pub(super) fn check_rows(&self, rows: &[usize]) -> Result<(), Error> {
        if rows.is_empty() {
            return Err(CoreError::Empty { place: "rows of the table" }.into());
        }
        match rows.iter().find(|&&row| row >= self.len()) {
            None => Ok(()),
            Some(&row) => Err(CoreError::RowOutOfRange { place: "table", row, rows: self.len() }.into()),
        }
    }

    pub(super) fn error(&self, problem: TableProblem) -> Error {
        Error::Table { path: self.path.clone(), problem }
    }
}

/// What `table` calls a kind of cells in an error.
pub(super) fn word(kind: CellKind) -> &'static str {
    match kind {
        CellKind::Number => "numbers",
        CellKind::Category => "categories",
    }
}

fn mean(numbers: &mut [f32]) -> f32 {
    let sum: f64 = numbers.iter().map(|&number| f64::from(number)).sum();
    (sum / numbers.len() as f64) as f32
}

/// Of an even number of numbers, the mean of the two in the middle.
fn median(numbers: &mut [f32]) -> f32 {
    let middle = numbers.len() / 2;
    let even = numbers.len().is_multiple_of(2);
    let (below, &mut upper, _) = numbers.select_nth_unstable_by(middle, f32::total_cmp);
    match below.iter().copied().max_by(f32::total_cmp) {
        Some(lower) if even => ((f64::from(lower) + f64::from(upper)) / 2.0) as f32,
        _ => upper,
    }
}

/// Of several, the smallest.
fn most_frequent(numbers: &mut [f32]) -> f32 {
    numbers.sort_unstable_by(f32::total_cmp);
    let runs = numbers.chunk_by(|a, b| a == b);
    // `max_by_key` takes the last of equals: from the back, the smallest.
    runs.rev().max_by_key(|run| run.len()).map_or(0.0, |run| run[0])
}
