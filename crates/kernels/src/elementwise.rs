use crate::rows::{assert_same_shape, row, row_mut};
use crate::vectorize;
use chainrule_core::Real;
use ndarray::{ArrayView2, ArrayViewMut2};

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

/// y ← max(0, x). Shapes: all (rows, width). NaN stays NaN, so that it does not go unnoticed.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn relu<F: Real>(x: ArrayView2<F>, mut y: ArrayViewMut2<F>) {
    assert_same_shape("relu", "y", y.dim(), x.dim());
    vectorize(
        #[inline(always)]
        || {
            for i in 0..x.nrows() {
                for (y, &x) in row_mut(&mut y, i).iter_mut().zip(row(&x, i)) {
                    *y = if x <= F::zero() { F::zero() } else { x };
                }
            }
        },
    );
}

/// Of [`relu`]: dx ← dy where x > 0, else 0. Shapes: all (rows, width).
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn relu_backward<F: Real>(x: ArrayView2<F>, dy: ArrayView2<F>, mut dx: ArrayViewMut2<F>) {
    assert_same_shape("relu_backward", "dy", dy.dim(), x.dim());
    assert_same_shape("relu_backward", "dx", dx.dim(), x.dim());
    vectorize(
        #[inline(always)]
        || {
            for i in 0..x.nrows() {
                for ((dx, &x), &dy) in row_mut(&mut dx, i).iter_mut().zip(row(&x, i)).zip(row(&dy, i)) {
                    *dx = if x > F::zero() { dy } else { F::zero() };
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn relu_keeps_nan_and_has_one_zero() {
        let x = array![[-1.0_f32, -0.0, 0.0, 2.0, f32::NAN, f32::NEG_INFINITY, f32::INFINITY]];
        let mut y = Array2::zeros(x.dim());
        relu(x.view(), y.view_mut());
        let expected = array![[0.0_f32, 0.0, 0.0, 2.0, f32::NAN, 0.0, f32::INFINITY]];
        assert_eq!(y.mapv(f32::to_bits), expected.mapv(f32::to_bits));
    }
}
