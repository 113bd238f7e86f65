use crate::compile_once::compile_once;
use crate::element_losses::{assert_fit, assert_fit_backward, mean_of_elements, mean_of_elements_backward};
use crate::focal_term::FocalTerm;
use chainrule_core::{Real, Targets};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// z^γ as a function for what follows. The usual γ needs no call for each number, which would keep a loop from being vectorised.
macro_rules! with_power {
    ($gamma:ident, |$power:ident| $work:expr) => {
        if $gamma == F::of(2.0) {
            let $power = |z: F| z * z;
            $work
        } else {
            let $power = move |z: F| z.powf($gamma);
            $work
        }
    };
}

/// Focal loss of the sigmoid of logits x against t of 0 or 1, with p the probability σ(±x) given to the right answer:
/// ℓ = -a (1 - p)^γ log p; the loss of a row is the mean over its outputs. The weight a is α for t = 1 and 1 - α for t = 0; 1 without α. For t between 0 and 1, ℓ is the mean
/// of both by t.
///
/// Source: T.-Y. Lin et al., "Focal loss for dense object detection", ICCV 2017.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn binary_focal<F: Real>(
    x: ArrayView2<F>,
    targets: Targets<F>,
    gamma: F,
    alpha: Option<F>,
    losses: ArrayViewMut1<F>,
) {
    assert_fit("binary_focal", x.dim(), targets, losses.len());
    compile_once!(|x: ArrayView2<F>,
                   targets: Targets<F>,
                   gamma: F,
                   alpha: Option<F>,
                   losses: ArrayViewMut1<F>| {
        let (positive, negative) = focal_weights(alpha);
        with_power!(gamma, |power| {
            mean_of_elements(
                x,
                targets,
                losses,
                #[inline(always)]
                move |x, t| {
                    let of_positive = t * positive * FocalTerm::of_logit(x).loss(power);
                    let of_negative = (F::one() - t) * negative * FocalTerm::of_logit(-x).loss(power);
                    of_positive + of_negative
                },
            )
        });
    });
}

/// Of [`binary_focal`]: with ψ = p ∂/∂p \[-(1 - p)^γ log p\] and dp/dx = ±p (1 - p), ℓ′ = ±a ψ (1 - p).
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn binary_focal_backward<F: Real>(
    x: ArrayView2<F>,
    targets: Targets<F>,
    gamma: F,
    alpha: Option<F>,
    scale: F,
    dx: ArrayViewMut2<F>,
) {
    assert_fit_backward("binary_focal_backward", x.dim(), targets, dx.dim());
    compile_once!(|x: ArrayView2<F>,
                   targets: Targets<F>,
                   gamma: F,
                   alpha: Option<F>,
                   scale: F,
                   dx: ArrayViewMut2<F>| {
        let (positive, negative) = focal_weights(alpha);
        with_power!(gamma, |power| {
            mean_of_elements_backward(
                x,
                targets,
                scale,
                dx,
                #[inline(always)]
                move |x, t| {
                    let (right, wrong) = (FocalTerm::of_logit(x), FocalTerm::of_logit(-x));
                    let of_positive = t * positive * right.slope(gamma, power) * right.rest;
                    let of_negative = (F::one() - t) * negative * wrong.slope(gamma, power) * wrong.rest;
                    of_positive - of_negative
                },
            )
        });
    });
}

fn focal_weights<F: Real>(alpha: Option<F>) -> (F, F) {
    alpha.map_or((F::one(), F::one()), |alpha| (alpha, F::one() - alpha))
}
