use super::records::{Record, Records};
use super::row_reader::is_missing;
use super::{Column, Header, Place, TableOptions, TableProblem, Unit};
use crate::Error;
use crate::excerpt::excerpt;
use crate::number::number;
use std::collections::HashMap;
use std::path::Path;

/// What a column of a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Number,
    Category,
    Target,
    Ignored,
}

/// The columns of a table, from the left.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Columns {
    /// Their names, if the file has a header.
    pub(super) names: Option<Vec<String>>,
    pub(super) roles: Vec<Role>,
    pub(super) target: usize,
}

impl Columns {
    /// Reads the options in the light of the first record, which is the header if there is one.
    ///
    /// Of a format with names, that is a record of [`Unit::Row`].
    pub(super) fn new(path: &Path, options: &TableOptions, first: Record) -> Result<Self, Error> {
        let error = |problem| Error::Table { path: path.into(), problem };
        let named = || options.all_columns().find(|column| matches!(column, Column::Name(_)));
        let has_header = match options.header {
            _ if first.unit == Unit::Row => true,
            Header::Yes => true,
            Header::No => false,
            Header::Auto => named().is_some() || could_be_header(first, &options.missing_markers),
        };
        if let (false, Some(column)) = (has_header, named()) {
            return Err(error(TableProblem::NoHeader { column: column.clone() }));
        }
        let names = has_header.then(|| names(path, first)).transpose()?;
        let find = |column: &Column| {
            let found = places(column, names.as_deref(), first.len());
            if found.is_empty() {
                let names =
                    names.clone().unwrap_or_else(|| (1..=first.len()).map(|n| n.to_string()).collect());
                return Err(error(TableProblem::NoColumn { column: column.clone(), names }));
            }
            Ok(found)
        };

        let mut roles = vec![Role::Number; first.len()];
        let target = find(&options.target)?[0];
        roles[target] = Role::Target;
        let lists = [(&options.ignored, Role::Ignored), (&options.categorical, Role::Category)];
        for (list, role) in lists {
            for column in list {
                for place in find(column)? {
                    if roles[place] != Role::Number && roles[place] != role {
                        let (column, first, second) = (column.clone(), roles[place].word(), role.word());
                        return Err(error(TableProblem::TwoRoles { column, first, second }));
                    }
                    roles[place] = role;
                }
            }
        }
        if !roles.iter().any(|role| role.is_input()) {
            return Err(error(TableProblem::NoInputs));
        }
        if let Some(names) = &names {
            let used = (0..).zip(names).filter(|&(place, _): &(usize, _)| roles[place] != Role::Ignored);
            check_unique(used, first.line).map_err(error)?;
        }
        Ok(Columns { names, roles, target })
    }

    /// Makes every column of numbers in which there is something else a column of categories.
    pub(super) fn find_text(&mut self, path: &Path, options: &TableOptions) -> Result<(), Error> {
        let regular = path.metadata().map_err(|source| Error::Io { path: path.into(), source })?.is_file();
        if !regular {
            return Err(Error::Table { path: path.into(), problem: TableProblem::NotAFile });
        }
        let mut records = Records::open(path, options.delimiter)?;
        if self.names.is_some() {
            records.next()?;
        }
        while let Some(record) = records.next()? {
            // Another width is an error when the rows are read.
            for (role, field) in self.roles.iter_mut().zip(record.fields()) {
                if *role == Role::Number
                    && number(field).is_none()
                    && !is_missing(field, &options.missing_markers)
                {
                    *role = Role::Category;
                }
            }
        }
        Ok(())
    }

    /// What errors call column `place`.
    pub(super) fn column(&self, place: usize) -> Column {
        match &self.names {
            Some(names) => Column::Name(names[place].clone()),
            None => Column::Number(place + 1),
        }
    }

    /// The places of the inputs.
    pub(super) fn inputs(&self) -> impl Iterator<Item = usize> {
        (0..self.roles.len()).filter(|&place| self.roles[place].is_input())
    }
}

impl Role {
    pub(super) fn is_input(self) -> bool {
        matches!(self, Role::Number | Role::Category)
    }

    fn word(self) -> &'static str {
        match self {
            Role::Number => "number",
            Role::Category => "categorical",
            Role::Target => "target",
            Role::Ignored => "ignored",
        }
    }
}

impl TableOptions {
    fn all_columns(&self) -> impl Iterator<Item = &Column> {
        [&self.target].into_iter().chain(&self.categorical).chain(&self.ignored)
    }
}

/// Whether no field is a number or, unless it is empty, missing.
pub(super) fn could_be_header(record: Record, markers: &[String]) -> bool {
    record.fields().all(|field| number(field).is_none() && (field.is_empty() || !is_missing(field, markers)))
}

/// Where `column` stands, from 0: at several places, if a name does.
fn places(column: &Column, names: Option<&[String]>, count: usize) -> Vec<usize> {
    match column {
        Column::Name(wanted) => {
            let names = names.unwrap_or_default();
            (0..names.len()).filter(|&place| names[place] == *wanted).collect()
        }
        Column::Number(number) => number.checked_sub(1).filter(|&place| place < count).into_iter().collect(),
        Column::Last => count.checked_sub(1).into_iter().collect(),
    }
}

/// The names in a header; a column without one is called by its number.
pub(super) fn names(path: &Path, header: Record) -> Result<Vec<String>, Error> {
    let name = |(place, field): (usize, &[u8])| match str::from_utf8(field) {
        Ok("") => Ok(by_number(place)),
        Ok(name) => Ok(name.into()),
        Err(_) => {
            let place =
                Place { line: header.line_of(place), unit: header.unit, column: place + 1, name: None };
            let problem = TableProblem::NotUtf8 { place, found: excerpt(field) };
            Err(Error::Table { path: path.into(), problem })
        }
    };
    header.fields().enumerate().map(name).collect()
}

/// What a column without a name is called.
pub(super) fn by_number(place: usize) -> String {
    format!("column {}", place + 1)
}

/// [`TableProblem::TwoOfOneName`] if two of the columns, each a place and a name, are called the same.
pub(super) fn check_unique<'a>(
    columns: impl Iterator<Item = (usize, &'a String)>,
    line: u64,
) -> Result<(), TableProblem> {
    let mut places = HashMap::new();
    for (place, name) in columns {
        if let Some(first) = places.insert(name, place) {
            let (first, second) = (first + 1, place + 1);
            return Err(TableProblem::TwoOfOneName { line, name: name.clone(), first, second });
        }
    }
    Ok(())
}
