use crate::exp::shifted_exp;
use crate::lanes::Lanes;
use crate::normalizer::{Exponentials, Normalizer};
use crate::scaled_exp::{ScaledExp, TWO_TO_64};
use chainrule_core::Real;

/// A row is cut into at most so many blocks …
const BLOCKS: usize = 64;

/// … of so many bytes at least: logits and exponentials of one lie in the first cache, and memory is gone through once for both
/// the largest logit and the exponentials. So each block has a largest logit of its own.
const BLOCK_BYTES: usize = 8192;

/// Logits that sums in [`GROUP`] registers take before they go into a total in f64: few enough for the roundings of f32 to stay below one
/// unit in the last place of a sum of any length.
const PART: usize = 1024;

/// A sum of exponentials below it is taken once more without its largest terms. (Apart from the start, where there is nothing to
/// take it of, that is slower.)
const CONFIDENT: f64 = 4.0;

/// Registers at a time.
const GROUP: usize = 4;

/// A row's blocks: how long they are, and what is known of each. One for all rows, as it is too large to be set up for each.
pub(crate) struct Blocks {
    len: usize,
    /// The largest logit.
    max: [f64; BLOCKS],
    sums: [Sums; BLOCKS],
    /// exp(max - the row's max) / Σ exp
    shares: [f64; BLOCKS],
    count: usize,
    /// The largest logit of the block that comes next. Found before what waits for a block's sums, it fills that time.
    next_max: Option<f64>,
}

/// Σ exp(x - max) of the terms below the largest, and how many are largest: so that a small rest is not rounded away.
#[derive(Clone, Copy, Default)]
struct Sums {
    below: f64,
    largest: f64,
}

impl Blocks {
    /// For rows of so many classes, which lie side by side in the registers.
    #[inline(always)]
    pub(crate) fn of<F: Real>(classes: usize) -> Self {
        let len = classes.div_ceil(BLOCKS).max(BLOCK_BYTES / F::BYTES).next_multiple_of(16);
        let count = classes.div_ceil(len);
        let (max, sums, shares) = ([0.0; BLOCKS], [Sums::default(); BLOCKS], [0.0; BLOCKS]);
        Blocks { len, max, sums, shares, count, next_max: None }
    }

    /// Writes the exponentials of a row, and gives its normalizer with them. `next` is the row that comes next, or empty.
    #[inline(always)]
    pub(crate) fn exponentials<'r, F: Real, L: Lanes<F>>(
        &'r mut self,
        x: &[F],
        e: &'r mut [F],
        next: &[F],
    ) -> (Exponentials<'r, F>, Normalizer<F>) {
        for (block, e) in e.chunks_mut(self.len).enumerate() {
            self.take::<F, L, true>(block, x, e, next);
        }
        let normalizer = self.normalize();
        (Exponentials { scaled: e, block: self.len, shares: &self.shares[..self.count] }, normalizer)
    }

    /// The normalizer of [`Blocks::exponentials`], without the row of them.
    #[inline(always)]
    pub(crate) fn normalizer<F: Real, L: Lanes<F>>(&mut self, x: &[F], next: &[F]) -> Normalizer<F> {
        for block in 0..self.count {
            self.take::<F, L, false>(block, x, &mut [], next);
        }
        self.normalize()
    }

    #[inline(always)]
    fn take<F: Real, L: Lanes<F>, const WRITE: bool>(
        &mut self,
        block: usize,
        row: &[F],
        e: &mut [F],
        next_row: &[F],
    ) {
        let (x, rest) = row[block * self.len..].split_at(self.len.min(row.len() - block * self.len));
        let max = match self.next_max {
            Some(max) => F::of(max),
            None => max::<F, L>(x),
        };
        // With -∞ alone in a block, others may be finite: then each is 0, and not NaN.
        let top = if max == F::neg_infinity() { F::min_value() } else { max };
        let sums = sums::<F, L, WRITE>(x, e, top);
        let next = if rest.is_empty() { next_row } else { rest };
        self.next_max = Some(self::max::<F, L>(&next[..next.len().min(self.len)]).as_f64());
        (self.max[block], self.sums[block]) = (max.as_f64(), sums);
    }

    /// The row's normalizer; and each block's share.
    #[inline(always)]
    fn normalize<F: Real>(&mut self) -> Normalizer<F> {
        let blocks = ..self.count;
        let mut max = f64::NEG_INFINITY;
        for &of_block in &self.max[blocks] {
            max = if of_block > max { of_block } else { max };
        }
        let mut total = Sums::default();
        for ((share, &of_block), sums) in self.shares[blocks].iter_mut().zip(&self.max).zip(&self.sums) {
            if of_block == max {
                *share = 1.0;
                total.below += sums.below;
                total.largest += sums.largest;
            } else {
                *share = shifted_exp(of_block, max);
                total.below += *share * (sums.below + sums.largest);
            }
        }
        // Without a logit above -∞ there is no softmax.
        let largest = if max == f64::NEG_INFINITY { f64::NAN } else { total.largest };
        let factor = 1.0 / (total.below + largest);
        for share in &mut self.shares[blocks] {
            *share *= factor;
        }
        Normalizer::new(F::of(max), F::of(total.below + (largest - 1.0)))
    }
}

/// The largest value; -∞ of none. NaN is passed over.
#[inline(always)]
fn max<F: Real, L: Lanes<F>>(x: &[F]) -> F {
    let mut largest = [L::splat(F::neg_infinity()); 4];
    let groups = x.chunks_exact(4 * L::WIDTH);
    for x in groups.remainder().chunks(L::WIDTH) {
        largest[0] = largest[0].larger(L::load_part(x, F::neg_infinity()));
    }
    for x in groups {
        for i in 0..4 {
            largest[i] = largest[i].larger(L::load(&x[i * L::WIDTH..][..L::WIDTH]));
        }
    }
    largest[0].larger(largest[1]).larger(largest[2].larger(largest[3])).largest()
}

#[inline(always)]
fn total_of<F: Real, L: Lanes<F>>(sums: [L; GROUP]) -> F {
    ((sums[0] + sums[1]) + (sums[2] + sums[3])).sum()
}

/// Sums the exponentials; and writes them, times 2⁶⁴, if `WRITE`.
#[inline(always)]
fn sums<F: Real, L: Lanes<F>, const WRITE: bool>(x: &[F], e: &mut [F], max: F) -> Sums {
    let exp = ScaledExp::new(L::splat(max));
    let (zero, one) = (L::splat(F::zero()), L::splat(F::of(TWO_TO_64)));
    let width = GROUP * L::WIDTH;
    let (mut sums, mut total) = (Sums::default(), 0.0);
    for start in (0..x.len()).step_by(PART) {
        let end = x.len().min(start + PART);
        let (mut below, mut all) = ([zero; GROUP], [zero; GROUP]);
        let mut at = start;
        while at + width <= end {
            let mut group = [zero; GROUP];
            for i in 0..GROUP {
                group[i] = L::load(&x[at + i * L::WIDTH..][..L::WIDTH]);
            }
            for i in 0..GROUP {
                // The next block or, where rows follow one another, the next row.
                let next = x.len() + at + i * L::WIDTH;
                L::prefetch(x.as_ptr().wrapping_add(next));
                if WRITE {
                    L::prefetch(e.as_ptr().wrapping_add(next));
                }
            }
            group = exp.of(group);
            if WRITE {
                for i in 0..GROUP {
                    group[i].store(&mut e[at + i * L::WIDTH..][..L::WIDTH]);
                }
            }
            for i in 0..GROUP {
                all[i] = all[i] + group[i];
                if !WRITE {
                    below[i] = L::select(group[i].differ(one), below[i] + group[i], below[i]);
                }
            }
            at += width;
        }
        if at < end {
            let place = |i: usize| end.min(at + i * L::WIDTH)..end.min(at + (i + 1) * L::WIDTH);
            let mut group = [zero; GROUP];
            for i in 0..GROUP {
                group[i] = L::load_part(&x[place(i)], F::neg_infinity());
            }
            group = exp.of(group);
            if WRITE {
                for i in 0..GROUP {
                    group[i].store_part(&mut e[place(i)]);
                }
            }
            for i in 0..GROUP {
                all[i] = all[i] + group[i];
                if !WRITE {
                    below[i] = L::select(group[i].differ(one), below[i] + group[i], below[i]);
                }
            }
        }
        if !WRITE {
            sums.below += total_of(below).as_f64() / TWO_TO_64;
        }
        total += total_of(all).as_f64() / TWO_TO_64;
    }
    if total >= CONFIDENT {
        return Sums { below: total - 1.0, largest: 1.0 };
    }
    if WRITE {
        for e in e.chunks(PART / GROUP) {
            let mut below = zero;
            for e in e.chunks(L::WIDTH) {
                let e = L::load_part(e, F::zero());
                below = L::select(e.differ(one), below + e, below);
            }
            sums.below += below.sum().as_f64() / TWO_TO_64;
        }
    }
    // It is a whole number.
    sums.largest = (total - sums.below).round();
    sums
}
