use crate::compile_once::compile_once;
use crate::jacobian_by_rows::ByRows;
use crate::lanes::dispatch;
use crate::matmul;
use crate::rows::{assert_same_shape, row};
use crate::scratch::with_scratch;
use crate::vectorize;
use chainrule_core::Real;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis};

/// The Jacobian of softmax for one sample, J\[i, j\] = ∂sᵢ/∂xⱼ = sᵢ (δᵢⱼ - sⱼ), that is diag(s) - s sᵀ.
///
/// Shape: (classes, classes). To look at; the ways back below form it on their own.
///
/// # Where it comes from
///
/// With eᵢ = exp(xᵢ) and E = Σₖ eₖ, softmax is sᵢ = eᵢ / E. Since ∂eᵢ/∂xⱼ = δᵢⱼ eᵢ and ∂E/∂xⱼ = eⱼ, the quotient rule gives
/// 1. ∂sᵢ/∂xⱼ = (δᵢⱼ eᵢ E - eᵢ eⱼ) / E²
/// 2. = δᵢⱼ eᵢ/E - (eᵢ/E) (eⱼ/E)
/// 3. = δᵢⱼ sᵢ - sᵢ sⱼ = sᵢ (δᵢⱼ - sⱼ).
///
/// It is symmetric, so a gradient dy behind softmax becomes dx = Jᵀ dy = J dy before it; multiplied out,
/// dxᵢ = sᵢ dyᵢ - sᵢ Σⱼ sⱼ dyⱼ = sᵢ (dyᵢ - ⟨s, dy⟩), which is [`softmax_backward`](crate::softmax_backward). With the gradient of
/// cross-entropy for dy everything but ŷ - y cancels: see [`softmax_cross_entropy`](crate::softmax_cross_entropy()).
///
/// Source: *Neural Networks from Scratch in Python*, chapter 9.
///
/// ```
/// use chainrule_kernels::softmax_jacobian;
/// let jacobian = softmax_jacobian(ndarray::aview1(&[0.7, 0.1, 0.2]));
/// assert!((jacobian[[0, 0]] - 0.21_f64).abs() < 1e-15);
/// assert!((jacobian[[0, 2]] + 0.14_f64).abs() < 1e-15);
/// ```
pub fn softmax_jacobian<F: Real>(s: ArrayView1<F>) -> Array2<F> {
    let entry = |i, j| jacobian_entry(s[i], s[j], i == j);
    Array2::from_shape_fn((s.len(), s.len()), |(i, j)| entry(i, j))
}

#[inline(always)]
fn jacobian_entry<F: Real>(s_i: F, s_j: F, diagonal: bool) -> F {
    let delta = if diagonal { F::one() } else { F::zero() };
    s_i * (delta - s_j)
}

/// Of [`softmax`](crate::softmax()), as in the chapter: for each sample the Jacobian is stored, then multiplied with that
/// sample's dy through BLAS. Shapes: all (rows, classes). Parallel over the rows.
///
/// O(classes²) a row, and classes² numbers of scratch a thread.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn softmax_backward_stored_jacobian<F: Real>(s: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
    assert_same_shapes("softmax_backward_stored_jacobian", &s, &dy, &dx);
    compile_once!(|s: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>| {
        for_each_task(s, dy, dx, |s, dy, mut dx| {
            let classes = s.ncols();
            with_scratch(classes * classes, |jacobian| {
                for i in 0..s.nrows() {
                    fill_jacobian(row(&s, i), jacobian);
                    let jacobian =
                        ArrayView2::from_shape((classes, classes), &*jacobian).expect("a square matrix");
                    // dxᵀ = dyᵀ Jᵀ, and J is symmetric.
                    let (dy, dx) = (dy.index_axis(Axis(0), i), dx.index_axis_mut(Axis(0), i));
                    let (dy, dx) = (dy.insert_axis(Axis(0)), dx.insert_axis(Axis(0)));
                    matmul(F::one(), dy, jacobian, F::zero(), dx);
                }
            });
        });
    });
}

fn fill_jacobian<F: Real>(s: &[F], jacobian: &mut [F]) {
    vectorize(
        #[inline(always)]
        || {
            for ((i, &s_i), row) in s.iter().enumerate().zip(jacobian.chunks_exact_mut(s.len().max(1))) {
                for (entry, &s_j) in row.iter_mut().zip(s) {
                    *entry = jacobian_entry(s_i, s_j, false);
                }
                row[i] = jacobian_entry(s_i, s_i, true);
            }
        },
    );
}

/// Of [`softmax`](crate::softmax()), by the Jacobian row by row: each row of diag(s) - s sᵀ is formed and multiplied with
/// dy at once, dxᵢ ← Σⱼ sᵢ (δᵢⱼ - sⱼ) dyⱼ. Shapes: all (rows, classes). Parallel over the rows.
///
/// O(classes²) a row as well, but without the matrix. As that is symmetric, where classes are many an entry above the diagonal is
/// formed once, and multiplied with dyⱼ for dxᵢ and with dyᵢ for dxⱼ.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn softmax_backward_jacobian<F: Real>(s: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
    assert_same_shapes("softmax_backward_jacobian", &s, &dy, &dx);
    compile_once!(|s: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>| {
        for_each_task(s, dy, dx, |s, dy, dx| {
            // Of up to 16 numbers in lanes.
            let padded = s.ncols().next_multiple_of(16);
            with_scratch(4 * padded, |scratch| dispatch(ByRows { s, dy, dx, scratch, padded }));
        });
    });
}

/// Work of one task at least, in entries of Jacobians: below it, waking a thread costs more than it brings.
const ENTRIES_PER_TASK: usize = 1 << 15;

fn for_each_task<F: Real>(
    s: ArrayView2<F>,
    dy: ArrayView2<F>,
    mut dx: ArrayViewMut2<F>,
    backward: impl Fn(ArrayView2<F>, ArrayView2<F>, ArrayViewMut2<F>) + Sync,
) {
    let rows_per_task = (ENTRIES_PER_TASK / s.ncols().pow(2).max(1)).max(1);
    let tasks = dx.axis_chunks_iter_mut(Axis(0), rows_per_task).into_par_iter();
    let inputs = s.axis_chunks_iter(Axis(0), rows_per_task).into_par_iter();
    let inputs = inputs.zip(dy.axis_chunks_iter(Axis(0), rows_per_task));
    tasks.zip(inputs).for_each(|(dx, (s, dy))| backward(s, dy, dx));
}

#[track_caller]
fn assert_same_shapes<F>(function: &str, s: &ArrayView2<F>, dy: &ArrayView2<F>, dx: &ArrayViewMut2<F>) {
    assert_same_shape(function, "dy", dy.dim(), s.dim());
    assert_same_shape(function, "dx", dx.dim(), s.dim());
}
