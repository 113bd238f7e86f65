use chainrule_core::Real;
use ndarray::{ArrayView2, ArrayViewMut2};

/// C ← C + α AᵀA in the lower triangle of C; above its diagonal C has no meaning afterwards. Through BLAS, which makes half as many
/// multiplications for it as for any other product.
///
/// Shapes: A (rows, width), C (width, width), both with contiguous rows that follow one another in memory and do not overlap. Runs
/// on the calling thread.
///
/// # Panics
/// If the shapes do not agree, rows lie otherwise, or a dimension exceeds BLAS's 32-bit integers.
///
/// ```
/// use chainrule_kernels::add_gram;
/// let a = ndarray::array![[1.0, 2.0], [3.0, 4.0]];
/// let mut c = ndarray::Array2::zeros((2, 2));
/// add_gram(1.0, a.view(), c.view_mut());
/// assert_eq!((c[[0, 0]], c[[1, 0]], c[[1, 1]]), (10.0, 14.0, 20.0));
/// ```
#[track_caller]
pub fn add_gram<F: Real>(alpha: F, a: ArrayView2<F>, c: ArrayViewMut2<F>) {
    let (rows, width) = a.dim();
    assert!(c.dim() == (width, width), "add_gram: A is ({rows}, {width}), C is {:?}", c.dim());
    if rows > 0 && width > 0 {
        update(alpha, a, c);
    }
}

#[cfg(feature = "blas")]
#[track_caller]
fn update<F: Real>(alpha: F, a: ArrayView2<F>, mut c: ArrayViewMut2<F>) {
    assert_rows("A", a.dim(), a.strides());
    assert_rows("C", c.dim(), c.strides());
    let stride = |rows: usize, strides: &[isize]| if rows > 1 { strides[0] as usize } else { a.ncols() };
    let (lda, ldc) = (stride(a.nrows(), a.strides()), stride(c.nrows(), c.strides()));
    crate::blas::count_product();
    // SAFETY: both views have contiguous rows, each that far after the one before, and c is borrowed mutably, so it does not overlap a.
    unsafe { crate::blas::syrk(a.dim(), alpha, (a.as_ptr(), lda), (c.as_mut_ptr(), ldc)) };
}

/// A stride counts where there is more than one along its axis.
#[cfg(feature = "blas")]
#[track_caller]
fn assert_rows(name: &str, (rows, columns): (usize, usize), strides: &[isize]) {
    assert!(
        (columns <= 1 || strides[1] == 1) && (rows <= 1 || strides[0] >= columns.max(1) as isize),
        "add_gram: the rows of {name} are not contiguous or not one after another: ({rows}, {columns}) with strides {strides:?}"
    );
}

#[cfg(not(feature = "blas"))]
fn update<F: Real>(alpha: F, a: ArrayView2<F>, mut c: ArrayViewMut2<F>) {
    ndarray::linalg::general_mat_mul(alpha, &a.t(), &a, F::one(), &mut c);
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, s};

    fn check<F: Real>() {
        for (rows, width) in [(0, 3), (1, 1), (1, 4), (5, 1), (7, 3), (64, 33), (3, 130)] {
            let wide =
                Array2::from_shape_fn((rows, width + 2), |(i, j)| F::of(((i * 5 + j * 3) % 7) as f64 - 3.0));
            let a = wide.slice(s![.., 1..=width]);
            let mut wide = Array2::from_elem((width, width + 1), F::one());
            add_gram(F::of(-2.0), a, wide.slice_mut(s![.., ..width]));
            let expected = a.t().dot(&a);
            for i in 0..width {
                for j in 0..=i {
                    assert_eq!(wide[[i, j]], F::one() - F::of(2.0) * expected[[i, j]], "({rows}, {width})");
                }
                assert_eq!(wide[[i, width]], F::one());
            }
        }
    }

    /// Small integers, so that every order of summation gives the same.
    #[test]
    fn it_is_the_product() {
        check::<f32>();
        check::<f64>();
    }

    /// BLAS would read past a row, or the same row again and again.
    #[test]
    #[cfg(feature = "blas")]
    fn rows_that_blas_cannot_read_are_refused() {
        let numbers = Array2::from_shape_fn((4, 4), |(i, j)| (i * 4 + j) as f64);
        let (column, row) = (numbers.slice(s![..1, ..1]), numbers.slice(s![..1, ..]));
        let views = [
            numbers.slice(s![..1, ..;-1]),
            numbers.slice(s![..1, ..;2]),
            numbers.slice(s![.., ..;2]),
            numbers.slice(s![..;-1, ..]),
            numbers.slice(s![..;-1, ..1]),
            numbers.t(),
            column.broadcast((3, 1)).unwrap(),
            row.broadcast((3, 4)).unwrap(),
        ];
        for a in views {
            let mut c = Array2::zeros((a.ncols(), a.ncols()));
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                add_gram(1.0, a, c.view_mut());
            }));
            let message = panic.err().and_then(|panic| panic.downcast::<String>().ok());
            let message = message.unwrap_or_else(|| panic!("{:?}, {:?} was taken", a.dim(), a.strides()));
            assert!(message.contains("the rows of A"), "{message}");
        }
    }
}
