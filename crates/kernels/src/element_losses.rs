//! Losses that compare number with number. The loss of a row is the mean over its outputs, (1/W) Σⱼ ℓ(yⱼ, tⱼ), and every
//! backward is dyⱼ ← scale · ℓ′(yⱼ, tⱼ) / W. Shapes: y and dy (rows, W), targets (rows, W), losses (rows).
//!
//! Class labels stand for the targets 0 and 1 of a single output.

use crate::activations::sigmoid_of;
use crate::compile_once::compile_once;
use crate::cross_entropy::clip;
use crate::exp::{exp, ln, ln_1p};
use crate::reductions::{LANES, sum_of};
use crate::rows::{assert_same_shape, row, row_mut};
use crate::vectorize;
use chainrule_core::{Real, Targets};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};
use std::ops::Range;

/// Calls `work` with the targets of row `i`.
#[inline(always)]
fn with_target_row<F: Real, R>(targets: Targets<F>, i: usize, work: impl FnOnce(&[F]) -> R) -> R {
    match targets {
        Targets::Classes(labels) => work(&[F::of(labels[i] as f64)]),
        Targets::Probabilities(t) | Targets::Values(t) => match t.row(i).as_slice() {
            Some(t) => work(t),
            None => work(&t.row(i).to_vec()),
        },
    }
}

/// Numbers of short rows that are computed side by side.
const SIDE_BY_SIDE: usize = 256;

/// Up to this width several rows go together, as one does not fill the registers.
const SHORT: usize = 64;

/// Calls `work` for several short rows at a time: with their range, and their numbers and targets, row after row, in whole registers.
#[inline(always)]
fn for_each_few_rows<F: Real>(
    y: ArrayView2<F>,
    targets: Targets<F>,
    mut work: impl FnMut(Range<usize>, &mut [F], &[F]),
) {
    let (rows, width) = y.dim();
    let at_once = SIDE_BY_SIDE / width;
    let (mut numbers, mut aims) = ([F::zero(); SIDE_BY_SIDE], [F::zero(); SIDE_BY_SIDE]);
    for first in (0..rows).step_by(at_once) {
        let range = first..rows.min(first + at_once);
        let places = numbers.chunks_exact_mut(width).zip(aims.chunks_exact_mut(width));
        for (i, (numbers, aims)) in range.clone().zip(places) {
            numbers.iter_mut().zip(row(&y, i)).for_each(|(number, &y)| *number = y);
            match targets {
                Targets::Classes(labels) => aims[0] = F::of(labels[i] as f64),
                Targets::Probabilities(t) | Targets::Values(t) => {
                    aims.iter_mut().zip(t.row(i)).for_each(|(aim, &t)| *aim = t);
                }
            }
        }
        let whole = (range.len() * width).next_multiple_of(LANES);
        work(range, &mut numbers[..whole], &aims[..whole]);
    }
}

#[inline(always)]
pub(crate) fn mean_of_elements<F: Real>(
    y: ArrayView2<F>,
    targets: Targets<F>,
    mut losses: ArrayViewMut1<F>,
    loss: impl Fn(F, F) -> F + Copy,
) {
    let width = y.ncols();
    if (1..=SHORT).contains(&width) {
        return for_each_few_rows(y, targets, |range, numbers, t| {
            let y = &mut *numbers;
            vectorize(
                #[inline(always)]
                move || {
                    for (y, &t) in y.iter_mut().zip(t) {
                        *y = loss(*y, t);
                    }
                },
            );
            for (i, terms) in range.zip(numbers.chunks(width)) {
                losses[i] = F::of(terms.iter().map(|term| term.as_f64()).sum::<f64>() / width as f64);
            }
        });
    }
    for i in 0..y.nrows() {
        losses[i] = with_target_row(targets, i, |t| {
            let y = row(&y, i);
            vectorize(
                #[inline(always)]
                move || sum_of(y, t, loss) / F::of(width as f64),
            )
        });
    }
}

#[inline(always)]
pub(crate) fn mean_of_elements_backward<F: Real>(
    y: ArrayView2<F>,
    targets: Targets<F>,
    scale: F,
    mut dy: ArrayViewMut2<F>,
    derivative: impl Fn(F, F) -> F + Copy,
) {
    let width = y.ncols();
    let scale = scale / F::of(width as f64);
    if (1..=SHORT).contains(&width) {
        return for_each_few_rows(y, targets, |range, numbers, t| {
            let y = &mut *numbers;
            vectorize(
                #[inline(always)]
                move || {
                    for (y, &t) in y.iter_mut().zip(t) {
                        *y = scale * derivative(*y, t);
                    }
                },
            );
            for (i, numbers) in range.zip(numbers.chunks(width)) {
                row_mut(&mut dy, i).iter_mut().zip(numbers).for_each(|(dy, &number)| *dy = number);
            }
        });
    }
    for i in 0..y.nrows() {
        with_target_row(targets, i, |t| {
            let (y, dy) = (row(&y, i), row_mut(&mut dy, i));
            vectorize(
                #[inline(always)]
                move || {
                    for ((dy, &y), &t) in dy.iter_mut().zip(y).zip(t) {
                        *dy = scale * derivative(y, t);
                    }
                },
            );
        });
    }
}

/// Of a forward function: one loss for each row, and the targets' shape.
#[track_caller]
pub(crate) fn assert_fit<F: Real>(
    function: &str,
    outputs: (usize, usize),
    targets: Targets<F>,
    losses: usize,
) {
    let (rows, width) = outputs;
    assert!(
        targets.len() == rows && losses == rows,
        "{function}: {outputs:?} outputs, {} targets, {losses} losses",
        targets.len()
    );
    match targets {
        Targets::Classes(_) => {
            assert!(width == 1, "{function}: class labels for {width} outputs, expected 1")
        }
        Targets::Probabilities(t) | Targets::Values(t) => {
            assert_same_shape(function, "targets", t.dim(), outputs);
        }
    }
}

/// Of a backward function: also the gradient's shape.
#[track_caller]
pub(crate) fn assert_fit_backward<F: Real>(
    function: &str,
    outputs: (usize, usize),
    targets: Targets<F>,
    gradient: (usize, usize),
) {
    assert_same_shape(function, "dy", gradient, outputs);
    assert_fit(function, outputs, targets, outputs.0);
}

/// Forward and backward of a loss, given ℓ and ℓ′ as functions of y and t, and the settings.
macro_rules! element_loss {
    (
        $(#[$forward_doc:meta])* $forward:ident,
        $(#[$backward_doc:meta])* $backward:ident,
        ($($setting:ident: $type:ty),*), |$y:ident, $t:ident| $loss:expr, |$dy:ident, $dt:ident| $derivative:expr
    ) => {
        $(#[$forward_doc])*
        ///
        /// # Panics
        /// If the shapes differ.
        #[track_caller]
        pub fn $forward<F: Real>(
            y: ArrayView2<F>,
            targets: Targets<F>,
            $($setting: $type,)*
            losses: ArrayViewMut1<F>,
        ) {
            assert_fit(stringify!($forward), y.dim(), targets, losses.len());
            compile_once!(
                |y: ArrayView2<F>, targets: Targets<F>, $($setting: $type,)* losses: ArrayViewMut1<F>| {
                    mean_of_elements(
                        y,
                        targets,
                        losses,
                        #[inline(always)]
                        move |$y: F, $t: F| $loss,
                    )
                }
            );
        }

        $(#[$backward_doc])*
        ///
        /// # Panics
        /// If the shapes differ.
        #[track_caller]
        pub fn $backward<F: Real>(
            y: ArrayView2<F>,
            targets: Targets<F>,
            $($setting: $type,)*
            scale: F,
            dy: ArrayViewMut2<F>,
        ) {
            assert_fit_backward(stringify!($backward), y.dim(), targets, dy.dim());
            compile_once!(
                |y: ArrayView2<F>, targets: Targets<F>, $($setting: $type,)* scale: F, dy: ArrayViewMut2<F>| {
                    mean_of_elements_backward(
                        y,
                        targets,
                        scale,
                        dy,
                        #[inline(always)]
                        move |$dy: F, $dt: F| $derivative,
                    )
                }
            );
        }
    };
}

element_loss!(
    /// Squared error, ℓ = (y - t)².
    squared_error,
    /// Of [`squared_error`]: ℓ′ = 2 (y - t).
    squared_error_backward,
    (),
    |y, t| (y - t) * (y - t),
    |y, t| F::of(2.0) * (y - t)
);

element_loss!(
    /// Absolute error, ℓ = |y - t|.
    absolute_error,
    /// Of [`absolute_error`]: ℓ′ = sign(y - t), 0 where y = t.
    absolute_error_backward,
    (),
    |y, t| (y - t).abs(),
    |y, t| if y == t { F::zero() } else { (y - t).signum() }
);

element_loss!(
    /// Huber's loss, ℓ = d²/2 where |d| ≤ δ, else δ (|d| - δ/2), with d = y - t.
    huber,
    /// Of [`huber`]: ℓ′ = d clipped to \[-δ, δ\].
    huber_backward,
    (delta: F),
    |y, t| {
        let d = (y - t).abs();
        if d <= delta { F::of(0.5) * d * d } else { delta * (d - F::of(0.5) * delta) }
    },
    |y, t| {
        let d = y - t;
        if d > delta { delta } else if d < -delta { -delta } else { d }
    }
);

element_loss!(
    /// Binary cross-entropy of probabilities y, clipped to \[[`CLIP`](crate::CLIP), 1 - [`CLIP`](crate::CLIP)\] as c:
    /// ℓ = -t log c - (1 - t) log(1 - c).
    binary_cross_entropy,
    /// Of [`binary_cross_entropy`]: ℓ′ = (1 - t) / (1 - c) - t / c.
    binary_cross_entropy_backward,
    (),
    |y, t| {
        let c = clip(y);
        -(t * ln(c) + (F::one() - t) * ln_1p(-c))
    },
    |y, t| {
        let c = clip(y);
        (F::one() - t) / (F::one() - c) - t / c
    }
);

element_loss!(
    /// Binary cross-entropy of the sigmoid of logits x, ℓ = max(x, 0) - x t + log(1 + exp(-|x|)), exact where σ(x) would
    /// round to 0 or 1.
    binary_cross_entropy_on_logits,
    /// Of [`binary_cross_entropy_on_logits`]: ℓ′ = σ(x) - t, in which the factors σ(x) (1 - σ(x)) of both cancelled.
    binary_cross_entropy_on_logits_backward,
    (),
    |x, t| {
        // Split by the sign of x, so that a confident, right answer does not come from a difference.
        let rest = ln_1p(exp(-x.abs()));
        if x >= F::zero() { (F::one() - t) * x + rest } else { rest - t * x }
    },
    |x, t| {
        let (one, e) = (F::one(), exp(-x.abs()));
        // 1 - σ(x) = σ(-x), without cancellation, where t is 1.
        if t == one { -sigmoid_of(-x) } else { (if x >= F::zero() { one } else { e }) / (one + e) - t }
    }
);
