use crate::activations::sigmoid_of;
use crate::exp::{exp, exp_m1, ln_1p};
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
        let log = x.min(F::zero()) - ln_1p(exp(-x.abs()));
        FocalTerm { log, probability: sigmoid_of(x), rest: sigmoid_of(-x) }
    }

    /// From log p, which is at most 0.
    #[inline(always)]
    pub(crate) fn of_log(log: F) -> Self {
        FocalTerm { log, probability: exp(log), rest: -exp_m1(log) }
    }

    /// -(1 - p)^γ log p, with z^γ as `power`.
    #[inline(always)]
    pub(crate) fn loss(&self, power: impl Fn(F) -> F) -> F {
        -power(self.rest) * self.log
    }

    /// ψ = p ∂/∂p \[-(1 - p)^γ log p\] = (1 - p)^γ (γ p log p / (1 - p) - 1), with z^γ as `power`.
    #[inline(always)]
    pub(crate) fn slope(&self, gamma: F, power: impl Fn(F) -> F) -> F {
        // log p / (1 - p) → -1 as p → 1; and p log p → 0 as p → 0, where log p may be infinite.
        let ratio = if self.rest == F::zero() { -F::one() } else { self.log / self.rest };
        let term = if self.probability == F::zero() { F::zero() } else { self.probability * ratio };
        power(self.rest) * (gamma * term - F::one())
    }
}

/// z ↦ z^γ, without a call for the usual γ.
pub(crate) fn power<F: Real>(gamma: F) -> impl Fn(F) -> F + Copy {
    move |z| if gamma == F::of(2.0) { z * z } else { z.powf(gamma) }
}
