use super::cells::{Cell, Cells, MISSING, UNSEEN};
use chainrule_core::{Error as CoreError, Real, Rows};
use ndarray::{ArrayViewMut1, ArrayViewMut2};
use std::fmt;
use std::sync::Arc;

/// Rows of a table as an [`Encoder`](crate::Encoder) makes inputs of them: on the way, while they are gathered. They hold a share of
/// the table's fields, not the inputs.
#[derive(Clone, PartialEq)]
pub struct EncodedRows {
    cells: Arc<Cells>,
    /// Which rows of the cells; none: all.
    rows: Option<Vec<usize>>,
    plan: Arc<Plan>,
    /// Whether the cells are the inputs.
    plain: bool,
}

/// How cells become inputs.
#[derive(Debug, PartialEq)]
pub(super) struct Plan {
    /// One for each column of the cells.
    pub(super) columns: Vec<PlannedColumn>,
    /// Number of inputs.
    pub(super) width: usize,
}

#[derive(Debug, PartialEq)]
pub(super) enum PlannedColumn {
    Number {
        fill: f32,
    },
    Categories {
        /// For each code of the cells the input that is 1, or [`UNSEEN`].
        inputs: Vec<u32>,
        /// The input that is 1 where the category is missing.
        fill: u32,
        /// Number of inputs.
        width: usize,
    },
}

impl EncodedRows {
    pub(super) fn new(cells: Arc<Cells>, rows: Option<Vec<usize>>, plan: Plan) -> Self {
        let plain = cells.all_numbers();
        EncodedRows { cells, rows, plan: Arc::new(plan), plain }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.rows.as_ref().map_or(self.cells.rows(), Vec::len)
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of inputs.
    pub fn width(&self) -> usize {
        self.plan.width
    }

    /// The rows `indices`, each of which must be there.
    pub(crate) fn select(&self, indices: &[usize]) -> Self {
        let row = |&index: &usize| self.rows.as_ref().map_or(index, |rows| rows[index]);
        let rows = Some(indices.iter().map(row).collect());
        EncodedRows { cells: self.cells.clone(), rows, plan: self.plan.clone(), plain: self.plain }
    }

    /// Copies row `index`, which must be there, to as many elements as the rows are wide.
    pub(crate) fn copy_row<F: Real>(&self, index: usize, mut to: ArrayViewMut1<F>) {
        let row = self.rows.as_ref().map_or(index, |rows| rows[index]);
        if self.plain {
            return self.cells.copy_numbers(row, to);
        }
        to.fill(F::zero());
        let (mut columns, mut first) = (self.plan.columns.iter(), 0);
        self.cells.visit(row, |cell| {
            first += match (columns.next(), cell) {
                (Some(PlannedColumn::Number { fill }), Cell::Number(number)) => {
                    to[first] = F::of(if number.is_nan() { *fill } else { number }.into());
                    1
                }
                (Some(PlannedColumn::Categories { inputs, fill, width }), Cell::Category(code)) => {
                    let input = match code {
                        MISSING => *fill,
                        UNSEEN => UNSEEN,
                        code => inputs[code as usize],
                    };
                    if input != UNSEEN {
                        to[first + input as usize] = F::one();
                    }
                    *width
                }
                _ => unreachable!("a plan is made for the kinds of the cells"),
            };
        });
    }
}

/// The inputs, each exactly.
impl<F: Real> Rows<F> for EncodedRows {
    fn len(&self) -> usize {
        self.len()
    }

    fn width(&self) -> usize {
        self.width()
    }

    fn gather(&self, indices: &[usize], mut tile: ArrayViewMut2<F>) -> Result<(), CoreError> {
        let (rows, width) = tile.dim();
        if rows != indices.len() {
            return Err(CoreError::RowCount { place: "tile", expected: indices.len(), found: rows });
        }
        if width != self.width() {
            return Err(CoreError::Width { place: "tile", expected: self.width(), found: width });
        }
        for (to, &row) in tile.outer_iter_mut().zip(indices) {
            if row >= self.len() {
                return Err(CoreError::RowOutOfRange { place: "inputs", row, rows: self.len() });
            }
            self.copy_row(row, to);
        }
        Ok(())
    }

    /// At once: what is read and what fills it are finite.
    fn check_finite(&self) -> Result<(), CoreError> {
        Ok(())
    }
}

impl fmt::Debug for EncodedRows {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (rows, width) = (self.len(), self.width());
        f.debug_struct("EncodedRows").field("rows", &rows).field("width", &width).finish_non_exhaustive()
    }
}
