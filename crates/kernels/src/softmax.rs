use crate::compile_once::compile_once;
use crate::exponential_rows::for_each_exponential_row;
use crate::few_classes::{self, FEW};
use crate::lanes::{Kernel, Lanes, dispatch, places, splat};
use crate::rows::{assert_same_shape, row, row_mut};
use crate::some_classes::{self, SOME, side_by_side};
use crate::tile::{ByTiles, by_tiles, read_tile, write_tile};
use chainrule_core::Real;
use ndarray::{ArrayView2, ArrayViewMut2};

/// sᵢ ← exp(xᵢ - max x) / Σⱼ exp(xⱼ - max x), row by row. Shapes: all (rows, classes).
///
/// Subtracting the largest logit changes nothing but keeps exp from overflowing: finite logits give finite probabilities
/// that sum to 1.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn softmax<F: Real>(x: ArrayView2<F>, s: ArrayViewMut2<F>) {
    assert_same_shape("softmax", "s", s.dim(), x.dim());
    compile_once!(|x: ArrayView2<F>, s: ArrayViewMut2<F>| {
        if x.ncols() <= SOME {
            return dispatch(ByBlocks { x, s });
        }
        for_each_exponential_row(
            x,
            s,
            #[inline(always)]
            |_, _, exponentials, _| {
                exponentials.normalize(F::one());
            },
        );
    });
}

/// [`softmax`] of at most [`SOME`] classes, by blocks of rows.
struct ByBlocks<'a, F> {
    x: ArrayView2<'a, F>,
    s: ArrayViewMut2<'a, F>,
}

impl<F: Real> Kernel<F> for ByBlocks<'_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        if self.x.ncols() > FEW {
            let of_row = self.x.ncols().div_ceil(L::WIDTH);
            return some_classes::for_each_block::<F, L>(
                &self.x,
                #[inline(always)]
                |start, exponentials, normalizers| {
                    let mut shares = [F::zero(); 16];
                    normalizers.factor.store(&mut shares[..L::WIDTH]);
                    for (lane, e) in exponentials.chunks_exact(of_row).enumerate() {
                        let s = row_mut(&mut self.s, start + lane);
                        some_classes::write_row::<F, L>(e, shares[lane], F::one(), s);
                    }
                },
            );
        }
        few_classes::for_each_block::<F, L>(
            &self.x,
            #[inline(always)]
            |start, count, block| {
                let normalizers = few_classes::exponentials(block);
                for e in block.iter_mut() {
                    *e = *e * normalizers.factor;
                }
                few_classes::write_block(block, start, count, &mut self.s);
            },
        );
    }
}

/// Of [`softmax`], in closed form: dx ← s ⊙ (dy - ⟨s, dy⟩), row by row. Shapes: all (rows, classes).
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
        if s.ncols() < BLOCKS_BELOW {
            return dispatch(ClosedFormByBlocks { s, dy, dx });
        }
        dispatch(ClosedForm { s, dy, dx });
    });
}

/// From so many classes on rows go one by one: blocks of them would not stay in the first cache.
const BLOCKS_BELOW: usize = 64;

struct ClosedForm<'a, F> {
    s: ArrayView2<'a, F>,
    dy: ArrayView2<'a, F>,
    dx: ArrayViewMut2<'a, F>,
}

impl<F: Real> Kernel<F> for ClosedForm<'_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        for i in 0..self.s.nrows() {
            let (s, dy) = (row(&self.s, i), row(&self.dy, i));
            let mean = dot::<F, L>(s, dy);
            for ((dx, &s), &dy) in row_mut(&mut self.dx, i).iter_mut().zip(s).zip(dy) {
                *dx = s * (dy - mean);
            }
        }
    }
}

/// The same of few classes. (In one function with the other the compiler made something worse of both.)
struct ClosedFormByBlocks<'a, F> {
    s: ArrayView2<'a, F>,
    dy: ArrayView2<'a, F>,
    dx: ArrayViewMut2<'a, F>,
}

impl<F: Real> Kernel<F> for ClosedFormByBlocks<'_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        let classes = self.s.ncols();
        if by_tiles::<F, L>(&mut self, classes) {
            return;
        }
        if classes >= L::WIDTH {
            return self.by_blocks::<L>();
        }
        for i in 0..self.s.nrows() {
            let (s, dy, dx) = (row(&self.s, i), row(&self.dy, i), row_mut(&mut self.dx, i));
            let (s, dy) = (L::load_part(s, F::zero()), L::load_part(dy, F::zero()));
            let mean = L::splat((s * dy).sum());
            (s * (dy - mean)).store_part(dx);
        }
    }
}

impl<F: Real> ByTiles<F> for ClosedFormByBlocks<'_, F> {
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

impl<F: Real> ClosedFormByBlocks<'_, F> {
    /// By blocks of rows, whose ⟨s, dy⟩ lie side by side.
    #[inline(always)]
    fn by_blocks<L: Lanes<F>>(&mut self) {
        let zero = L::splat(F::zero());
        let rest = self.s.ncols() % L::WIDTH;
        let taken = places::<F, L>().less(splat((L::WIDTH - rest) as f64));
        for start in (0..self.s.nrows()).step_by(L::WIDTH) {
            let rows = start..self.s.nrows().min(start + L::WIDTH);
            let mut products = [zero; 16];
            for (i, product) in rows.clone().zip(&mut products) {
                let (s, dy) = (row(&self.s, i), row(&self.dy, i));
                for (s, dy) in s.chunks_exact(L::WIDTH).zip(dy.chunks_exact(L::WIDTH)) {
                    *product = L::load(s).mul_add(L::load(dy), *product);
                }
                if rest > 0 {
                    let (s, dy) = (L::load(last::<F, L>(s)), L::load(last::<F, L>(dy)));
                    *product = L::select(taken, *product, s.mul_add(dy, *product));
                }
            }
            let mut means = [F::zero(); 16];
            side_by_side::<F, L, false>(products).store(&mut means[..L::WIDTH]);
            for (i, &mean) in rows.zip(&means) {
                write_row(row(&self.s, i), row(&self.dy, i), L::splat(mean), row_mut(&mut self.dx, i));
            }
        }
    }
}

/// dx ← s ⊙ (dy - mean), of at least [`Lanes::WIDTH`] classes.
#[inline(always)]
fn write_row<F: Real, L: Lanes<F>>(s: &[F], dy: &[F], mean: L, dx: &mut [F]) {
    let registers = s.chunks_exact(L::WIDTH).zip(dy.chunks_exact(L::WIDTH));
    for (dx, (s, dy)) in dx.chunks_exact_mut(L::WIDTH).zip(registers) {
        (L::load(s) * (L::load(dy) - mean)).store(dx);
    }
    if !s.len().is_multiple_of(L::WIDTH) {
        // Some for the second time.
        let last_dx = dx.len() - L::WIDTH;
        (L::load(last::<F, L>(s)) * (L::load(last::<F, L>(dy)) - mean)).store(&mut dx[last_dx..]);
    }
}

/// The last [`Lanes::WIDTH`] numbers.
#[inline(always)]
fn last<F: Real, L: Lanes<F>>(x: &[F]) -> &[F] {
    &x[x.len() - L::WIDTH..]
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
