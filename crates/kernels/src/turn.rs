use crate::lanes::{Kernel, Lanes, dispatch, load_some, store_some, transpose};
use chainrule_core::Real;
use std::slice;

/// target\[c, r\] ← source\[r, c\] + β target\[c, r\] for `rows` rows of `columns` numbers, the rows of either matrix `stride` numbers apart. Where β is 0, what was there does
/// not matter.
///
/// # Safety
/// Both pointers must be valid for the whole of their matrix, `target` for writes and without overlap with `source`.
pub(crate) unsafe fn turn<F: Real>(
    (source, source_stride): (*const F, usize),
    [rows, columns]: [usize; 2],
    (target, target_stride): (*mut F, usize),
    beta: F,
) {
    dispatch(Turn { source, source_stride, rows, columns, target, target_stride, beta });
}

struct Turn<F> {
    source: *const F,
    source_stride: usize,
    rows: usize,
    columns: usize,
    target: *mut F,
    target_stride: usize,
    beta: F,
}

impl<F: Real> Turn<F> {
    /// `len` numbers of a row of the source.
    #[inline(always)]
    fn read(&self, row: usize, column: usize, len: usize) -> &[F] {
        debug_assert!(row < self.rows && column + len <= self.columns);
        // SAFETY: they are the source's, which the caller of `turn` vouches for.
        unsafe { slice::from_raw_parts(self.source.add(row * self.source_stride + column), len) }
    }

    /// `len` numbers of a row of the target.
    #[inline(always)]
    fn write(&mut self, row: usize, column: usize, len: usize) -> &mut [F] {
        debug_assert!(row < self.columns && column + len <= self.rows);
        // SAFETY: they are the target's, which the caller of `turn` vouches for, and which is borrowed through `self`.
        unsafe { slice::from_raw_parts_mut(self.target.add(row * self.target_stride + column), len) }
    }

    /// Number by number; so many columns at a time that what is written stays in the nearest cache.
    #[inline(always)]
    fn plainly(&mut self) {
        for first in (0..self.columns).step_by(16) {
            for row in 0..self.rows {
                for column in first..self.columns.min(first + 16) {
                    let (x, beta) = (self.read(row, column, 1)[0], self.beta);
                    let target = &mut self.write(column, row, 1)[0];
                    *target = if beta == F::zero() { x } else { x + beta * *target };
                }
            }
        }
    }

    /// A block of at most [`Lanes::WIDTH`] rows and columns, in registers: no loop may end where `rows` or `columns` say.
    #[inline(always)]
    fn block<L: Lanes<F>>(&mut self, [row, column]: [usize; 2], [rows, columns]: [usize; 2]) {
        let (beta, adds) = (L::splat(self.beta), self.beta != F::zero());
        let mut block = [L::splat(F::zero()); 16];
        for (i, lanes) in block.iter_mut().take(L::WIDTH).enumerate() {
            if i < rows {
                *lanes = load_some(self.read(row + i, column, columns));
            }
        }
        for (i, lanes) in transpose(block).into_iter().take(L::WIDTH).enumerate() {
            if i < columns {
                let target = self.write(column + i, row, rows);
                let lanes = if adds { lanes + beta * load_some(target) } else { lanes };
                store_some(lanes, target);
            }
        }
    }
}

impl<F: Real> Kernel<F> for Turn<F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        if !L::TILES {
            return self.plainly();
        }
        let (rows, columns) = (self.rows, self.columns);
        let (whole_rows, whole_columns) = (rows - rows % L::WIDTH, columns - columns % L::WIDTH);
        for row in (0..whole_rows).step_by(L::WIDTH) {
            for column in (0..whole_columns).step_by(L::WIDTH) {
                self.block::<L>([row, column], [L::WIDTH; 2]);
            }
        }
        for row in (0..rows).step_by(L::WIDTH) {
            let first = if row < whole_rows { whole_columns } else { 0 };
            for column in (first..columns).step_by(L::WIDTH) {
                self.block::<L>([row, column], [L::WIDTH.min(rows - row), L::WIDTH.min(columns - column)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn turned<F: Real>(rows: usize, columns: usize, beta: f64) {
        let number = |i: usize, j: usize| F::of((i * 100 + j) as f64);
        let source = Array2::from_shape_fn((rows, columns + 3), |(i, j)| number(i, j));
        let before = Array2::from_shape_fn((columns, rows + 5), |(i, j)| number(j, i) * F::of(7.0));
        let mut target = if beta == 0.0 { before.mapv(|_| F::nan()) } else { before.clone() };
        let (from, to) = ((source.as_ptr(), columns + 3), (target.as_mut_ptr(), rows + 5));
        // SAFETY: both are as large as that.
        unsafe { turn(from, [rows, columns], to, F::of(beta)) };
        for ((i, j), &found) in target.indexed_iter() {
            let added = if beta == 0.0 { F::zero() } else { F::of(beta) * before[(i, j)] };
            if j < rows {
                assert_eq!(found, source[(j, i)] + added, "{rows} × {columns}: ({i}, {j})");
            } else {
                assert!(if beta == 0.0 { found.is_nan() } else { found == before[(i, j)] });
            }
        }
    }

    #[test]
    fn every_number_is_where_it_belongs() {
        for (rows, columns) in [
            (1, 1),
            (8, 16),
            (16, 16),
            (64, 100),
            (17, 33),
            (32, 7),
            (0, 5),
            (5, 0),
            (40, 24),
            (3, 5),
            (20, 50),
        ] {
            for beta in [0.0, 1.0, 0.5] {
                turned::<f32>(rows, columns, beta);
                turned::<f64>(rows, columns, beta);
            }
        }
    }
}
