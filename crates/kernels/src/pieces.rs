//! A product in pieces that OpenBLAS's kernels for small matrices take.
//!
//! They read the matrices where they lie. Above [`LARGEST`], and for A times a transposed B, OpenBLAS copies both into an
//! order of its own first, for every call: at the sizes of a tile that is a tenth to a half of the time.

use crate::blas::{Operand, Product, gemm};
use crate::scratch::with_scratch;
use crate::turn::turn;
use chainrule_core::Real;

/// Multiplications up to which OpenBLAS takes its kernels for small matrices (its `small_matrix_permit`).
const LARGEST: usize = 1_000_000;

/// Bytes of a row of B in a piece: four registers of AVX-512, which is what those kernels work on at a time.
pub(crate) const ROW_BYTES: usize = 256;

/// Terms of a sum in a piece, at most: more would leave too few rows under [`LARGEST`], and too much of B for the caches.
const DEPTH: usize = 512;

/// The same of a turned product, whose rows are columns of B: so a piece is some 500 bytes of each row of B, which are read from one page.
const TURNED_DEPTH: usize = 128;

/// Bytes of the part of A that all pieces of one range of columns read, at most: it must stay in a core's cache.
const A_BYTES: usize = 1 << 19;

/// Bytes of a matrix that a core may read again and again without going to memory.
pub(crate) const CACHED: usize = 16 << 20;

/// Rows of a piece are a multiple of this where there is a choice: the kernels take six or four at a time.
const ROW_MULTIPLE: usize = 12;

/// (rows, columns, depth) of the pieces of a product of these sizes.
fn piece<F: Real>([m, n, k]: [usize; 3], most_depth: usize) -> [usize; 3] {
    let columns = n.min(ROW_BYTES / F::BYTES);
    let depth = k.div_ceil(k.div_ceil(most_depth));
    let rows = LARGEST / (columns * depth);
    [if m <= rows { m } else { rows - rows % ROW_MULTIPLE }, columns, depth]
}

/// Whether a product of these sizes is faster in pieces: A is read again for every few columns.
pub(crate) fn pays_to_cut<F: Real>([m, _, k]: [usize; 3]) -> bool {
    m.saturating_mul(k.min(DEPTH) * F::BYTES) <= A_BYTES
}

/// The product in pieces, as [`gemm`].
///
/// # Safety
/// As [`gemm`].
pub(crate) unsafe fn gemm_in_pieces<F: Real>(product: Product<F>) {
    let Product { sizes: [m, n, k], a, b, beta, c, ldc, .. } = product;
    let [rows, columns, depth] = piece::<F>(product.sizes, DEPTH);
    for l in (0..k).step_by(depth) {
        for j in (0..n).step_by(columns) {
            for i in (0..m).step_by(rows) {
                let sizes = [rows.min(m - i), columns.min(n - j), depth.min(k - l)];
                let beta = if l == 0 { beta } else { F::one() };
                let (a, b) = (a.from(i, l), b.from(l, j));
                // SAFETY: each piece lies within the matrices that the caller vouches for.
                unsafe { gemm(Product { sizes, a, b, beta, c: c.add(i * ldc + j), ..product }) };
            }
        }
    }
}

/// Whether A times a transposed B is worth the turning of A and C: where OpenBLAS would copy all of B, as it takes such a product as it lies only within bounds of its
/// own (`sgemm_small_kernel_permit_skylakex.c`), and the sums are long enough. A long A would take a large scratch; and B is read again for every piece's width of A, while OpenBLAS
/// would copy it once: it must lie in a cache, with room for more.
pub(crate) fn pays_to_turn<F: Real>([m, n, k]: [usize; 3]) -> bool {
    const LARGEST_RESULT: usize = 1200;
    const SHORTEST_SUM: usize = 32;
    let results = m.saturating_mul(n);
    let as_it_lies = results <= LARGEST_RESULT && k >= SHORTEST_SUM && results.saturating_mul(k) <= LARGEST;
    let bytes = m * F::BYTES;
    // Registers of AVX-512, a part of one, or several and a part.
    let shortest = if bytes < 64 || bytes.is_multiple_of(64) { 64 } else { 256 } / F::BYTES;
    !as_it_lies
        && (shortest..=8 * DEPTH).contains(&k)
        && (bytes <= ROW_BYTES || n.saturating_mul(k * F::BYTES) <= CACHED / 2)
}

/// [`pays_to_turn`] where B is not transposed, has long rows, and more of them than the nearest cache holds of a piece's columns, which are fewer where rows share the same few
/// sets of it: rows are read once then, some hundred numbers at a time, and not a few numbers of each, from another page with every few rows, again for every few rows of A.
/// What is turned must fill registers of AVX-512, two at least; where it fills several times as many as a piece has, B is read as often, and must not come from memory.
pub(crate) fn pays_to_turn_both<F: Real>([m, n, k]: [usize; 3], row_of_b: usize) -> bool {
    const LONG: usize = 640;
    let (bytes, bytes_of_b) = (m * F::BYTES, row_of_b * F::BYTES);
    let many = if bytes_of_b.is_multiple_of(512) { 64 } else { 161 };
    let reads_once = bytes <= ROW_BYTES || n.saturating_mul(k * F::BYTES) <= CACHED;
    let fills_registers = bytes >= 128 && bytes.is_multiple_of(64);
    fills_registers && reads_once && n >= 2 * m && (many..=8 * DEPTH).contains(&k) && bytes_of_b >= LONG
}

/// The product where A is not transposed in memory: as Cᵀ = Bᵀ Aᵀ, with copies of A and C turned over.
///
/// # Safety
/// As [`gemm`].
pub(crate) unsafe fn gemm_turned<F: Real>(product: Product<F>) {
    let Product { sizes: [m, n, k], alpha, a, b, beta, c, ldc } = product;
    let b_turned = Operand { transposed: !b.transposed, ..b };
    let width = m.min(ROW_BYTES / F::BYTES);
    let [rows, _, depth] = piece::<F>([n, width, k], TURNED_DEPTH);
    with_scratch((k + rows) * width, |scratch| {
        let (a_turned, c_turned) = scratch.split_at_mut(k * width);
        for i in (0..m).step_by(width) {
            let width = width.min(m - i);
            let rows_of_a = a.from(i, 0);
            // SAFETY: they are A's, which the caller vouches for, and the scratch has room for them.
            unsafe {
                let (from, to) =
                    ((rows_of_a.data, rows_of_a.leading_dimension), (a_turned.as_mut_ptr(), width));
                turn(from, [width, k], to, F::zero());
            }
            let a_turned = Operand { data: a_turned.as_ptr(), transposed: false, leading_dimension: width };
            for j in (0..n).step_by(rows) {
                let rows = rows.min(n - j);
                for l in (0..k).step_by(depth) {
                    let (sizes, b, a) =
                        ([rows, width, depth.min(k - l)], b_turned.from(j, l), a_turned.from(l, 0));
                    let (beta, c) = (if l == 0 { F::zero() } else { F::one() }, c_turned.as_mut_ptr());
                    // SAFETY: B is as the caller says; the others lie in the scratch, which has their sizes.
                    unsafe { gemm(Product { sizes, alpha, a: b, b: a, beta, c, ldc: width }) };
                }
                // SAFETY: these numbers are C's, which the caller vouches for, and nothing else refers to them.
                unsafe { turn((c_turned.as_ptr(), width), [rows, width], (c.add(i * ldc + j), ldc), beta) };
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_small_enough_and_never_empty() {
        for m in [1, 5, 12, 64, 1000, 100_000] {
            for n in [1, 10, 63, 64, 65, 5000] {
                for k in [1, 784, 1024, 1025, 4096, 1_000_000] {
                    for most in [DEPTH, TURNED_DEPTH] {
                        for [rows, columns, depth] in
                            [piece::<f32>([m, n, k], most), piece::<f64>([m, n, k], most)]
                        {
                            assert!(
                                rows * columns * depth <= LARGEST,
                                "{m} {n} {k}: {rows} {columns} {depth}"
                            );
                            assert!(
                                rows >= m.min(ROW_MULTIPLE) && columns >= 1 && (1..=most).contains(&depth)
                            );
                        }
                    }
                }
            }
        }
    }
}
