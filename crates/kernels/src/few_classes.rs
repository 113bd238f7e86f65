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

/// Up to so many classes a block of samples stays in the registers.
pub(crate) const TILE: usize = 16;

/// What the exponentials of a block of samples sum to, sample by sample.
#[derive(Clone, Copy)]
pub(crate) struct LaneNormalizers<L> {
    /// The largest logit.
    pub(crate) max: L,
    /// 1 / Σ exp(x - max), for exponentials times 2⁶⁴.
    pub(crate) factor: L,
    /// log Σ exp(x - max)
    pub(crate) log_sum: L,
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

/// [f(0), f(1), …], written out, as a loop with an index would put into memory what it indexes.
#[inline(always)]
#[rustfmt::skip]
fn for_16<T>(mut f: impl FnMut(usize) -> T) -> [T; 16] {
    [
        f(0), f(1), f(2), f(3), f(4), f(5), f(6), f(7),
        f(8), f(9), f(10), f(11), f(12), f(13), f(14), f(15),
    ]
}

/// As [`for_each_block`], for at most C classes, a multiple of [`GROUP`] of at most [`TILE`]: the block is in the registers.
#[inline(always)]
pub(crate) fn for_each_tile<F: Real, L: Lanes<F>, const C: usize>(
    x: &ArrayView2<F>,
    mut each: impl FnMut(usize, usize, &mut [L; C]),
) {
    let rows = x.nrows();
    for start in (0..rows).step_by(L::WIDTH) {
        let count = L::WIDTH.min(rows - start);
        let low = square::<F, L>(x, start, count, 0);
        let high = if C > L::WIDTH { square::<F, L>(x, start, count, L::WIDTH) } else { low };
        let mut tile = [L::splat(F::zero()); C];
        for (class, of_class) in tile.iter_mut().enumerate() {
            *of_class = if class < L::WIDTH { low[class] } else { high[class - L::WIDTH] };
        }
        each(start, count, &mut tile);
    }
}

/// The classes from `first` on of [`Lanes::WIDTH`] samples, class by class; -∞ for those that there are not.
#[inline(always)]
fn square<F: Real, L: Lanes<F>>(x: &ArrayView2<F>, start: usize, count: usize, first: usize) -> [L; 16] {
    let classes = x.ncols();
    let range = classes.min(first)..classes.min(first + L::WIDTH);
    transpose(for_16(
        #[inline(always)]
        |lane: usize| {
            if lane < L::WIDTH {
                // Lanes beyond the last row repeat it.
                L::load_part(&row(x, start + lane.min(count - 1))[range.clone()], F::neg_infinity())
            } else {
                L::splat(F::zero())
            }
        },
    ))
}

/// As [`write_block`], of a tile.
#[inline(always)]
pub(crate) fn write_tile<F: Real, L: Lanes<F>, const C: usize>(
    tile: &[L; C],
    start: usize,
    count: usize,
    y: &mut ArrayViewMut2<F>,
) {
    write_square(tile, 0, start, count, y);
    if C > L::WIDTH {
        write_square(tile, L::WIDTH, start, count, y);
    }
}

#[inline(always)]
fn write_square<F: Real, L: Lanes<F>, const C: usize>(
    tile: &[L; C],
    first: usize,
    start: usize,
    count: usize,
    y: &mut ArrayViewMut2<F>,
) {
    let classes = y.ncols();
    let range = classes.min(first)..classes.min(first + L::WIDTH);
    let lines = transpose(for_16(
        #[inline(always)]
        |class: usize| {
            if class < L::WIDTH && first + class < C { tile[first + class] } else { L::splat(F::zero()) }
        },
    ));
    for_16(
        #[inline(always)]
        |lane: usize| {
            if lane < count {
                lines[lane].store_part(&mut row_mut(y, start + lane)[range.clone()]);
            }
        },
    );
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
        sums.take(classes);
    }
    sums.normalizers()
}

/// [`exponentials`] of so few classes that they stay in the registers, if no loop is left that indexes them.
#[inline(always)]
pub(crate) fn tile_exponentials<F: Real, L: Lanes<F>>(block: &mut [L]) -> LaneNormalizers<L> {
    let mut sums = Sums::new(block);
    let groups = block.len() / GROUP;
    assert!(groups <= TILE / GROUP);
    if groups > 0 {
        sums.take(&mut block[..GROUP]);
    }
    if groups > 1 {
        sums.take(&mut block[GROUP..2 * GROUP]);
    }
    if groups > 2 {
        sums.take(&mut block[2 * GROUP..3 * GROUP]);
    }
    if groups > 3 {
        sums.take(&mut block[3 * GROUP..]);
    }
    sums.normalizers()
}

/// Sums of exponentials, sample by sample. As for many classes: the largest, which are exactly 1, apart. And not one after the other,
/// which would add up roundings.
struct Sums<L> {
    max: L,
    exp: ScaledExp<L>,
    below: L,
    largest: L,
}

impl<L> Sums<L> {
    #[inline(always)]
    fn new<F: Real>(block: &[L]) -> Self
    where
        L: Lanes<F>,
    {
        let mut max = L::splat(F::neg_infinity());
        for &x in block {
            max = max.larger(x);
        }
        let zero = L::splat(F::zero());
        Sums { max, exp: ScaledExp::new(max), below: zero, largest: zero }
    }

    /// Makes exponentials of a group of classes.
    #[inline(always)]
    fn take<F: Real>(&mut self, classes: &mut [L])
    where
        L: Lanes<F>,
    {
        let (zero, one) = (L::splat(F::zero()), L::splat(F::of(TWO_TO_64)));
        let group: [L; GROUP] = self.exp.of([classes[0], classes[1], classes[2], classes[3]]);
        let mut part = [zero; GROUP];
        for i in 0..GROUP {
            let e = group[i];
            let below_one = e.differ(one);
            part[i] = L::select(below_one, e, zero);
            self.largest = L::select(below_one, self.largest, self.largest + one);
            classes[i] = e;
        }
        self.below = self.below + ((part[0] + part[1]) + (part[2] + part[3]));
    }

    #[inline(always)]
    fn normalizers<F: Real>(self) -> LaneNormalizers<L>
    where
        L: Lanes<F>,
    {
        let one = L::splat(F::of(TWO_TO_64));
        let excess = (self.below + (self.largest - one)) * L::splat(F::of(1.0 / TWO_TO_64));
        let factor = L::splat(F::one()) / (self.below + self.largest);
        LaneNormalizers { max: self.max, factor, log_sum: ln_1p(excess) }
    }
}

impl<L> LaneNormalizers<L> {
    /// Calls `each` with each sample's place in the block, its normalizer, and 1 / Σ exp.
    #[inline(always)]
    pub(crate) fn for_each<F: Real>(&self, count: usize, mut each: impl FnMut(usize, Normalizer<F>, f64))
    where
        L: Lanes<F>,
    {
        let (mut max, mut factor, mut log_sum) = ([F::zero(); 16], [F::zero(); 16], [F::zero(); 16]);
        self.max.store(&mut max[..L::WIDTH]);
        self.factor.store(&mut factor[..L::WIDTH]);
        self.log_sum.store(&mut log_sum[..L::WIDTH]);
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
