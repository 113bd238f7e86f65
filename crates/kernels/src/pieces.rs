//! A product in pieces that OpenBLAS's kernels for small matrices take.
//!
//! They read the matrices where they lie. Above [`LARGEST`], and for A times a transposed B, OpenBLAS copies both into an
//! order of its own first, for every call: at the sizes of a tile that is a tenth to a half of the time.

use crate::blas::{Operand, gemm};
use crate::scratch::with_scratch;
use chainrule_core::Real;

/// Multiplications up to which OpenBLAS takes its kernels for small matrices (its `small_matrix_permit`).
const LARGEST: usize = 1_000_000;

/// Bytes of a row of B in a piece: four registers of AVX-512, which is what those kernels work on at a time.
const ROW_BYTES: usize = 256;

/// Terms of a sum in a piece, at most: more would leave too few rows under [`LARGEST`], and too much of B for the caches.
const DEPTH: usize = 512;

/// Bytes of the part of A that all pieces of one range of columns read, at most: it must stay in a core's cache.
const A_BYTES: usize = 1 << 19;

/// Rows of a piece are a multiple of this where there is a choice: the kernels take six or four at a time.
const ROW_MULTIPLE: usize = 12;

/// (rows, columns, depth) of the pieces of a product of these sizes.
fn piece<F: Real>([m, n, k]: [usize; 3]) -> [usize; 3] {
    let columns = n.min(ROW_BYTES / F::BYTES);
    let depth = k.div_ceil(k.div_ceil(DEPTH));
    let rows = LARGEST / (columns * depth);
    [if m <= rows { m } else { rows - rows % ROW_MULTIPLE }, columns, depth]
}

/// Whether a product of these sizes is faster in pieces: A is read again for every few columns.
pub(crate) fn pays_to_cut<F: Real>([m, _, k]: [usize; 3]) -> bool {
    m.saturating_mul(k.min(DEPTH) * F::BYTES) <= A_BYTES
}

/// C ← α A B + β C, as [`gemm`].
///
/// # Safety
/// As [`gemm`].
pub(crate) unsafe fn gemm_in_pieces<F: Real>(
    sizes: [usize; 3],
    alpha: F,
    a: Operand<F>,
    b: Operand<F>,
    beta: F,
    c: *mut F,
    ldc: usize,
) {
    // SAFETY: the same products, of all rows as one tile.
    unsafe { gemm_of_tiles_in_pieces(1, sizes, alpha, a, b, beta, c, ldc) };
}

/// [`gemm_in_pieces`] for `tiles` tiles of m rows, one after the other in A and C: the same pieces as for each alone, in an order in which what
/// is read of B stays in the caches for all of them.
///
/// # Safety
/// As [`gemm`], with `tiles` times as many rows in A and C.
#[expect(clippy::too_many_arguments, reason = "as BLAS has them")]
pub(crate) unsafe fn gemm_of_tiles_in_pieces<F: Real>(
    tiles: usize,
    sizes: [usize; 3],
    alpha: F,
    a: Operand<F>,
    b: Operand<F>,
    beta: F,
    c: *mut F,
    ldc: usize,
) {
    let [m, n, k] = sizes;
    let [rows, columns, depth] = piece::<F>(sizes);
    for l in (0..k).step_by(depth) {
        for j in (0..n).step_by(columns) {
            for first in (0..tiles * m).step_by(m.max(1)) {
                for i in (0..m).step_by(rows) {
                    let sizes = [rows.min(m - i), columns.min(n - j), depth.min(k - l)];
                    let (i, beta) = (first + i, if l == 0 { beta } else { F::one() });
                    // SAFETY: each piece lies within the matrices that the caller vouches for.
                    unsafe { gemm(sizes, alpha, a.from(i, l), b.from(l, j), beta, c.add(i * ldc + j), ldc) };
                }
            }
        }
    }
}

/// Whether a product of these sizes is worth the turning of A and C. For each multiplication that is 1/n + 1/k of a number turned,
/// where OpenBLAS would copy 1/m of a number of B. A long A would take a large scratch.
pub(crate) fn pays_to_turn([m, n, k]: [usize; 3]) -> bool {
    m >= 16 && n.min(k) > 2 * m && k <= 8 * DEPTH
}

/// C ← α A B + β C where B is transposed in memory and A is not: as Cᵀ = Bᵀ Aᵀ, with copies of A and C turned over.
///
/// # Safety
/// As [`gemm`].
pub(crate) unsafe fn gemm_turned<F: Real>(
    [m, n, k]: [usize; 3],
    alpha: F,
    a: Operand<F>,
    b: Operand<F>,
    beta: F,
    c: *mut F,
    ldc: usize,
) {
    let b_turned = Operand { transposed: !b.transposed, ..b };
    let width = m.min(ROW_BYTES / F::BYTES);
    let [rows, ..] = piece::<F>([n, width, k]);
    with_scratch((k + rows) * width, |scratch| {
        let (a_turned, c_turned) = scratch.split_at_mut(k * width);
        for i in (0..m).step_by(width) {
            let width = width.min(m - i);
            // SAFETY: k numbers from each row's start on are A's, which the caller vouches for.
            let row = |r| unsafe { std::slice::from_raw_parts(a.from(i + r, 0).data, k) };
            turn(width, row, a_turned);
            let a_turned = Operand { data: a_turned.as_ptr(), transposed: false, leading_dimension: width };
            for j in (0..n).step_by(rows) {
                let rows = rows.min(n - j);
                let (sizes, b, c_turned) = ([rows, width, k], b_turned.from(j, 0), &mut *c_turned);
                // SAFETY: B is as the caller says; the others lie in the scratch, which has their sizes.
                unsafe { gemm_in_pieces(sizes, alpha, b, a_turned, F::zero(), c_turned.as_mut_ptr(), width) };
                for r in 0..width {
                    // SAFETY: these numbers are C's, which the caller vouches for, and nothing else refers to them.
                    let row = unsafe { std::slice::from_raw_parts_mut(c.add((i + r) * ldc + j), rows) };
                    let column = c_turned[r..].iter().step_by(width);
                    if beta == F::zero() {
                        row.iter_mut().zip(column).for_each(|(c, &new)| *c = new);
                    } else {
                        row.iter_mut().zip(column).for_each(|(c, &new)| *c = new + beta * *c);
                    }
                }
            }
        }
    });
}

/// turned\[l, r\] ← row(r)\[l\], where `turned` is `width` wide.
fn turn<'a, F: Real>(width: usize, row: impl Fn(usize) -> &'a [F], turned: &mut [F]) {
    // So many columns at a time that what is written stays in the nearest cache.
    const COLUMNS: usize = 16;
    let depth = row(0).len();
    for l in (0..depth).step_by(COLUMNS) {
        let end = depth.min(l + COLUMNS);
        let turned = &mut turned[l * width..end * width];
        for r in 0..width {
            for (turned, &x) in turned[r..].iter_mut().step_by(width).zip(&row(r)[l..end]) {
                *turned = x;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_small_enough_and_never_empty() {
        for m in [1, 5, 12, 64, 1000, 100_000] {
            for n in [1, 10, 63, 64, 65, 5000] {
                for k in [1, 784, 1024, 1025, 4096, 1_000_000] {
                    for [rows, columns, depth] in [piece::<f32>([m, n, k]), piece::<f64>([m, n, k])] {
                        assert!(rows * columns * depth <= LARGEST, "{m} {n} {k}: {rows} {columns} {depth}");
                        assert!(rows >= m.min(ROW_MULTIPLE) && columns >= 1 && (1..=DEPTH).contains(&depth));
                    }
                }
            }
        }
    }
}
