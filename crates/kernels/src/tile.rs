use crate::lanes::Lanes;
use crate::rows::{row, row_mut, rows, rows_mut};
use chainrule_core::Real;
use ndarray::{ArrayView2, ArrayViewMut2};

/// Up to so many classes a block of samples stays in the registers.
pub(crate) const TILE: usize = 16;

/// The numbers of a block at most.
const BLOCK: usize = TILE * 16;

/// What goes by tiles.
pub(crate) trait ByTiles<F: Real> {
    fn by_tiles<L: Lanes<F>, const C: usize>(&mut self);
}

/// Goes by tiles, if there are so few classes and the level has registers for them; says whether it did.
#[inline(always)]
pub(crate) fn by_tiles<F: Real, L: Lanes<F>>(kernel: &mut impl ByTiles<F>, classes: usize) -> bool {
    match classes {
        _ if !L::TILES => return false,
        2 => kernel.by_tiles::<L, 2>(),
        3 => kernel.by_tiles::<L, 3>(),
        4 => kernel.by_tiles::<L, 4>(),
        5 => kernel.by_tiles::<L, 5>(),
        6 => kernel.by_tiles::<L, 6>(),
        7 => kernel.by_tiles::<L, 7>(),
        8 => kernel.by_tiles::<L, 8>(),
        9 => kernel.by_tiles::<L, 9>(),
        10 => kernel.by_tiles::<L, 10>(),
        11 => kernel.by_tiles::<L, 11>(),
        12 => kernel.by_tiles::<L, 12>(),
        13 => kernel.by_tiles::<L, 13>(),
        14 => kernel.by_tiles::<L, 14>(),
        15 => kernel.by_tiles::<L, 15>(),
        16 => kernel.by_tiles::<L, 16>(),
        _ => return false,
    }
    true
}

/// A tile: [`Lanes::WIDTH`] samples side by side, class by class, from row `start` on. Its C classes, at most [`TILE`], stay in the
/// registers, if no loop is left that indexes them. Where rows end the last is repeated.
#[inline(always)]
pub(crate) fn read_tile<F: Real, L: Lanes<F>, const C: usize>(x: &ArrayView2<F>, start: usize) -> [L; C] {
    const { assert!(0 < C && C <= TILE) };
    let mut tile = match rows(x, start..start + L::WIDTH) {
        Some(block) => load::<F, L, C>(block),
        None => load::<F, L, C>(&gathered::<F, L, C>(x, start)),
    };
    let mut width = 1;
    while width < L::WIDTH {
        tile = riffle(tile);
        width *= 2;
    }
    tile
}

/// Writes a tile back, sample by sample, as many as there are rows.
#[inline(always)]
pub(crate) fn write_tile<F: Real, L: Lanes<F>, const C: usize>(
    mut tile: [L; C],
    start: usize,
    y: &mut ArrayViewMut2<F>,
) {
    let mut width = 1;
    while width < L::WIDTH {
        tile = unriffle(tile);
        width *= 2;
    }
    match rows_mut(y, start..start + L::WIDTH) {
        Some(block) => store(&tile, block),
        None => {
            let mut block = [F::zero(); BLOCK];
            store(&tile, &mut block);
            for (lane, row) in block.chunks_exact(C).take(L::WIDTH.min(y.nrows() - start)).enumerate() {
                row_mut(y, start + lane).copy_from_slice(row);
            }
        }
    }
}

#[inline(always)]
fn load<F: Real, L: Lanes<F>, const C: usize>(block: &[F]) -> [L; C] {
    let mut tile = [L::splat(F::zero()); C];
    for i in 0..C {
        tile[i] = L::load(&block[i * L::WIDTH..(i + 1) * L::WIDTH]);
    }
    tile
}

#[inline(always)]
fn store<F: Real, L: Lanes<F>, const C: usize>(tile: &[L; C], block: &mut [F]) {
    for i in 0..C {
        tile[i].store(&mut block[i * L::WIDTH..(i + 1) * L::WIDTH]);
    }
}

/// Rows that do not follow one another, one after the other; the last is repeated in place of those that there are not.
#[inline(always)]
fn gathered<F: Real, L: Lanes<F>, const C: usize>(x: &ArrayView2<F>, start: usize) -> [F; BLOCK] {
    let mut block = [F::zero(); BLOCK];
    for (lane, of_row) in block.chunks_exact_mut(C).take(L::WIDTH).enumerate() {
        of_row.copy_from_slice(row(x, (start + lane).min(x.nrows() - 1)));
    }
    block
}

/// All numbers as one deck of cards, riffled: the first of each half, the second of each, and so on. As many riffles as the
/// width has bits make classes of samples: number k goes to place 2k modulo their count less one, in the end from
/// (sample, class) to (class, sample).
#[inline(always)]
fn riffle<F: Real, L: Lanes<F>, const C: usize>(x: [L; C]) -> [L; C] {
    let (mut y, half) = (x, C / 2);
    for i in 0..half {
        // The second half may start inside of a register.
        let second = if C.is_multiple_of(2) { x[half + i] } else { x[half + i].middle(x[half + i + 1]) };
        (y[2 * i], y[2 * i + 1]) = x[i].zip(second);
    }
    if !C.is_multiple_of(2) {
        y[C - 1] = x[half].zip(x[C - 1].middle(x[C - 1])).0;
    }
    y
}

/// The inverse of [`riffle`].
#[inline(always)]
fn unriffle<F: Real, L: Lanes<F>, const C: usize>(x: [L; C]) -> [L; C] {
    let (mut y, half) = (x, C / 2);
    for i in 0..half {
        y[i] = x[2 * i].unzip(x[2 * i + 1]).0;
        let second = if C.is_multiple_of(2) { 2 * i } else { 2 * i + 1 };
        y[C - half + i] = x[second].unzip(x[second + 1]).1;
    }
    if !C.is_multiple_of(2) {
        y[half] = x[C - 1].unzip(x[C - 1]).0.middle(x[0].unzip(x[0]).1);
    }
    y
}
