use crate::exp::ln_1p;
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

impl<F: Real> Normalizer<F> {
    /// Of the largest logit, and Σⱼ exp(xⱼ - max) - 1.
    #[inline(always)]
    pub(crate) fn new(max: F, excess: F) -> Self {
        Normalizer { max, log_sum: ln_1p(excess) }
    }

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

    /// Makes of them factor · softmax(x).
    #[inline(always)]
    pub(crate) fn normalize(self, factor: F) -> &'r mut [F] {
        for (scaled, share) in self.scaled.chunks_mut(self.block).zip(self.shares) {
            let factor = share * factor.as_f64();
            let at_once = F::of(factor / TWO_TO_64);
            if at_once.is_normal() {
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

/// How many numbers there are before the first whole line of the cache. A row of one block has just been written, and is read best in the
/// same registers.
#[inline(always)]
fn head<F>(scaled: &[F], blocks: usize) -> usize {
    if blocks == 1 { 0 } else { scaled.as_ptr().align_offset(64).min(scaled.len()) }
}
