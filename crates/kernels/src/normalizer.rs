use crate::lanes::Lanes;
use crate::lanes_ln_1p::ln_1p;
use crate::scaled_exp::TWO_TO_64;
use chainrule_core::Real;

/// What the exponentials of one row sum to.
#[derive(Clone, Copy)]
pub(crate) struct Normalizer<F> {
    /// The largest logit.
    pub(crate) max: F,
    /// log Σⱼ exp(xⱼ - max), exact also where it is tiny.
    pub(crate) log_sum: F,
}

/// A [`Normalizer`] before its logarithm, which is long, and which nothing waits for: several rows take it together.
#[derive(Clone, Copy)]
pub(crate) struct Total<F> {
    pub(crate) max: F,
    /// Σⱼ exp(xⱼ - max) - 1
    pub(crate) excess: F,
}

impl<F: Real> Total<F> {
    /// At most 16 normalizers.
    #[inline(always)]
    pub(crate) fn normalizers<L: Lanes<F>>(totals: &[Self]) -> [Normalizer<F>; 16] {
        let (mut log_sums, mut normalizers) = ([F::zero(); 16], [Normalizer::default(); 16]);
        for (log_sum, total) in log_sums.iter_mut().zip(totals) {
            *log_sum = total.excess;
        }
        for log_sums in log_sums.chunks_exact_mut(L::WIDTH) {
            ln_1p(L::load(log_sums)).store(log_sums);
        }
        for ((normalizer, total), log_sum) in normalizers.iter_mut().zip(totals).zip(log_sums) {
            *normalizer = Normalizer { max: total.max, log_sum };
        }
        normalizers
    }
}

impl<F: Real> Default for Total<F> {
    fn default() -> Self {
        Total { max: F::zero(), excess: F::zero() }
    }
}

impl<F: Real> Default for Normalizer<F> {
    fn default() -> Self {
        Normalizer { max: F::zero(), log_sum: F::zero() }
    }
}

impl<F: Real> Normalizer<F> {
    /// The loss of a class by its logit: log Σⱼ exp(xⱼ - max) - (x - max).
    #[inline(always)]
    pub(crate) fn loss(&self, x: F) -> F {
        self.log_sum - (x - self.max)
    }
}

/// The exponentials of one row, not yet divided by their sum.
pub(crate) struct Exponentials<'r, F> {
    /// exp(xⱼ - the block's largest) 2⁶⁴
    pub(crate) scaled: &'r mut [F],
    /// How many have a largest logit in common.
    pub(crate) block: usize,
    /// exp(a block's largest - the row's) / Σⱼ exp(xⱼ - max), block by block.
    pub(crate) shares: &'r [f64],
}

impl<'r, F: Real> Exponentials<'r, F> {
    /// softmax(x)ⱼ
    #[inline(always)]
    pub(crate) fn probability(&self, class: usize) -> F {
        let share = F::of(self.shares[class / self.block]);
        self.scaled[class] * F::of(1.0 / TWO_TO_64) * share
    }

    /// What alone makes factor · softmax(x) of them, if there is such a number.
    #[inline(always)]
    pub(crate) fn at_once(&self, factor: F) -> Option<F> {
        match self.shares {
            [share] => at_once(share * factor.as_f64()),
            _ => None,
        }
    }

    /// Makes of them factor · softmax(x).
    #[inline(always)]
    pub(crate) fn normalize(self, factor: F) -> &'r mut [F] {
        for (scaled, share) in self.scaled.chunks_mut(self.block).zip(self.shares) {
            let factor = share * factor.as_f64();
            if let Some(at_once) = at_once::<F>(factor) {
                let (head, scaled) = scaled.split_at_mut(head(scaled, self.shares.len()));
                for part in [head, scaled] {
                    for e in part {
                        *e *= at_once;
                    }
                }
            } else {
                for e in scaled {
                    *e = *e * F::of(1.0 / TWO_TO_64) * F::of(factor);
                }
            }
        }
        self.scaled
    }
}

/// The factor with the power of 2 in it, unless the type cannot hold that to the last place.
#[inline(always)]
fn at_once<F: Real>(factor: f64) -> Option<F> {
    let at_once = F::of(factor / TWO_TO_64);
    at_once.is_normal().then_some(at_once)
}

/// How many numbers there are before the first whole line of the cache. A row of one block has just been written, and is read best in the
/// same registers.
#[inline(always)]
fn head<F>(scaled: &[F], blocks: usize) -> usize {
    if blocks == 1 { 0 } else { scaled.as_ptr().align_offset(64).min(scaled.len()) }
}
