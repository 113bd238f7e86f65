//! One row times a matrix whose rows are two pieces long.

use crate::blas::{Operand, Product, gemm_by_rows};
use crate::pieces::{ROW_BYTES, gemm_in_pieces};
use crate::scratch::with_scratch;
use crate::vectorize;
use chainrule_core::Real;

/// Fewer rows of B do not pay for what is written first.
const FEWEST: usize = 64;

/// Whether the rows of B, k of n numbers, are two pieces of [`gemm_in_pieces`], and nothing else is between them.
pub(crate) fn rows_are_two_pieces<F: Real>(k: usize, n: usize, b: Operand<F>) -> bool {
    k >= FEWEST && n * F::BYTES == 2 * ROW_BYTES && b.leading_dimension == n
}

/// The product of one row, where [the rows of B are two pieces](rows_are_two_pieces).
///
/// Piece by piece, every second 256 bytes would be read, and then the others, at half the speed at which a cache gives what follows. So each half of a row is taken
/// for a row: C's halves are two rows of (a₁ 0 a₂ 0 …; 0 a₁ 0 a₂ …) B, twice as many products in half of the time.
///
/// # Safety
/// As [`gemm`](crate::blas::gemm).
pub(crate) unsafe fn gemm_in_halves<F: Real>(product: Product<F>) {
    let Product { sizes: [m, n, k], alpha, a, b, beta, c, .. } = product;
    assert!(m == 1 && !a.transposed && !b.transposed && n.is_multiple_of(2));
    with_scratch(4 * k + n, |scratch| {
        let (spread, sums) = scratch.split_at_mut(4 * k);
        // SAFETY: the caller vouches for k numbers of A.
        spread_out(unsafe { std::slice::from_raw_parts(a.data, k) }, spread);
        let spread = Operand { data: spread.as_ptr(), transposed: false, leading_dimension: 2 * k };
        let halves = Operand { leading_dimension: n / 2, ..b };
        // SAFETY: (2k, n / 2) are B's numbers in their order, for which the caller vouches; the others are the scratch's.
        unsafe {
            let (sizes, c) = ([2, n / 2, 2 * k], sums.as_mut_ptr());
            gemm_in_pieces(Product { sizes, alpha, a: spread, b: halves, beta: F::zero(), c, ldc: n / 2 });
        }
        // 0 times what is infinite or no number, in the other half of B.
        if sums.iter().any(|sum| sum.is_nan()) {
            // SAFETY: the caller vouches for it.
            return unsafe { gemm_by_rows(product) };
        }
        // SAFETY: the caller vouches for n numbers of C, and nothing else refers to them.
        let c = unsafe { std::slice::from_raw_parts_mut(c, n) };
        for (c, &sum) in c.iter_mut().zip(&*sums) {
            *c = if beta == F::zero() { sum } else { beta * *c + sum };
        }
    });
}

/// Two rows: a number of x and a zero in turns, and a zero and a number.
fn spread_out<F: Real>(x: &[F], rows: &mut [F]) {
    let (first, second) = rows.split_at_mut(2 * x.len());
    vectorize(
        #[inline(always)]
        || {
            let pairs = first.as_chunks_mut::<2>().0.iter_mut().zip(second.as_chunks_mut::<2>().0);
            for ((first, second), &x) in pairs.zip(x) {
                *first = [x, F::zero()];
                *second = [F::zero(), x];
            }
        },
    );
}
