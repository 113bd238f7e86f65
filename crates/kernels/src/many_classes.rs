use crate::exp::shifted_exp;
use crate::reductions::{BLOCK, LANES, add_pairwise, max, sum_of};
use crate::softmax::Normalizer;
use chainrule_core::Real;

/// e ← exp(x - max) of a row whose classes lie side by side in the registers.
#[inline(always)]
pub(crate) fn exponentials<F: Real>(x: &[F], e: &mut [F]) -> Normalizer<F> {
    let max = max(x);
    let mut sum = 0.0;
    // Plain loops: a closure that an iterator calls may be compiled on its own, without the registers that `vectorize` is for.
    for (x, e) in x.chunks(BLOCK).zip(e.chunks_mut(BLOCK)) {
        sum += exponentials_of_block(x, max, e).as_f64();
    }
    let mut rest = Below::default();
    if sum < CONFIDENT {
        for (x, e) in x.chunks(BLOCK).zip(e.chunks(BLOCK)) {
            rest.add_block(x, max, e);
        }
    }
    of_sums(max, sum, rest)
}

/// The normalizer of [`exponentials`], without the row of them.
#[inline(always)]
pub(crate) fn normalizer<F: Real>(x: &[F]) -> Normalizer<F> {
    let max = max(x);
    let mut e = [F::zero(); BLOCK];
    let (mut sum, mut rest) = (0.0, Below::default());
    for x in x.chunks(BLOCK) {
        let e = &mut e[..x.len()];
        sum += exponentials_of_block(x, max, e).as_f64();
        rest.add_block(x, max, e);
    }
    of_sums(max, sum, rest)
}

/// A sum of exponentials below it is taken once more without its largest terms, which are exactly 1: so that a small rest is
/// not rounded away.
const CONFIDENT: f64 = 4.0;

/// Σ exp(x - max) of the terms below the largest, and how many are largest.
#[derive(Clone, Copy, Default)]
struct Below {
    sum: f64,
    largest: f64,
}

impl Below {
    #[inline(always)]
    fn add_block<F: Real>(&mut self, x: &[F], max: F, e: &[F]) {
        self.sum += sum_of(x, e, |x, e| if x == max { F::zero() } else { e }).as_f64();
        self.largest += sum_of(x, x, |x, _| if x == max { F::one() } else { F::zero() }).as_f64();
    }
}

#[inline(always)]
fn of_sums<F: Real>(max: F, sum: f64, below: Below) -> Normalizer<F> {
    // With NaN among them no logit need be the largest, and both sums are NaN.
    let excess = if sum < CONFIDENT { below.sum + (below.largest - 1.0) } else { sum - 1.0 };
    Normalizer::new(max, F::of(excess))
}

/// Writes a block's exponentials, and adds them in lanes, as [`sum_of`] does.
#[inline(always)]
fn exponentials_of_block<F: Real>(x: &[F], max: F, e: &mut [F]) -> F {
    let mut lanes = [F::zero(); LANES];
    let whole = x.len() - x.len() % LANES;
    let (x, x_rest) = x.split_at(whole);
    let (e, e_rest) = e.split_at_mut(whole);
    for (x, e) in x.chunks_exact(LANES).zip(e.chunks_exact_mut(LANES)) {
        for lane in 0..LANES {
            e[lane] = shifted_exp(x[lane], max);
            lanes[lane] += e[lane];
        }
    }
    // The lanes stay in registers only if no index into them is computed.
    let mut rest = [F::zero(); LANES];
    for ((&x, e), rest) in x_rest.iter().zip(e_rest).zip(&mut rest) {
        *e = shifted_exp(x, max);
        *rest = *e;
    }
    for lane in 0..LANES {
        lanes[lane] += rest[lane];
    }
    add_pairwise(lanes)
}
