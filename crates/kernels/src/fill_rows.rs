use crate::rows::row_mut;
use chainrule_core::Real;
use ndarray::ArrayViewMut2;

/// Every row of y ← row. A product that then adds to y (β = 1) gets its bias without a pass of its own.
///
/// # Panics
/// If `row` is not as long as the rows of y.
#[track_caller]
pub fn fill_rows<F: Real>(values: &[F], mut y: ArrayViewMut2<F>) {
    assert!(values.len() == y.ncols(), "fill_rows: {} values, y is {:?}", values.len(), y.dim());
    for i in 0..y.nrows() {
        row_mut(&mut y, i).copy_from_slice(values);
    }
}
