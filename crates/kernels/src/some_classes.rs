use crate::lane_normalizers::LaneNormalizers;
use crate::lanes::{Lanes, side_by_side};
use crate::rows::row;
use crate::scaled_exp::{ScaledExp, TWO_TO_64};
use chainrule_core::{Precision, Real};
use ndarray::ArrayView2;
use std::mem::MaybeUninit;
use std::slice;

/// Whether there are so few classes that rows go by blocks of [`Lanes::WIDTH`]. The logits of a row lie side by side in the registers, and what
/// is one number a row, as its largest logit and its sum, side by side for a block: within a register it would take longer than all
/// else of a short row. In f64 blocks of more classes take as long as rows one by one, or longer.
#[inline(always)]
pub(crate) fn by_blocks<F: Real>(classes: usize) -> bool {
    classes
        <= match F::PRECISION {
            Precision::Single => REGISTERS,
            Precision::Double => 256,
        }
}

/// The registers of a block at most: 16 rows of as many f32, 8 of 256 f64.
const REGISTERS: usize = 320;

/// Calls `each` with the number of the first row of each block, the registers of its exponentials times 2⁶⁴, row by row, and
/// what they sum to. Where a row ends within a register, 0 follows.
#[inline(always)]
pub(crate) fn for_each_block<F: Real, L: Lanes<F>>(
    x: &ArrayView2<F>,
    mut each: impl FnMut(usize, &[L], LaneNormalizers<L>),
) {
    // Not set up first, which would take as long as a small batch.
    let mut block = [const { MaybeUninit::<L>::uninit() }; REGISTERS];
    let of_row = x.ncols().div_ceil(L::WIDTH);
    assert!(L::WIDTH * of_row <= REGISTERS);
    let mut max = largest::<F, L>(x, 0);
    let mut exp = ScaledExp::new(max).lanes();
    for start in (0..x.nrows()).step_by(L::WIDTH) {
        let count = L::WIDTH.min(x.nrows() - start);
        let mut sums = [L::splat(F::of(TWO_TO_64)); 16];
        for lane in 0..count {
            let e = &mut block[lane * of_row..(lane + 1) * of_row];
            sums[lane] = exponentials(exp.of(lane), row(x, start + lane), e);
        }
        // SAFETY: each of these rows wrote all of its registers.
        let block = unsafe { slice::from_raw_parts(block.as_ptr().cast::<L>(), count * of_row) };
        let all = side_by_side::<F, L, false>(sums);
        let mut below = all - L::splat(F::of(TWO_TO_64));
        let unsure = all.less(L::splat(F::of(4.0 * TWO_TO_64)));
        // Not of the sums themselves, as one row's NaN would hide another's.
        if L::select(unsure, L::splat(F::one()), L::splat(F::zero())).largest() > F::zero() {
            for (sum, e) in sums.iter_mut().zip(block.chunks_exact(of_row)) {
                *sum = sum_below(e);
            }
            below = L::select(unsure, side_by_side::<F, L, false>(sums), below);
        }
        let normalizers = LaneNormalizers::new(max, below, all);
        // Before what waits for the sums, and itself long before it is needed.
        max = largest::<F, L>(x, start + L::WIDTH);
        exp = ScaledExp::new(max).lanes();
        each(start, block, normalizers);
    }
}

/// The largest logit of each row; -∞ where rows have ended.
#[inline(always)]
fn largest<F: Real, L: Lanes<F>>(x: &ArrayView2<F>, start: usize) -> L {
    let least = L::splat(F::neg_infinity());
    let mut rows = [least; 16];
    let count = L::WIDTH.min(x.nrows().saturating_sub(start));
    for (lane, largest) in rows[..count].iter_mut().enumerate() {
        let row = row(x, start + lane);
        // The last register overlaps the one before.
        *largest = largest.larger(L::load(&row[row.len() - L::WIDTH..]));
        for x in row.chunks_exact(L::WIDTH) {
            *largest = largest.larger(L::load(x));
        }
    }
    side_by_side::<F, L, true>(rows)
}

/// Writes the exponentials of a row, times 2⁶⁴, and sums them in lanes.
#[inline(always)]
fn exponentials<F: Real, L: Lanes<F>>(exp: ScaledExp<L>, x: &[F], e: &mut [MaybeUninit<L>]) -> L {
    let mut sum = L::splat(F::zero());
    let mut registers = x.chunks_exact(L::WIDTH);
    for (x, e) in (&mut registers).zip(&mut *e) {
        let [of_register] = exp.of([L::load(x)]);
        e.write(of_register);
        sum = sum + of_register;
    }
    let rest = registers.remainder();
    if !rest.is_empty()
        && let Some(e) = e.last_mut()
    {
        let [of_register] = exp.of([L::load_part(rest, F::neg_infinity())]);
        e.write(of_register);
        sum = sum + of_register;
    }
    sum
}

/// The sum of those below the largest, in lanes.
#[inline(always)]
fn sum_below<F: Real, L: Lanes<F>>(e: &[L]) -> L {
    let (mut sum, one) = (L::splat(F::zero()), L::splat(F::of(TWO_TO_64)));
    for &e in e {
        sum = L::select(e.differ(one), sum + e, sum);
    }
    sum
}

/// y ← e · share · factor, of the registers of a row.
#[inline(always)]
pub(crate) fn write_row<F: Real, L: Lanes<F>>(e: &[L], share: F, factor: F, y: &mut [F]) {
    let (share, factor) = (L::splat(share), L::splat(factor));
    let mut registers = y.chunks_exact_mut(L::WIDTH);
    for (&e, y) in e.iter().zip(&mut registers) {
        (e * share * factor).store(y);
    }
    let rest = registers.into_remainder();
    if !rest.is_empty()
        && let Some(&e) = e.last()
    {
        (e * share * factor).store_part(rest);
    }
}
