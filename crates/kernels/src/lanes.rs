//! A few numbers that one instruction computes at once, at each level of SIMD.

#[cfg(wide_simd)]
mod avx2;
#[cfg(wide_simd)]
mod avx512;
mod portable;

use crate::simd;
use chainrule_core::Real;
use ndarray::ArrayViewMut1;
use std::ops::{Add, Div, Mul, Sub};

/// 64 bytes of numbers: 16 f32 or 8 f64, whatever the registers' width, so that a kernel adds in the same order at every level.
///
/// Where there are no such registers a method must not be called; [`dispatch`] sees to it.
pub(crate) trait Lanes<F: Real>:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// Yes or no for each lane.
    type Mask: Copy;

    const WIDTH: usize = 64 / F::BYTES;

    /// Whether there are registers for a block of samples of a few classes.
    const TILES: bool = true;

    /// Whether a loop of exponentials leaves registers for something beside them.
    const SPARE: bool = false;

    fn splat(x: F) -> Self;
    /// Of exactly [`Lanes::WIDTH`] numbers, as is [`Lanes::store`].
    fn load(x: &[F]) -> Self;
    fn store(self, y: &mut [F]);

    /// Of at most [`Lanes::WIDTH`] numbers; `rest` is in the lanes beyond them.
    #[inline(always)]
    fn load_part(x: &[F], rest: F) -> Self {
        let mut lanes = [rest; 16];
        lanes[..x.len()].copy_from_slice(x);
        Self::load(&lanes[..Self::WIDTH])
    }

    /// The first lanes, at most [`Lanes::WIDTH`].
    #[inline(always)]
    fn store_part(self, y: &mut [F]) {
        let mut lanes = [F::zero(); 16];
        self.store(&mut lanes[..Self::WIDTH]);
        y.copy_from_slice(&lanes[..y.len()]);
    }

    /// Runs a kernel at this level, as a function of its own if it is long.
    fn call(kernel: impl Kernel<F>);

    /// Asks for the 64 bytes at an address, whatever is there, to be brought into the cache.
    #[inline(always)]
    fn prefetch(_at: *const F) {}

    /// self · b + c, rounded once where the level has FMA, else twice.
    fn mul_add(self, b: Self, c: Self) -> Self;
    /// The larger; `self` where `other` is NaN.
    fn larger(self, other: Self) -> Self;
    fn less(self, other: Self) -> Self::Mask;
    /// Yes where one is NaN.
    fn not_less(self, other: Self) -> Self::Mask;
    /// Yes where one is NaN.
    fn differ(self, other: Self) -> Self::Mask;
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;

    /// The lowest bits as the exponent: 2^(n - bias) of a number whose representation ends in n.
    fn power(self) -> Self;
    /// (n, m) with self = 2ⁿ m and m between √½ and √2, of a number that is at least 1 and finite.
    fn split(self) -> (Self, Self);

    /// Both one after the other, number by number in turns: a₀ b₀ a₁ b₁ ….
    fn zip(self, other: Self) -> (Self, Self);
    /// The inverse of [`Lanes::zip`]: the numbers at even places of both, one after the other, and those at odd places.
    fn unzip(self, other: Self) -> (Self, Self);
    /// The second half of the numbers, and then the first half of the other's.
    fn middle(self, other: Self) -> Self;

    /// The sum of the lanes, each half added to the other.
    fn sum(self) -> F;
    fn largest(self) -> F;
}

/// Turns a matrix of [`Lanes::WIDTH`] rows round: as many riffles as the width has bits.
#[inline(always)]
pub(crate) fn transpose<F: Real, L: Lanes<F>>(mut rows: [L; 16]) -> [L; 16] {
    let half = L::WIDTH / 2;
    let mut width = 1;
    while width < L::WIDTH {
        let mut riffled = rows;
        for i in 0..half {
            (riffled[2 * i], riffled[2 * i + 1]) = rows[i].zip(rows[i + half]);
        }
        rows = riffled;
        width *= 2;
    }
    rows
}

/// Sums, or finds the largest of, the numbers of each register, and puts the results side by side: half of one with half of another, which takes
/// fewer riffles than turning them all round.
#[inline(always)]
pub(crate) fn side_by_side<F: Real, L: Lanes<F>, const LARGEST: bool>(mut rows: [L; 16]) -> L {
    let mut count = L::WIDTH;
    while count > 1 {
        count /= 2;
        for i in 0..count {
            let (low, high) = rows[i].zip(rows[i + count]);
            rows[i] = if LARGEST { low.larger(high) } else { low + high };
        }
    }
    rows[0]
}

/// The number in all lanes.
#[inline(always)]
pub(crate) fn splat<F: Real, L: Lanes<F>>(x: f64) -> L {
    L::splat(F::of(x))
}

/// At most [`Lanes::WIDTH`] numbers, and 0 beyond them: where the number is not known before, most often it is all.
#[inline(always)]
pub(crate) fn load_some<F: Real, L: Lanes<F>>(x: &[F]) -> L {
    if x.len() == L::WIDTH { L::load(x) } else { L::load_part(x, F::zero()) }
}

#[inline(always)]
pub(crate) fn store_some<F: Real, L: Lanes<F>>(register: L, y: &mut [F]) {
    if y.len() == L::WIDTH { register.store(y) } else { register.store_part(y) }
}

/// Writes the first lanes from number `start` on, as many as there are numbers.
#[inline(always)]
pub(crate) fn store_from<F: Real, L: Lanes<F>>(lanes: L, start: usize, y: &mut ArrayViewMut1<F>) {
    let count = L::WIDTH.min(y.len() - start);
    match y.as_slice_mut() {
        Some(y) => lanes.store_part(&mut y[start..start + count]),
        None => {
            let mut numbers = [F::zero(); 16];
            lanes.store_part(&mut numbers[..count]);
            for (i, &number) in numbers[..count].iter().enumerate() {
                y[start + i] = number;
            }
        }
    }
}

/// Numbers that do not follow one another in memory, and 0 beyond them.
#[inline(always)]
pub(crate) fn gathered<F: Real, L: Lanes<F>>(count: usize, numbers: impl Iterator<Item = F>) -> L {
    let mut lanes = [F::zero(); 16];
    for (lane, number) in lanes[..count].iter_mut().zip(numbers) {
        *lane = number;
    }
    L::load(&lanes[..L::WIDTH])
}

/// 0, 1, 2, …
#[inline(always)]
pub(crate) fn places<F: Real, L: Lanes<F>>() -> L {
    let mut places = [F::zero(); 16];
    for (lane, place) in places.iter_mut().enumerate() {
        *place = F::of(lane as f64);
    }
    L::load(&places[..L::WIDTH])
}

/// Σ cᵢ rⁱ. The number of coefficients is a constant, without which the loop would not be unrolled.
#[inline(always)]
pub(crate) fn polynomial<F: Real, L: Lanes<F>, const C: usize, const N: usize>(
    c: &[f64; C],
    r: [L; N],
) -> [L; N] {
    let mut sum: [L; N] = [splat(c[C - 1]); N];
    for power in (0..C - 1).rev() {
        for i in 0..N {
            sum[i] = sum[i].mul_add(r[i], splat(c[power]));
        }
    }
    sum
}

/// A computation in [`Lanes`], of whatever level.
///
/// The levels are methods, so that each is compiled once, and beside its kernel: functions would all be compiled one after the other.
pub(crate) trait Kernel<F: Real>: Sized {
    /// `#[inline(always)]`, and so must be all that it calls, but by [`Lanes::call`]: registers exist only inside [`dispatch`].
    fn run<L: Lanes<F>>(self);

    #[inline(never)]
    fn portable(self) {
        self.run::<portable::Portable<F>>();
    }

    /// # Safety
    /// The processor must have the features.
    #[cfg(wide_simd)]
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    unsafe fn avx512(self) {
        self.run::<avx512::Avx512<F>>();
    }

    /// # Safety
    /// The processor must have the features.
    #[cfg(wide_simd)]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2(self) {
        self.run::<avx2::Avx2<F>>();
    }
}

/// Runs the kernel at this process's [`SimdLevel`].
#[inline(always)]
pub(crate) fn dispatch<F: Real>(kernel: impl Kernel<F>) {
    match simd::simd_level() {
        #[cfg(wide_simd)]
        // SAFETY: simd_level found the features on this processor.
        simd::SimdLevel::Avx512 => unsafe { kernel.avx512() },
        #[cfg(wide_simd)]
        // SAFETY: simd_level found the features on this processor.
        simd::SimdLevel::Avx2 => unsafe { kernel.avx2() },
        _ => kernel.portable(),
    }
}
