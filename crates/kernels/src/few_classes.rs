use crate::lanes::{Lanes, transpose};
use crate::lanes_ln_1p::ln_1p;
use crate::rows::{row, row_mut};
use crate::scaled_exp::{ScaledExp, TWO_TO_64};
use crate::softmax::{Exponentials, Normalizer};
use chainrule_core::Real;
use ndarray::{ArrayView2, ArrayViewMut2};
use std::mem::MaybeUninit;
use std::slice;

/// Up to so many classes samples, not classes, lie side by side in the registers: a row of ten would leave most lanes empty.
pub(crate) const FEW: usize = 128;

/// Classes at a time.
pub(crate) const GROUP: usize = 4;

/// What the exponentials of a block of samples sum to, sample by sample.
#[derive(Clone, Copy)]
pub(crate) struct LaneNormalizers<L> {
    /// The largest logit.
    pub(crate) max: L,
    /// 1 / Σ exp(x - max), for exponentials times 2⁶⁴.
    pub(crate) factor: L,
    /// Σ exp(x - max) - 1
    excess: L,
}

/// Calls `each` with the number of the first row of each block of [`Lanes::WIDTH`] samples, how many of them there are, and their
/// logits, class by class; classes that there are not, up to a multiple of [`GROUP`], have -∞.
///
/// What a row gives does not depend on the rows around it.
#[inline(always)]
pub(crate) fn for_each_block<F: Real, L: Lanes<F>>(
    x: &ArrayView2<F>,
    mut each: impl FnMut(usize, usize, &mut [L]),
) {
    let (rows, classes) = x.dim();
    // Not set up first, which would take as long as a small batch.
    let mut block = [const { MaybeUninit::<L>::uninit() }; FEW];
    let padded = classes.next_multiple_of(GROUP);
    assert!(padded <= FEW);
    for start in (0..rows).step_by(L::WIDTH) {
        let count = L::WIDTH.min(rows - start);
        for first in (0..classes).step_by(L::WIDTH) {
            let last = classes.min(first + L::WIDTH);
            let mut square = [L::splat(F::zero()); 16];
            for (lane, line) in square[..L::WIDTH].iter_mut().enumerate() {
                // Lanes beyond the last row repeat it.
                let row = row(x, start + lane.min(count - 1));
                *line = L::load_part(&row[first..last], F::neg_infinity());
            }
            for (of_class, line) in block[first..].iter_mut().zip(transpose(square)) {
                of_class.write(line);
            }
        }
        // SAFETY: all classes up to the last of a whole group were written: a group is no wider than `transpose`'s squares.
        let block = unsafe { slice::from_raw_parts_mut(block.as_mut_ptr().cast::<L>(), padded) };
        each(start, count, block);
    }
}

/// Writes a block back, sample by sample.
#[inline(always)]
pub(crate) fn write_block<F: Real, L: Lanes<F>>(
    block: &[L],
    start: usize,
    count: usize,
    y: &mut ArrayViewMut2<F>,
) {
    for first in (0..y.ncols()).step_by(L::WIDTH) {
        let last = y.ncols().min(first + L::WIDTH);
        let mut square = [L::splat(F::zero()); 16];
        for (line, &of_class) in square.iter_mut().zip(&block[first..last]) {
            *line = of_class;
        }
        for (lane, line) in transpose(square)[..count].iter().enumerate() {
            line.store_part(&mut row_mut(y, start + lane)[first..last]);
        }
    }
}

/// x ← exp(x - max) 2⁶⁴, sample by sample.
#[inline(always)]
pub(crate) fn exponentials<F: Real, L: Lanes<F>>(block: &mut [L]) -> LaneNormalizers<L> {
    let mut sums = Sums::new(block);
    for classes in block.chunks_exact_mut(GROUP) {
        sums.take::<F, GROUP>(classes);
    }
    sums.normalizers()
}

/// [`exponentials`] of a tile.
#[inline(always)]
pub(crate) fn tile_exponentials<F: Real, L: Lanes<F>, const C: usize>(
    tile: &mut [L; C],
) -> LaneNormalizers<L> {
    let mut sums = Sums::new(tile);
    // Written out: no loop may be left.
    if C >= GROUP {
        sums.take::<F, GROUP>(&mut tile[..GROUP]);
    }
    if C >= 2 * GROUP {
        sums.take::<F, GROUP>(&mut tile[GROUP..2 * GROUP]);
    }
    if C >= 3 * GROUP {
        sums.take::<F, GROUP>(&mut tile[2 * GROUP..3 * GROUP]);
    }
    if C >= 4 * GROUP {
        sums.take::<F, GROUP>(&mut tile[3 * GROUP..4 * GROUP]);
    }
    let rest = &mut tile[C - C % GROUP..];
    match C % GROUP {
        1 => sums.take::<F, 1>(rest),
        2 => sums.take::<F, 2>(rest),
        3 => sums.take::<F, 3>(rest),
        _ => {}
    }
    sums.normalizers()
}

/// Sums of exponentials, sample by sample. As for many classes: the largest, which are exactly 1, apart. And not one after the other,
/// which would add up roundings.
struct Sums<L> {
    max: L,
    exp: ScaledExp<L>,
    below: [L; GROUP],
    all: [L; GROUP],
}

impl<L> Sums<L> {
    #[inline(always)]
    fn new<F: Real>(block: &[L]) -> Self
    where
        L: Lanes<F>,
    {
        let mut max = [L::splat(F::neg_infinity()); GROUP];
        for (i, &x) in block.iter().enumerate() {
            max[i % GROUP] = max[i % GROUP].larger(x);
        }
        let max = max[0].larger(max[1]).larger(max[2].larger(max[3]));
        let zero = [L::splat(F::zero()); GROUP];
        Sums { max, exp: ScaledExp::new(max), below: zero, all: zero }
    }

    /// Makes exponentials of N classes, at most [`GROUP`].
    #[inline(always)]
    fn take<F: Real, const N: usize>(&mut self, classes: &mut [L])
    where
        L: Lanes<F>,
    {
        const { assert!(0 < N && N <= GROUP) };
        let one = L::splat(F::of(TWO_TO_64));
        let group = self.exp.of(*classes.first_chunk::<N>().expect("N classes"));
        for i in 0..N {
            let e = group[i];
            self.below[i] = L::select(e.differ(one), self.below[i] + e, self.below[i]);
            self.all[i] = self.all[i] + e;
            classes[i] = e;
        }
    }

    #[inline(always)]
    fn normalizers<F: Real>(self) -> LaneNormalizers<L>
    where
        L: Lanes<F>,
    {
        let (one, below) = (L::splat(F::one()), total(self.below));
        // How many are largest: rounded to a whole number.
        let rounder = L::splat(F::of(1.5 / F::epsilon().as_f64()));
        let largest = (total(self.all) - below + rounder) - rounder;
        let factor = L::splat(F::of(1.0 / TWO_TO_64)) / (below + largest);
        LaneNormalizers { max: self.max, factor, excess: below + (largest - one) }
    }
}

/// Of exponentials times 2⁶⁴.
#[inline(always)]
fn total<F: Real, L: Lanes<F>>(parts: [L; GROUP]) -> L {
    ((parts[0] + parts[1]) + (parts[2] + parts[3])) * L::splat(F::of(1.0 / TWO_TO_64))
}

impl<L> LaneNormalizers<L> {
    /// log Σ exp(x - max)
    #[inline(always)]
    pub(crate) fn log_sum<F: Real>(&self) -> L
    where
        L: Lanes<F>,
    {
        ln_1p(self.excess)
    }

    /// Calls `each` with each sample's place in the block, its normalizer, and 1 / Σ exp.
    #[inline(always)]
    pub(crate) fn for_each<F: Real>(&self, count: usize, mut each: impl FnMut(usize, Normalizer<F>, f64))
    where
        L: Lanes<F>,
    {
        let (mut max, mut factor, mut log_sum) = ([F::zero(); 16], [F::zero(); 16], [F::zero(); 16]);
        self.max.store(&mut max[..L::WIDTH]);
        self.factor.store(&mut factor[..L::WIDTH]);
        self.log_sum().store(&mut log_sum[..L::WIDTH]);
        for sample in 0..count {
            let normalizer = Normalizer { max: max[sample], log_sum: log_sum[sample] };
            each(sample, normalizer, factor[sample].as_f64() * TWO_TO_64);
        }
    }
}

/// Writes the exponentials of each row, and calls `each` with its number, its logits, them, and the normalizer.
#[inline(always)]
pub(crate) fn for_each_exponential_row<F: Real, L: Lanes<F>>(
    x: &ArrayView2<F>,
    e: &mut ArrayViewMut2<F>,
    mut each: impl FnMut(usize, &[F], Exponentials<F>, Normalizer<F>),
) {
    for_each_block::<F, L>(
        x,
        #[inline(always)]
        |start, count, block| {
            let normalizers = exponentials(block);
            write_block(block, start, count, e);
            normalizers.for_each(
                count,
                #[inline(always)]
                |sample, normalizer, share| {
                    let (x, scaled) = (row(x, start + sample), row_mut(e, start + sample));
                    each(
                        start + sample,
                        x,
                        Exponentials { scaled, block: FEW, shares: &[share] },
                        normalizer,
                    );
                },
            );
        },
    );
}
