use super::pieces::Pieces;
use chainrule_core::Real;
use ndarray::{ArrayView1, ArrayViewMut1};

/// What a column of a table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellKind {
    Number,
    Category,
}

/// One field: a number, or the code of a category.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell {
    /// Finite, or NaN where it is missing.
    Number(f32),
    Category(u32),
}

/// The code of a missing category.
pub(crate) const MISSING: u32 = u32::MAX;
/// The code of a category that is not known.
pub(crate) const UNSEEN: u32 = u32::MAX - 1;

/// The fields of a table, row by row: four bytes for each; one, as long as all numbers are integers from 0 to 255 and no column
/// has more than 254 categories.
///
/// They lie in pieces, so that they grow without being copied.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cells {
    kinds: Vec<CellKind>,
    rows: usize,
    /// Whether a number is missing.
    missing: bool,
    store: Store,
}

#[derive(Clone, Debug, PartialEq)]
enum Store {
    Bytes(Pieces<u8>),
    Words(Pieces<u32>),
}

impl Cells {
    pub(crate) fn new(kinds: Vec<CellKind>) -> Self {
        let store = Store::Bytes(Pieces::new(kinds.len()));
        Cells { kinds, rows: 0, missing: false, store }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn kinds(&self) -> &[CellKind] {
        &self.kinds
    }

    /// Whether every cell is a number that is there.
    pub(crate) fn all_numbers(&self) -> bool {
        !self.missing && self.kinds.iter().all(|&kind| kind == CellKind::Number)
    }

    /// Adds a row; each cell is of its column's kind.
    pub(crate) fn push(&mut self, row: &[Cell]) {
        self.rows += 1;
        self.missing |= row.iter().any(|cell| matches!(cell, Cell::Number(number) if number.is_nan()));
        if let Store::Bytes(bytes) = &mut self.store {
            if bytes.push(row.iter().map(|cell| cell.byte())) {
                return;
            }
            let kinds = &self.kinds;
            self.store = Store::Words(bytes.convert(|column, byte| kinds[column].of_byte(byte).word()));
        }
        if let Store::Words(words) = &mut self.store {
            words.push(row.iter().map(|cell| Some(cell.word())));
        }
    }

    /// Gives back the memory that was taken for rows that did not come.
    pub(crate) fn shrink(&mut self) {
        match &mut self.store {
            Store::Bytes(bytes) => bytes.shrink(),
            Store::Words(words) => words.shrink(),
        }
    }

    pub(crate) fn get(&self, row: usize, column: usize) -> Cell {
        match &self.store {
            Store::Bytes(bytes) => self.kinds[column].of_byte(bytes.row(row)[column]),
            Store::Words(words) => self.kinds[column].of_word(words.row(row)[column]),
        }
    }

    /// Calls `visit` with each cell of a row, from the left.
    pub(crate) fn visit(&self, row: usize, visit: impl FnMut(Cell)) {
        match &self.store {
            Store::Bytes(bytes) => {
                self.kinds.iter().zip(bytes.row(row)).map(|(kind, &byte)| kind.of_byte(byte)).for_each(visit);
            }
            Store::Words(words) => {
                self.kinds.iter().zip(words.row(row)).map(|(kind, &word)| kind.of_word(word)).for_each(visit);
            }
        }
    }

    /// Copies a row of numbers, of which none is missing.
    pub(crate) fn copy_numbers<F: Real>(&self, row: usize, mut to: ArrayViewMut1<F>) {
        match &self.store {
            Store::Bytes(bytes) => {
                to.zip_mut_with(&ArrayView1::from(bytes.row(row)), |to, &byte| *to = F::from_byte(byte));
            }
            Store::Words(words) => {
                let from = ArrayView1::from(words.row(row));
                to.zip_mut_with(&from, |to, &word| *to = F::of(f32::from_bits(word).into()));
            }
        }
    }
}

/// The last two codes stand for what has none.
const MISSING_BYTE: u8 = u8::MAX;
const UNSEEN_BYTE: u8 = u8::MAX - 1;

impl Cell {
    fn word(self) -> u32 {
        match self {
            Cell::Number(number) => number.to_bits(),
            Cell::Category(code) => code,
        }
    }

    /// The cell as a byte, if nothing of it is lost.
    fn byte(self) -> Option<u8> {
        match self {
            Cell::Number(number) => {
                let byte = number as u8;
                (f32::from(byte).to_bits() == number.to_bits()).then_some(byte)
            }
            Cell::Category(MISSING) => Some(MISSING_BYTE),
            Cell::Category(UNSEEN) => Some(UNSEEN_BYTE),
            Cell::Category(code) => u8::try_from(code).ok().filter(|&byte| byte < UNSEEN_BYTE),
        }
    }
}

impl CellKind {
    fn of_word(self, word: u32) -> Cell {
        match self {
            CellKind::Number => Cell::Number(f32::from_bits(word)),
            CellKind::Category => Cell::Category(word),
        }
    }

    fn of_byte(self, byte: u8) -> Cell {
        match (self, byte) {
            (CellKind::Number, byte) => Cell::Number(byte.into()),
            (CellKind::Category, MISSING_BYTE) => Cell::Category(MISSING),
            (CellKind::Category, UNSEEN_BYTE) => Cell::Category(UNSEEN),
            (CellKind::Category, byte) => Cell::Category(byte.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CellKind::{Category, Number};
    use proptest::prelude::*;

    fn same(a: Cell, b: Cell) -> bool {
        a.word() == b.word()
    }

    #[test]
    fn bytes_become_words_where_they_must() {
        let table = [
            (Cell::Number(256.0), false),
            (Cell::Number(-1.0), false),
            (Cell::Number(0.5), false),
            (Cell::Number(-0.0), false),
            (Cell::Number(f32::NAN), false),
            (Cell::Number(255.0), true),
            (Cell::Category(253), true),
            (Cell::Category(254), false),
            (Cell::Category(255), false),
            (Cell::Category(MISSING), true),
            (Cell::Category(UNSEEN), true),
        ];
        for (cell, fits) in table {
            let kind = if matches!(cell, Cell::Number(_)) { Number } else { Category };
            let first = kind.of_byte(7);
            let mut cells = Cells::new(vec![kind]);
            cells.push(&[first]);
            cells.push(&[cell]);
            cells.push(&[first]);
            assert_eq!(matches!(cells.store, Store::Bytes(_)), fits, "{cell:?}");
            for (row, expected) in [first, cell, first].into_iter().enumerate() {
                assert!(same(cells.get(row, 0), expected), "{cell:?} in row {row}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_pushed_comes_back(
            rows in prop::collection::vec((any::<u32>(), 0_u32..400, 0_u8..), 1..300),
            wide in 0_usize..300,
        ) {
            let cells_of = |&(bits, code, byte): &(u32, u32, u8)| {
                // From row number `wide` on, anything; before, bytes.
                let small = (f32::from(byte), u32::from(byte).min(253));
                move |row: usize| {
                    let (number, code) = if row < wide { small } else { (f32::from_bits(bits), code) };
                    [Cell::Number(number), Cell::Category(code)]
                }
            };
            let mut cells = Cells::new(vec![Number, Category]);
            rows.iter().enumerate().for_each(|(row, parts)| cells.push(&cells_of(parts)(row)));
            cells.shrink();
            prop_assert_eq!(cells.rows(), rows.len());
            for (row, parts) in rows.iter().enumerate() {
                for (column, cell) in cells_of(parts)(row).into_iter().enumerate() {
                    prop_assert!(same(cells.get(row, column), cell));
                }
            }
        }
    }
}
