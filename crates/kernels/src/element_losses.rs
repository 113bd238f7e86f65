//! Losses that compare number with number. The loss of a row is the mean over its outputs, (1/W) Σⱼ ℓ(yⱼ, tⱼ), and every
//! backward is dyⱼ ← scale · ℓ′(yⱼ, tⱼ) / W. Shapes: y and dy (rows, W), targets (rows, W), losses (rows).
//!
//! Class labels stand for the targets 0 and 1 of a single output.

use crate::activations::sigmoid_of;
use crate::compile_once::compile_once;
use crate::cross_entropy::clip;
use crate::exp::{exp, ln, ln_1p};
use crate::reductions::{LANES, add_pairwise};
use crate::rows::{assert_same_shape, row, row_mut};
use crate::vectorize;
use chainrule_core::{Real, Targets};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

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

/// Calls `each` with f(y, t) of every row in turn, where rows are short. Several are computed side by side, in whole registers.
#[inline(always)]
fn for_each_short_row<F: Real>(
    y: ArrayView2<F>,
    targets: Targets<F>,
    f: impl Fn(F, F) -> F + Copy,
    mut each: impl FnMut(usize, &[F]),
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
        let (y, t) = (&mut numbers[..whole], &aims[..whole]);
        vectorize(
            #[inline(always)]
            move || {
                for (y, &t) in y.iter_mut().zip(t) {
                    *y = f(*y, t);
                }
            },
        );
        range.zip(numbers.chunks(width)).for_each(|(i, numbers)| each(i, numbers));
    }
}

/// Σ f(yᵢ, tᵢ), which may be beyond all numbers of F where the mean is not.
#[inline(always)]
fn sum_in_f64<F: Real>(y: &[F], t: &[F], f: impl Fn(F, F) -> F) -> f64 {
    let ((y, last_y), (t, last_t)) = (y.as_chunks::<LANES>(), t.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (y, t) in y.iter().zip(t) {
        for lane in 0..LANES {
            lanes[lane] += f(y[lane], t[lane]).as_f64();
        }
    }
    let rest: f64 = last_y.iter().zip(last_t).map(|(&y, &t)| f(y, t).as_f64()).sum();
    add_pairwise(lanes) + rest
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
        return for_each_short_row(y, targets, loss, |i, terms| {
            losses[i] = F::of(terms.iter().map(|term| term.as_f64()).sum::<f64>() / width as f64);
        });
    }
    for i in 0..y.nrows() {
        losses[i] = with_target_row(targets, i, |t| {
            let y = row(&y, i);
            vectorize(
                #[inline(always)]
                move || F::of(sum_in_f64(y, t, loss) / width as f64),
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
        return for_each_short_row(
            y,
            targets,
            #[inline(always)]
            move |y, t| scale * derivative(y, t),
            |i, numbers| row_mut(&mut dy, i).iter_mut().zip(numbers).for_each(|(dy, &number)| *dy = number),
        );
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

#[cfg(test)]
mod tests {
    use super::*;
    use chainrule_core::{Purpose, Random};
    use ndarray::{Array1, Array2, Axis};

    /// Binary cross-entropy of logits, row by row, by the standard library's functions; and its slope.
    fn plainly(x: f64, t: f64) -> (f64, f64) {
        (x.max(0.0) - x * t + (-x.abs()).exp().ln_1p(), 1.0 / (1.0 + (-x).exp()) - t)
    }

    fn every_row_is_its_own<F: Real>(rows: usize, width: usize) {
        let random = Random::new(2, Purpose::Check, width);
        let number = |i: usize, j: usize| random.normal((i * width + j) as u64);
        let x = Array2::from_shape_fn((rows, width), |(i, j)| F::of(4.0 * number(i, j)));
        let t = Array2::from_shape_fn((rows, width), |(i, j)| F::of(f64::from(u8::from(number(i, j) < 0.3))));
        // Rows that do not follow one another, and numbers of a row that do not either.
        let turned = t.t().as_standard_layout().into_owned();
        let tolerance = 8.0 * F::epsilon().as_f64();
        for targets in [Targets::Values(t.view()), Targets::Probabilities(turned.t())] {
            let (mut losses, mut dx) = (Array1::zeros(rows), Array2::from_elem((rows, width + 2), F::nan()));
            let (mut band, around) = dx.view_mut().split_at(Axis(1), width);
            binary_cross_entropy_on_logits(x.view(), targets, losses.view_mut());
            binary_cross_entropy_on_logits_backward(x.view(), targets, F::of(0.5), band.view_mut());
            assert!(around.iter().all(|x| x.is_nan()));
            for i in 0..rows {
                let exact = |j: usize| plainly(x[(i, j)].as_f64(), t[(i, j)].as_f64());
                let mean = (0..width).map(|j| exact(j).0).sum::<f64>() / width as f64;
                assert!((losses[i].as_f64() - mean).abs() <= tolerance * mean, "{rows} × {width}: row {i}");
                for j in 0..width {
                    let slope = exact(j).1 * 0.5 / width as f64;
                    let found = band[(i, j)].as_f64();
                    assert!(
                        (found - slope).abs() <= tolerance / width as f64,
                        "{rows} × {width}: ({i}, {j})"
                    );
                }
            }
        }
    }

    #[test]
    fn short_rows_and_long_ones() {
        for width in [1, 2, 10, 63, 64, 65, 300] {
            for rows in [1, 4, 5, 257] {
                every_row_is_its_own::<f32>(rows, width);
                every_row_is_its_own::<f64>(rows, width);
            }
        }
        for width in [1, 64, 65, 300] {
            let (y, t) = (Array2::from_elem((2, width), 3e18_f32), Array2::zeros((2, width)));
            let mut losses = Array1::zeros(2);
            squared_error(y.view(), Targets::Values(t.view()), losses.view_mut());
            assert!(losses.iter().all(|&loss| (loss / 9e36 - 1.0).abs() < 1e-6), "{width}: {losses}");
            let y = Array2::from_elem((2, width), f32::NAN);
            for t in [0.0, 0.5, 1.0] {
                let t = Array2::from_elem((2, width), t);
                binary_cross_entropy(y.view(), Targets::Values(t.view()), losses.view_mut());
                assert!(losses.iter().all(|loss| loss.is_nan()));
            }
        }
        let (mut losses, mut dy) = (Array1::<f64>::zeros(0), Array2::zeros((0, 3)));
        let none = Array2::zeros((0, 3));
        squared_error(none.view(), Targets::Values(none.view()), losses.view_mut());
        squared_error_backward(none.view(), Targets::Values(none.view()), 1.0, dy.view_mut());
    }
}
