use crate::matmul;
use chainrule_core::Real;
use ndarray::parallel::prelude::*;
use ndarray::{ArrayView2, ArrayView3, ArrayViewMut2, ArrayViewMut3, Axis};

/// C\[i\] ← A\[i\] B\[i\] for each i of the batch, in parallel over the batch.
///
/// Shapes: A (batch, m, k), B (batch, k, n), C (batch, m, n).
///
/// # Panics
/// If the shapes do not agree.
#[track_caller]
pub fn batched_matmul<F: Real>(a: ArrayView3<F>, b: ArrayView3<F>, mut c: ArrayViewMut3<F>) {
    let ((batch, m, k), (batch_b, k_b, n)) = (a.dim(), b.dim());
    assert!(
        (batch, k) == (batch_b, k_b) && c.dim() == (batch, m, n),
        "batched_matmul: A is {:?}, B is {:?}, C is {:?}",
        a.dim(),
        b.dim(),
        c.dim()
    );
    c.outer_iter_mut()
        .into_par_iter()
        .zip(a.outer_iter())
        .zip(b.outer_iter())
        .for_each(|((c, a), b)| matmul(F::one(), a, b, F::zero(), c));
}

/// Rows of one task of a tall product; fixed, so that the cut depends on the shape alone.
const TALL_ROWS: usize = 256;

/// C\[i\] ← A\[i\] B for each i of the batch, with one B shared by all: as one tall product, its rows in parallel.
///
/// Shapes: A (batch, m, k), B (k, n), C (batch, m, n). If the batch of A or C does not lie as one tall matrix, the
/// products are made one by one, in parallel over the batch.
///
/// # Panics
/// If the shapes do not agree.
#[track_caller]
pub fn batched_matmul_shared<F: Real>(a: ArrayView3<F>, b: ArrayView2<F>, mut c: ArrayViewMut3<F>) {
    let ((batch, m, k), (k_b, n)) = (a.dim(), b.dim());
    assert!(
        k == k_b && c.dim() == (batch, m, n),
        "batched_matmul_shared: A is {:?}, B is {:?}, C is {:?}",
        a.dim(),
        b.dim(),
        c.dim()
    );
    let tall = (batch * m, k);
    match (a.to_slice(), c.as_slice_mut()) {
        (Some(a), Some(c)) => {
            let a = ArrayView2::from_shape(tall, a).expect("a contiguous batch is a tall matrix");
            let mut c =
                ArrayViewMut2::from_shape((batch * m, n), c).expect("a contiguous batch is a tall matrix");
            c.axis_chunks_iter_mut(Axis(0), TALL_ROWS)
                .into_par_iter()
                .zip(a.axis_chunks_iter(Axis(0), TALL_ROWS))
                .for_each(|(c, a)| matmul(F::one(), a, b, F::zero(), c));
        }
        _ => c
            .outer_iter_mut()
            .into_par_iter()
            .zip(a.outer_iter())
            .for_each(|(c, a)| matmul(F::one(), a, b, F::zero(), c)),
    }
}
