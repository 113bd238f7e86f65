use crate::compile_once::compile_once;
use crate::lanes::{Kernel, Lanes, dispatch, places, side_by_side, splat};
use crate::rows::{assert_same_shape, row, row_mut};
use crate::tile::{ByTiles, by_tiles, read_tile, write_tile};
use chainrule_core::Real;
use ndarray::{ArrayView2, ArrayViewMut2};

/// Of [`softmax`](crate::softmax()), in closed form: dx ← s ⊙ (dy - ⟨s, dy⟩), row by row. Shapes: all (rows, classes).
///
/// It is the product of the Jacobian diag(s) - s sᵀ with dy, multiplied out: (diag(s) - s sᵀ) dy = s ⊙ dy - s ⟨s, dy⟩.
/// O(classes) a row, where the Jacobian takes O(classes²).
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn softmax_backward<F: Real>(s: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
    assert_same_shape("softmax_backward", "dy", dy.dim(), s.dim());
    assert_same_shape("softmax_backward", "dx", dx.dim(), s.dim());
    compile_once!(|s: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>| {
        let rows = ClosedForm { s, dy, dx };
        if rows.s.ncols() < BLOCKS_BELOW {
            return dispatch(ByBlocks(rows));
        }
        dispatch(ByRows(rows));
    });
}

/// From so many classes on rows go one by one: blocks of them would not stay in the first cache.
const BLOCKS_BELOW: usize = 64;

struct ClosedForm<'a, F> {
    s: ArrayView2<'a, F>,
    dy: ArrayView2<'a, F>,
    dx: ArrayViewMut2<'a, F>,
}

/// Of many classes.
struct ByRows<'a, F>(ClosedForm<'a, F>);

impl<F: Real> Kernel<F> for ByRows<'_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(self) {
        let ClosedForm { s, dy, mut dx } = self.0;
        for i in 0..s.nrows() {
            let (s, dy) = (row(&s, i), row(&dy, i));
            write_row::<F, L>(s, dy, dot::<F, L>(s, dy), row_mut(&mut dx, i));
        }
    }
}

/// Of few classes. (In one function with the other the compiler made something worse of both.)
struct ByBlocks<'a, F>(ClosedForm<'a, F>);

impl<F: Real> Kernel<F> for ByBlocks<'_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(self) {
        let mut rows = self.0;
        let classes = rows.s.ncols();
        if !classes.is_multiple_of(L::WIDTH) && by_tiles::<F, L>(&mut rows, classes) {
            return;
        }
        match classes / L::WIDTH {
            0 => rows.by_parts::<L>(),
            1 => rows.by_registers::<L, 1>(),
            2 => rows.by_registers::<L, 2>(),
            3 => rows.by_registers::<L, 3>(),
            4 => rows.by_registers::<L, 4>(),
            5 => rows.by_registers::<L, 5>(),
            6 => rows.by_registers::<L, 6>(),
            _ => rows.by_registers::<L, 7>(),
        }
    }
}

impl<F: Real> ByTiles<F> for ClosedForm<'_, F> {
    #[inline(always)]
    fn by_tiles<L: Lanes<F>, const C: usize>(&mut self) {
        for start in (0..self.s.nrows()).step_by(L::WIDTH) {
            let s = read_tile::<F, L, C>(&self.s, start);
            let mut dy = read_tile::<F, L, C>(&self.dy, start);
            let mut mean = s[0] * dy[0];
            for class in 1..C {
                mean = s[class].mul_add(dy[class], mean);
            }
            for class in 0..C {
                dy[class] = s[class] * (dy[class] - mean);
            }
            write_tile(dy, start, &mut self.dx);
        }
    }
}

impl<F: Real> ClosedForm<'_, F> {
    /// Of less than a register.
    #[inline(always)]
    fn by_parts<L: Lanes<F>>(&mut self) {
        for i in 0..self.s.nrows() {
            let (s, dy, dx) = (row(&self.s, i), row(&self.dy, i), row_mut(&mut self.dx, i));
            let (s, dy) = (L::load_part(s, F::zero()), L::load_part(dy, F::zero()));
            let mean = L::splat((s * dy).sum());
            (s * (dy - mean)).store_part(dx);
        }
    }

    /// By blocks of rows, of N registers and perhaps a part of another, whose ⟨s, dy⟩ lie side by side.
    #[inline(always)]
    fn by_registers<L: Lanes<F>, const N: usize>(&mut self) {
        // Not compiled where so many are too many classes.
        if const { N * L::WIDTH >= BLOCKS_BELOW } {
            unreachable!("{N} registers");
        }
        let (count, classes) = self.s.dim();
        let whole = N * L::WIDTH;
        assert!(whole <= classes && classes < whole + L::WIDTH);
        // The last register begins before the part that is not yet taken.
        let (part, last) = (classes > whole, classes - L::WIDTH);
        let taken = places::<F, L>().less(splat((whole - last) as f64));
        for start in (0..count).step_by(L::WIDTH) {
            let mut products = [L::splat(F::zero()); 16];
            for (lane, of_row) in products[..L::WIDTH].iter_mut().enumerate() {
                // Lanes beyond the last row repeat it.
                let i = (start + lane).min(count - 1);
                let (s, dy) = (row(&self.s, i), row(&self.dy, i));
                let mut product = register::<F, L>(s, 0) * register(dy, 0);
                for n in 1..N {
                    product = register::<F, L>(s, n * L::WIDTH).mul_add(register(dy, n * L::WIDTH), product);
                }
                if part {
                    let with_part = register::<F, L>(s, last).mul_add(register(dy, last), product);
                    product = L::select(taken, product, with_part);
                }
                *of_row = product;
            }
            let mut means = [F::zero(); 16];
            side_by_side::<F, L, false>(products).store(&mut means[..L::WIDTH]);
            for (i, &mean) in (start..count).zip(&means[..L::WIDTH]) {
                let (s, dy, dx) = (row(&self.s, i), row(&self.dy, i), row_mut(&mut self.dx, i));
                let mean = L::splat(mean);
                for n in 0..N {
                    write_register(s, dy, mean, dx, n * L::WIDTH);
                }
                if part {
                    write_register(s, dy, mean, dx, last);
                }
            }
        }
    }
}

/// From so many classes on it pays to write whole lines of the cache.
const WHOLE_LINES_FROM: usize = 512;

/// dx ← s ⊙ (dy - mean).
#[inline(always)]
fn write_row<F: Real, L: Lanes<F>>(s: &[F], dy: &[F], mean: F, dx: &mut [F]) {
    if s.len() < WHOLE_LINES_FROM {
        for ((dx, &s), &dy) in dx.iter_mut().zip(s).zip(dy) {
            *dx = s * (dy - mean);
        }
        return;
    }
    let mean = L::splat(mean);
    // Both ends apart, some numbers for the second time.
    write_register(s, dy, mean, dx, 0);
    write_register(s, dy, mean, dx, s.len() - L::WIDTH);
    let first = dx.as_ptr().align_offset(64) % L::WIDTH;
    let registers = s[first..].chunks_exact(L::WIDTH).zip(dy[first..].chunks_exact(L::WIDTH));
    for (dx, (s, dy)) in dx[first..].chunks_exact_mut(L::WIDTH).zip(registers) {
        write_register(s, dy, mean, dx, 0);
    }
}

#[inline(always)]
fn write_register<F: Real, L: Lanes<F>>(s: &[F], dy: &[F], mean: L, dx: &mut [F], at: usize) {
    (register::<F, L>(s, at) * (register::<F, L>(dy, at) - mean)).store(&mut dx[at..at + L::WIDTH]);
}

#[inline(always)]
fn register<F: Real, L: Lanes<F>>(x: &[F], at: usize) -> L {
    L::load(&x[at..at + L::WIDTH])
}

/// ⟨x, y⟩, in parts short enough for the roundings of f32 to stay below one unit in the last place.
#[inline(always)]
fn dot<F: Real, L: Lanes<F>>(x: &[F], y: &[F]) -> F {
    const ACCUMULATORS: usize = 4;
    let part = 16 * ACCUMULATORS * L::WIDTH;
    let mut total = 0.0;
    for (x, y) in x.chunks(part).zip(y.chunks(part)) {
        let mut sums = [L::splat(F::zero()); ACCUMULATORS];
        let (x, y) = (x.chunks_exact(ACCUMULATORS * L::WIDTH), y.chunks_exact(ACCUMULATORS * L::WIDTH));
        let rest = x.remainder().chunks(L::WIDTH).zip(y.remainder().chunks(L::WIDTH));
        for (x, y) in x.zip(y) {
            for (i, sum) in sums.iter_mut().enumerate() {
                let lanes = i * L::WIDTH..(i + 1) * L::WIDTH;
                *sum = L::load(&x[lanes.clone()]).mul_add(L::load(&y[lanes]), *sum);
            }
        }
        for (x, y) in rest {
            sums[0] = L::load_part(x, F::zero()).mul_add(L::load_part(y, F::zero()), sums[0]);
        }
        total += ((sums[0] + sums[1]) + (sums[2] + sums[3])).sum().as_f64();
    }
    F::of(total)
}
