use crate::activations::sigmoid_of;
use chainrule_core::Real;

/// A probability p on its way through the focal loss -(1 - p)^γ log p.
#[derive(Clone, Copy)]
pub(crate) struct FocalTerm<F> {
    /// log p
    pub(crate) log: F,
    /// p
    pub(crate) probability: F,
    /// 1 - p, not computed as a difference.
    pub(crate) rest: F,
}

impl<F: Real> FocalTerm<F> {
    #[inline(always)]
    pub(crate) fn of_logit(x: F) -> Self {
        // log σ(x) = min(x, 0) - log(1 + exp(-|x|))
        let log = x.min(F::zero()) - (-x.abs()).exp().ln_1p();
        FocalTerm { log, probability: sigmoid_of(x), rest: sigmoid_of(-x) }
    }

    /// From log p, which is at most 0.
    #[inline(always)]
    pub(crate) fn of_log(log: F) -> Self {
        FocalTerm { log, probability: log.exp(), rest: -log.exp_m1() }
    }

    /// -(1 - p)^γ log p
    #[inline(always)]
    pub(crate) fn loss(&self, gamma: F) -> F {
        -self.rest.powf(gamma) * self.log
    }

    /// ψ = p ∂/∂p \[-(1 - p)^γ log p\] = (1 - p)^γ (γ p log p / (1 - p) - 1)
    #[inline(always)]
    pub(crate) fn slope(&self, gamma: F) -> F {
        // log p / (1 - p) → -1 as p → 1; and p log p → 0 as p → 0, where log p may be infinite.
        let ratio = if self.rest == F::zero() { -F::one() } else { self.log / self.rest };
        let term = if self.probability == F::zero() { F::zero() } else { self.probability * ratio };
        self.rest.powf(gamma) * (gamma * term - F::one())
    }
}
