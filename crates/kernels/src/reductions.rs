use crate::compile_once::compile_once;
use crate::rows::row;
use crate::vectorize;
use chainrule_core::Real;
use ndarray::ArrayView2;

/// sums\[j\] ← Σᵢ x\[i, j\], row after row. Shapes: x (rows, width), sums (width).
///
/// # Panics
/// If `sums` is not as long as the rows of x.
#[track_caller]
pub fn column_sums<F: Real>(x: ArrayView2<F>, sums: &mut [F]) {
    assert!(sums.len() == x.ncols(), "column_sums: {} sums, x is {:?}", sums.len(), x.dim());
    compile_once!(|x: ArrayView2<F>, sums: &mut [F]| {
        sums.fill(F::zero());
        vectorize(
            #[inline(always)]
            || {
                for i in 0..x.nrows() {
                    for (sum, &x) in sums.iter_mut().zip(row(&x, i)) {
                        *sum += x;
                    }
                }
            },
        );
    });
}

/// Σ xᵢ² in f64, in which the squares of f32 are exact; in 16 sums that are then added pairwise.
///
/// ```
/// assert_eq!(chainrule_kernels::sum_of_squares(&[3.0_f32, -4.0]), 25.0);
/// ```
pub fn sum_of_squares<F: Real>(x: &[F]) -> f64 {
    fn add<F: Real>(x: &[F], sum: &mut f64) {
        compile_once!(|x: &[F], sum: &mut f64| {
            *sum = vectorize(
                #[inline(always)]
                || {
                    let (whole, rest) = x.as_chunks::<LANES>();
                    let (mut lanes, mut last) = ([0.0; LANES], [0.0; LANES]);
                    for x in whole {
                        for lane in 0..LANES {
                            lanes[lane] += x[lane].as_f64() * x[lane].as_f64();
                        }
                    }
                    for (last, x) in last.iter_mut().zip(rest) {
                        *last = x.as_f64() * x.as_f64();
                    }
                    for lane in 0..LANES {
                        lanes[lane] += last[lane];
                    }
                    add_pairwise(lanes)
                },
            );
        });
    }
    let mut sum = 0.0;
    add(x, &mut sum);
    sum
}

/// Partial results of a reduction: as many as fill the widest registers, so that it is the same sum at every level of
/// SIMD, and a more exact one than term after term.
pub(crate) const LANES: usize = 16;

/// Terms that one partial result takes before they all go into a total in f64: few enough for the roundings of f32 to
/// stay below one unit in the last place of a sum of any length.
pub(crate) const BLOCK: usize = 16 * LANES;

/// Σ f(xᵢ, yᵢ), in [`LANES`] interleaved sums that are then added pairwise, block by block.
#[inline(always)]
pub(crate) fn sum_of<F: Real>(x: &[F], y: &[F], f: impl Fn(F, F) -> F) -> F {
    if x.len() <= BLOCK {
        return sum_of_block(x, y, &f);
    }
    // A plain loop: what an iterator calls may be compiled on its own, without the registers that `vectorize` is for.
    let mut total = 0.0;
    for (x, y) in x.chunks(BLOCK).zip(y.chunks(BLOCK)) {
        total += sum_of_block(x, y, &f).as_f64();
    }
    F::of(total)
}

#[inline(always)]
fn sum_of_block<F: Real>(x: &[F], y: &[F], f: &impl Fn(F, F) -> F) -> F {
    let mut lanes = [F::zero(); LANES];
    let (x_chunks, y_chunks) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let (x_rest, y_rest) = (x_chunks.remainder(), y_chunks.remainder());
    for (x, y) in x_chunks.zip(y_chunks) {
        for lane in 0..LANES {
            lanes[lane] += f(x[lane], y[lane]);
        }
    }
    // The lanes stay in registers only if no index into them is computed.
    let mut rest = [F::zero(); LANES];
    for (rest, (&x, &y)) in rest.iter_mut().zip(x_rest.iter().zip(y_rest)) {
        *rest = f(x, y);
    }
    for lane in 0..LANES {
        lanes[lane] += rest[lane];
    }
    add_pairwise(lanes)
}

/// The sum of the lanes, each half added to the other.
#[inline(always)]
pub(crate) fn add_pairwise<F: Real>(mut lanes: [F; LANES]) -> F {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// Σ xᵢ
#[inline(always)]
pub(crate) fn sum<F: Real>(x: &[F]) -> F {
    sum_of(x, x, |x, _| x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Integers add exactly, so every order of summation must give the same.
        #[test]
        fn reductions_see_every_value(values in prop::collection::vec(-1000_i32..1000, 0..700)) {
            let x: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
            prop_assert_eq!(sum(&x), x.iter().sum::<f64>());
            let squares = x.iter().map(|x| x * x).sum::<f64>();
            prop_assert_eq!(sum_of(&x, &x, |x, y| x * y), squares);
            prop_assert_eq!(sum_of_squares(&x), squares);
            prop_assert_eq!(sum_of_squares(&x.iter().map(|&x| x as f32).collect::<Vec<_>>()), squares);
        }
    }
}
