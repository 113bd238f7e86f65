use chainrule_core::Real;
use ndarray::{Array2, ArrayView2};
use ndarray_linalg::QR;

/// The orthogonal factor Q of a = Q R with a positive diagonal in R: orthonormal columns, (rows, columns), for rows ≥ columns.
///
/// With normal numbers in `a`, Q is uniform over all such matrices: the sign convention makes the factorisation unique
/// (F. Mezzadri, "How to generate random matrices from the classical compact groups", Notices of the AMS 54, 2007). Through
/// LAPACK's QR.
///
/// # Panics
/// If there are more columns than rows, or an entry is not finite.
#[track_caller]
pub fn orthonormal_columns<F: Real>(a: ArrayView2<F>) -> Array2<F> {
    let (rows, columns) = a.dim();
    assert!(columns <= rows, "orthonormal_columns: {columns} columns in {rows} rows");
    crate::blas::use_one_thread();
    let (mut q, r) = a.mapv(|x| x.as_f64()).qr().expect("LAPACK factorises every finite matrix");
    for (mut column, &diagonal) in q.columns_mut().into_iter().zip(r.diag()) {
        if diagonal < 0.0 {
            column.mapv_inplace(|x| -x);
        }
    }
    q.mapv(F::of)
}
