use crate::lanes::Lanes;
use crate::lanes_ln_1p::ln_1p;
use crate::normalizer::Normalizer;
use crate::scaled_exp::TWO_TO_64;
use chainrule_core::Real;

/// What the exponentials of a block of rows sum to, row by row.
#[derive(Clone, Copy)]
pub(crate) struct LaneNormalizers<L> {
    /// The largest logit.
    pub(crate) max: L,
    /// 1 / Σ exp(x - max), for exponentials times 2⁶⁴.
    pub(crate) factor: L,
    /// Σ exp(x - max) - 1
    excess: L,
}

impl<L> LaneNormalizers<L> {
    /// Of sums of exponentials times 2⁶⁴: of those below the largest, so that a small rest is not rounded away, and of all.
    #[inline(always)]
    pub(crate) fn new<F: Real>(max: L, below: L, all: L) -> Self
    where
        L: Lanes<F>,
    {
        let (one, scale) = (L::splat(F::one()), L::splat(F::of(1.0 / TWO_TO_64)));
        let (below, all) = (below * scale, all * scale);
        // How many are largest: rounded to a whole number.
        let rounder = L::splat(F::of(1.5 / F::epsilon().as_f64()));
        let largest = (all - below + rounder) - rounder;
        LaneNormalizers { max, factor: scale / (below + largest), excess: below + (largest - one) }
    }

    /// log Σ exp(x - max)
    #[inline(always)]
    pub(crate) fn log_sum<F: Real>(&self) -> L
    where
        L: Lanes<F>,
    {
        ln_1p(self.excess)
    }

    /// Calls `each` with each row's place in the block, its normalizer, and 1 / Σ exp.
    #[inline(always)]
    pub(crate) fn for_each<F: Real>(&self, count: usize, mut each: impl FnMut(usize, Normalizer<F>, f64))
    where
        L: Lanes<F>,
    {
        let (mut max, mut factor, mut log_sum) = ([F::zero(); 16], [F::zero(); 16], [F::zero(); 16]);
        self.max.store(&mut max[..L::WIDTH]);
        self.factor.store(&mut factor[..L::WIDTH]);
        self.log_sum().store(&mut log_sum[..L::WIDTH]);
        for row in 0..count {
            let normalizer = Normalizer { max: max[row], log_sum: log_sum[row] };
            each(row, normalizer, factor[row].as_f64() * TWO_TO_64);
        }
    }
}
