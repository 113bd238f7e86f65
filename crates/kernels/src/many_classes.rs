use crate::exp::shifted_exp;
use crate::lanes::Lanes;
use crate::normalizer::{Exponentials, Total};
use crate::rows::row;
use crate::scaled_exp::{ScaledExp, TWO_TO_64, is_near};
use chainrule_core::Real;
use ndarray::ArrayView2;

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
    /// The largest logits of the next two blocks, or twice that of the next: found while exponentials are computed, and before they are needed.
    maxima: Option<[f64; 2]>,
    /// How far before its exponentials a block's largest logit is found: two blocks, unless the first cache would lose it until then.
    ahead: usize,
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
        Blocks { len, max, sums, shares, count, maxima: None, ahead: if count > 2 { 1 } else { 2 } }
    }

    /// Writes the exponentials of row `i`, and gives what they sum to with them. Rows come one after the other. `before` is the row before
    /// and what it is to be multiplied by, if it has waited for that.
    #[inline(always)]
    pub(crate) fn exponentials<'r, F: Real, L: Lanes<F>>(
        &'r mut self,
        x: &ArrayView2<F>,
        i: usize,
        e: &'r mut [F],
        before: Option<(&mut [F], F)>,
    ) -> (Exponentials<'r, F>, Total<F>) {
        match before {
            Some((before, factor)) => self.take::<F, L, true, true>(x, i, 0, e, before, factor),
            None => {
                for (block, e) in e.chunks_mut(self.len).enumerate() {
                    self.take::<F, L, true, false>(x, i, block, e, &mut [], F::zero());
                }
            }
        }
        let total = self.total();
        (Exponentials { scaled: e, block: self.len, shares: &self.shares[..self.count] }, total)
    }

    /// The total of [`Blocks::exponentials`], without the row of them.
    #[inline(always)]
    pub(crate) fn total_of_row<F: Real, L: Lanes<F>>(&mut self, x: &ArrayView2<F>, i: usize) -> Total<F> {
        for block in 0..self.count {
            self.take::<F, L, false, false>(x, i, block, &mut [], &mut [], F::zero());
        }
        self.total()
    }

    /// A block, numbered on from row to row; empty after the last one.
    #[inline(always)]
    fn block<'x, F>(&self, x: &'x ArrayView2<F>, number: usize) -> &'x [F] {
        let (i, start) = (number / self.count, number % self.count * self.len);
        if i < x.nrows() { &row(x, i)[start..x.ncols().min(start + self.len)] } else { &[] }
    }

    #[inline(always)]
    fn take<F: Real, L: Lanes<F>, const WRITE: bool, const SCALE: bool>(
        &mut self,
        x: &ArrayView2<F>,
        i: usize,
        block: usize,
        e: &mut [F],
        behind: &mut [F],
        factor: F,
    ) {
        let number = i * self.count + block;
        let [max, after] = match self.maxima {
            Some(maxima) => maxima,
            None => {
                let [first, second] = [self.block(x, number), self.block(x, number + 1)];
                [max::<F, L>(first).as_f64(), max::<F, L>(second).as_f64()]
            }
        };
        // With -∞ alone in a block, others may be finite: then each is 0, and not NaN.
        let top = if max == f64::NEG_INFINITY { F::min_value() } else { F::of(max) };
        let distance = if L::SPARE { self.ahead } else { 1 };
        let (x, ahead) = (self.block(x, number), self.block(x, number + distance));
        let (sums, next) = if is_near(top) {
            step::<F, L, WRITE, SCALE, true>(x, e, top, ahead, behind, factor)
        } else {
            // Rare, and not worth one more copy of the loop.
            for behind in behind {
                *behind *= factor;
            }
            step::<F, L, WRITE, false, false>(x, e, top, ahead, &mut [], factor)
        };
        (self.max[block], self.sums[block]) = (max, sums);
        let next = next.as_f64();
        self.maxima = Some([if distance == 1 { next } else { after }, next]);
    }

    /// The row's total; and each block's share.
    #[inline(always)]
    fn total<F: Real>(&mut self) -> Total<F> {
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
        Total { max: F::of(max), excess: F::of(total.below + (largest - 1.0)) }
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

/// Sums the exponentials of block x, and writes them, times 2⁶⁴, to e if `WRITE`. The same loop finds the largest number ahead and, if `SCALE`, multiplies what is
/// behind, which is as long as x: a processor that waits for one has work with the others. `NEAR` if max [is](is_near).
#[inline(always)]
fn step<F: Real, L: Lanes<F>, const WRITE: bool, const SCALE: bool, const NEAR: bool>(
    x: &[F],
    e: &mut [F],
    max: F,
    ahead: &[F],
    behind: &mut [F],
    factor: F,
) -> (Sums, F) {
    let exp = ScaledExp::new(L::splat(max));
    let (zero, one, factor) = (L::splat(F::zero()), L::splat(F::of(TWO_TO_64)), L::splat(factor));
    let width = GROUP * L::WIDTH;
    // Else x stands in for what is ahead, which comes after the loop.
    let together = L::SPARE && ahead.len() == x.len();
    let beside = if together { ahead } else { x };
    let mut largest = [L::splat(F::neg_infinity()); GROUP];
    let (mut sums, mut total) = (Sums::default(), 0.0);
    for start in (0..x.len()).step_by(PART) {
        let end = x.len().min(start + PART);
        let (mut below, mut all) = ([zero; GROUP], [zero; GROUP]);
        let mut at = start;
        while at + width <= end {
            let place = at..at + width;
            let mut group = [zero; GROUP];
            for (group, x) in group.iter_mut().zip(x[place.clone()].chunks_exact(L::WIDTH)) {
                *group = L::load(x);
            }
            if L::SPARE {
                for (largest, x) in largest.iter_mut().zip(beside[place.clone()].chunks_exact(L::WIDTH)) {
                    *largest = largest.larger(L::load(x));
                }
            }
            if SCALE {
                for behind in behind[place.clone()].chunks_exact_mut(L::WIDTH) {
                    (L::load(behind) * factor).store(behind);
                }
            }
            for i in 0..GROUP {
                // The next block or, where rows follow one another, the next row.
                let next = x.len() + at + i * L::WIDTH;
                L::prefetch(beside.as_ptr().wrapping_add(next));
                if WRITE {
                    L::prefetch(e.as_ptr().wrapping_add(next));
                }
            }
            group = if NEAR { exp.of_shifted(group) } else { exp.of(group) };
            if WRITE {
                for (group, e) in group.iter().zip(e[place].chunks_exact_mut(L::WIDTH)) {
                    group.store(e);
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
        while at < end {
            let place = at..end.min(at + L::WIDTH);
            let [of_x] = exp.of([L::load_part(&x[place.clone()], F::neg_infinity())]);
            if L::SPARE {
                largest[0] = largest[0].larger(L::load_part(&beside[place.clone()], F::neg_infinity()));
            }
            if SCALE {
                let behind = &mut behind[place.clone()];
                (L::load_part(behind, F::zero()) * factor).store_part(behind);
            }
            if WRITE {
                of_x.store_part(&mut e[place]);
            }
            all[0] = all[0] + of_x;
            if !WRITE {
                below[0] = L::select(of_x.differ(one), below[0] + of_x, below[0]);
            }
            at += L::WIDTH;
        }
        if !WRITE {
            sums.below += total_of(below).as_f64() / TWO_TO_64;
        }
        total += total_of(all).as_f64() / TWO_TO_64;
    }
    let next_max = if together {
        largest[0].larger(largest[1]).larger(largest[2].larger(largest[3])).largest()
    } else {
        self::max::<F, L>(ahead)
    };
    if total >= CONFIDENT {
        return (Sums { below: total - 1.0, largest: 1.0 }, next_max);
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
    (sums, next_max)
}
