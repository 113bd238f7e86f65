use crate::lane_normalizers::LaneNormalizers;
use crate::lanes::{Kernel, Lanes, transpose};
use crate::rows::{row, row_mut};
use crate::scaled_exp::{ScaledExp, TWO_TO_64};
use crate::tile::{ByTiles, by_tiles, read_tile, write_tile};
use chainrule_core::Real;
use ndarray::{ArrayView2, ArrayViewMut2};
use std::mem::MaybeUninit;
use std::slice;

/// Up to so many classes samples, not classes, lie side by side in the registers: a row of ten would leave most lanes empty.
pub(crate) const FEW: usize = 16;

/// Classes at a time.
pub(crate) const GROUP: usize = 4;

/// A block of samples, whose registers are not set up before they are written, which would take as long as a small batch.
pub(crate) type Unread<L> = [MaybeUninit<L>; FEW];

/// Calls `each` with the number of the first row of each block of [`Lanes::WIDTH`] samples, how many of them there are, and their
/// logits, class by class; classes that there are not, up to a multiple of [`GROUP`], have -∞.
///
/// What a row gives does not depend on the rows around it.
#[inline(always)]
pub(crate) fn for_each_block<F: Real, L: Lanes<F>>(
    x: &ArrayView2<F>,
    mut each: impl FnMut(usize, usize, &mut [L]),
) {
    let mut block: Unread<L> = [const { MaybeUninit::uninit() }; FEW];
    for start in (0..x.nrows()).step_by(L::WIDTH) {
        let count = L::WIDTH.min(x.nrows() - start);
        each(start, count, read_block(x, start, F::neg_infinity(), &mut block));
    }
}

/// Reads the block of samples from row `start` on, class by class, and `rest` for classes that there are not, up to a multiple of
/// [`GROUP`].
#[inline(always)]
pub(crate) fn read_block<'b, F: Real, L: Lanes<F>>(
    x: &ArrayView2<F>,
    start: usize,
    rest: F,
    block: &'b mut Unread<L>,
) -> &'b mut [L] {
    let (rows, classes) = x.dim();
    let padded = classes.next_multiple_of(GROUP);
    assert!(padded <= FEW);
    if L::TILES && classes > 1 {
        L::call(ReadTile { x, start, block });
        for of_class in &mut block[classes..padded] {
            of_class.write(L::splat(rest));
        }
    } else {
        for first in (0..classes).step_by(L::WIDTH) {
            let last = classes.min(first + L::WIDTH);
            let mut square = [L::splat(F::zero()); 16];
            for (lane, line) in square[..L::WIDTH].iter_mut().enumerate() {
                // Lanes beyond the last row repeat it.
                let row = row(x, rows.min(start + lane + 1) - 1);
                *line = L::load_part(&row[first..last], rest);
            }
            for (of_class, line) in block[first..].iter_mut().zip(transpose(square)) {
                of_class.write(line);
            }
        }
    }
    // SAFETY: all classes up to the last of a whole group were written, here or, as a group is no wider than `transpose`'s squares, there.
    unsafe { slice::from_raw_parts_mut(block.as_mut_ptr().cast::<L>(), padded) }
}

/// [`read_tile`] for those who share it: compiled into each of them, it would take long.
struct ReadTile<'a, F, L> {
    x: &'a ArrayView2<'a, F>,
    start: usize,
    block: &'a mut Unread<L>,
}

impl<F: Real, B> Kernel<F> for ReadTile<'_, F, B> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        let classes = self.x.ncols();
        assert!(by_tiles::<F, L>(&mut self, classes), "{classes} classes");
    }
}

impl<F: Real, B> ByTiles<F> for ReadTile<'_, F, B> {
    #[inline(always)]
    fn by_tiles<L: Lanes<F>, const C: usize>(&mut self) {
        const { assert!(size_of::<L>() == size_of::<B>() && align_of::<L>() == align_of::<B>() && C <= FEW) };
        let tile = read_tile::<F, L, C>(self.x, self.start);
        // SAFETY: L is the caller's B, and a block has room for as many as C.
        unsafe { self.block.as_mut_ptr().cast::<[L; C]>().write(tile) };
    }
}

/// [`write_tile`] in the same way.
struct WriteTile<'a, 'y, F, L> {
    block: &'a [L],
    start: usize,
    y: &'a mut ArrayViewMut2<'y, F>,
}

impl<F: Real, B> Kernel<F> for WriteTile<'_, '_, F, B> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        let classes = self.y.ncols();
        assert!(by_tiles::<F, L>(&mut self, classes), "{classes} classes");
    }
}

impl<F: Real, B> ByTiles<F> for WriteTile<'_, '_, F, B> {
    #[inline(always)]
    fn by_tiles<L: Lanes<F>, const C: usize>(&mut self) {
        const { assert!(size_of::<L>() == size_of::<B>() && align_of::<L>() == align_of::<B>()) };
        assert!(self.block.len() >= C);
        // SAFETY: L is the caller's B, and there are as many as C.
        let tile = unsafe { self.block.as_ptr().cast::<[L; C]>().read() };
        write_tile(tile, self.start, self.y);
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
    if L::TILES && y.ncols() > 1 {
        return L::call(WriteTile { block, start, y });
    }
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
        LaneNormalizers::new(self.max, total(self.below), total(self.all))
    }
}

#[inline(always)]
pub(crate) fn total<F: Real, L: Lanes<F>>(parts: [L; GROUP]) -> L {
    (parts[0] + parts[1]) + (parts[2] + parts[3])
}
