use chainrule_core::Real;
use ndarray::{ArrayView2, ArrayViewMut2};

/// C ← α A B + β C, through BLAS.
///
/// Shapes: A (m, k), B (k, n), C (m, n). Any of the three may be a transposed view or have a row stride of its own (a
/// range of columns of a larger matrix) at no cost. A view without a unit stride, which BLAS cannot read, is copied
/// first. With β = 0 the old contents of C do not matter, not even NaN.
///
/// One product runs on the calling thread.
///
/// # Panics
/// If the shapes do not agree, or a dimension exceeds BLAS's 32-bit integers.
///
/// ```
/// use chainrule_kernels::matmul;
/// use ndarray::{Array2, array};
/// let x = array![[1.0_f32, 2.0], [3.0, 4.0], [5.0, 6.0]];
/// let mut c = Array2::zeros((2, 2));
/// matmul(1.0, x.t(), x.view(), 0.0, c.view_mut());
/// assert_eq!(c, array![[35.0, 44.0], [44.0, 56.0]]);
/// ```
#[track_caller]
pub fn matmul<F: Real>(alpha: F, a: ArrayView2<F>, b: ArrayView2<F>, beta: F, c: ArrayViewMut2<F>) {
    let ((m, k), (k_b, n)) = (a.dim(), b.dim());
    assert!(k == k_b, "matmul: A is ({m}, {k}), B is ({k_b}, {n})");
    assert!(c.dim() == (m, n), "matmul: C is {:?}, A B is ({m}, {n})", c.dim());
    product(alpha, a, b, beta, c);
}

#[cfg(not(feature = "blas"))]
fn product<F: Real>(alpha: F, a: ArrayView2<F>, b: ArrayView2<F>, beta: F, mut c: ArrayViewMut2<F>) {
    ndarray::linalg::general_mat_mul(alpha, &a, &b, beta, &mut c);
}

#[cfg(feature = "blas")]
#[track_caller]
fn product<F: Real>(alpha: F, a: ArrayView2<F>, b: ArrayView2<F>, beta: F, mut c: ArrayViewMut2<F>) {
    use crate::blas::{Product, count_product, gemm, gemm_by_rows, has_small_kernels};
    use crate::halves::{gemm_in_halves, rows_are_two_pieces};
    use crate::pieces::{CACHED, gemm_in_pieces, gemm_turned, pays_to_cut, pays_to_turn, pays_to_turn_both};

    let ((m, k), n) = (a.dim(), b.ncols());
    if m == 0 || n == 0 || k == 0 {
        // An empty sum: there is nothing to multiply, and an empty view has no strides for BLAS to read.
        c.mapv_inplace(|c| if beta == F::zero() { F::zero() } else { beta * c });
        return;
    }
    let (Some(a_operand), Some(b_operand)) = (operand(a), operand(b)) else {
        let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
        return product(alpha, a.view(), b.view(), beta, c);
    };
    match operand(c.view()) {
        Some(target) if !target.transposed => {
            let (c, ldc) = (c.as_mut_ptr(), target.leading_dimension);
            count_product();
            let multiply = match (has_small_kernels(), a_operand.transposed, b_operand.transposed) {
                (true, false, false) if m == 1 && n * F::BYTES > ROW_BYTES => gemm_by_rows,
                (true, false, false) if m == 1 && rows_are_two_pieces(k, n, b_operand) => gemm_in_halves,
                (false, false, false) if m == 1 || m < F::BYTES && k * n * F::BYTES <= CACHED => gemm_by_rows,
                (true, false, false) if pays_to_turn_both::<F>([m, n, k], b_operand.leading_dimension) => {
                    gemm_turned
                }
                (true, _, false) if pays_to_cut::<F>([m, n, k]) => gemm_in_pieces,
                (true, false, true) if pays_to_turn::<F>([m, n, k]) => gemm_turned,
                _ => gemm,
            };
            // SAFETY: `operand` read pointers and leading dimensions off live views of the sizes given, and c is
            // borrowed mutably, so it overlaps neither.
            unsafe {
                multiply(Product { sizes: [m, n, k], alpha, a: a_operand, b: b_operand, beta, c, ldc })
            };
        }
        // Cᵀ ← α Bᵀ Aᵀ + β Cᵀ
        Some(_) => product(alpha, b.reversed_axes(), a.reversed_axes(), beta, c.reversed_axes()),
        None => {
            let mut copy = c.as_standard_layout().into_owned();
            product(alpha, a, b, beta, copy.view_mut());
            c.assign(&copy);
        }
    }
}

/// A single row times a matrix of longer rows than this is `gemv`'s, which reads B once from its start to its end. What is made for
/// several rows goes down a few columns at a time: with rows of 4 KiB from another page every time, and 2.3 times as long. Without kernels for small
/// matrices, OpenBLAS first copies B: then a single row always is `gemv`'s, and up to three of f32, or seven of f64, are unless B comes from memory for each.
#[cfg(feature = "blas")]
const ROW_BYTES: usize = 1024;

/// How BLAS reads a matrix: as it lies, or transposed; `None` if neither stride is 1 (or rows overlap).
#[cfg(feature = "blas")]
fn operand<F>(matrix: ArrayView2<F>) -> Option<crate::blas::Operand<F>> {
    let ((rows, columns), strides) = (matrix.dim(), matrix.strides());
    // The stride of an axis of length 1 is never used, whatever it says.
    let leading_dimension = |outer: usize, outer_stride: isize, inner: usize, inner_stride: isize| {
        let shortest = inner.max(1) as isize;
        let stride = if outer <= 1 { shortest } else { outer_stride };
        ((inner <= 1 || inner_stride == 1) && stride >= shortest).then_some(stride as usize)
    };
    let as_it_lies = leading_dimension(rows, strides[0], columns, strides[1]).map(|stride| (false, stride));
    let (transposed, leading_dimension) = as_it_lies
        .or_else(|| leading_dimension(columns, strides[1], rows, strides[0]).map(|stride| (true, stride)))?;
    Some(crate::blas::Operand { data: matrix.as_ptr(), transposed, leading_dimension })
}
