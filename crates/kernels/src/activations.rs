//! Element-wise activations, each with its derivative. Shapes: all (rows, width).
//!
//! Every backward multiplies dy with the derivative at x; at a kink it is the derivative from the left, as in PyTorch.

use crate::compile_once::compile_once;
use crate::exp::{exp, exp_m1};
use crate::normal::normal;
use crate::rows::{assert_same_shape, row, row_mut, rows, rows_mut};
use crate::vectorize;
use chainrule_core::Real;
use ndarray::{ArrayView2, ArrayViewMut2};

/// y ← f(x), number by number, for the function of that name. What else f needs, numbers of type F, is named after it.
macro_rules! map {
    ($function:literal, $x:ident, $y:ident, $f:expr $(, $setting:ident)*) => {
        assert_same_shape($function, "y", $y.dim(), $x.dim());
        compile_once!(|$x: ArrayView2<F>, $y: ArrayViewMut2<F> $(, $setting: F)*| map(&$x, &mut $y, $f));
    };
}

#[inline(always)]
fn map<F: Real>(x: &ArrayView2<F>, y: &mut ArrayViewMut2<F>, f: impl Fn(F) -> F + Copy) {
    // Each run by itself: of rows within one function, the compiler would ask once for all of them whether x and y overlap, as bands of one matrix
    // seem to, and then take number by number.
    let run = |x: &[F], y: &mut [F]| {
        vectorize(
            // Settings come along: behind a reference they might change with every number written.
            #[inline(always)]
            move || {
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = f(x);
                }
            },
        );
    };
    let all = 0..x.nrows();
    match (rows(x, all.clone()), rows_mut(y, all.clone())) {
        (Some(x), Some(y)) => run(x, y),
        _ => all.for_each(|i| run(row(x, i), row_mut(y, i))),
    }
}

/// dx ← f(x, dy), as [`map`].
macro_rules! map_backward {
    ($function:literal, $x:ident, $dy:ident, $dx:ident, $f:expr $(, $setting:ident)*) => {
        assert_same_shape($function, "dy", $dy.dim(), $x.dim());
        assert_same_shape($function, "dx", $dx.dim(), $x.dim());
        compile_once!(|$x: ArrayView2<F>, $dy: ArrayView2<F>, $dx: ArrayViewMut2<F> $(, $setting: F)*| {
            map_backward(&$x, &$dy, &mut $dx, $f)
        });
    };
}

#[inline(always)]
fn map_backward<F: Real>(
    x: &ArrayView2<F>,
    dy: &ArrayView2<F>,
    dx: &mut ArrayViewMut2<F>,
    f: impl Fn(F, F) -> F + Copy,
) {
    let run = |x: &[F], dy: &[F], dx: &mut [F]| {
        vectorize(
            #[inline(always)]
            move || {
                for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
                    *dx = f(x, dy);
                }
            },
        );
    };
    let all = 0..x.nrows();
    match (rows(x, all.clone()), rows(dy, all.clone()), rows_mut(dx, all.clone())) {
        (Some(x), Some(dy), Some(dx)) => run(x, dy, dx),
        _ => all.for_each(|i| run(row(x, i), row(dy, i), row_mut(dx, i))),
    }
}

/// y ← max(0, x). NaN stays NaN, so that it does not go unnoticed.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn relu<F: Real>(x: ArrayView2<F>, y: ArrayViewMut2<F>) {
    map!("relu", x, y, |x| if x <= F::zero() { F::zero() } else { x });
}

/// Of [`relu`]: dx ← dy where x > 0, else 0.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn relu_backward<F: Real>(x: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
    map_backward!("relu_backward", x, dy, dx, |x, dy| if x > F::zero() { dy } else { F::zero() });
}

/// y ← x where x > 0, else slope · x.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn leaky_relu<F: Real>(slope: F, x: ArrayView2<F>, y: ArrayViewMut2<F>) {
    map!("leaky_relu", x, y, move |x| if x > F::zero() { x } else { slope * x }, slope);
}

/// Of [`leaky_relu`]: dx ← dy where x > 0, else slope · dy.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn leaky_relu_backward<F: Real>(slope: F, x: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
    map_backward!(
        "leaky_relu_backward",
        x,
        dy,
        dx,
        move |x, dy| if x > F::zero() { dy } else { slope * dy },
        slope
    );
}

/// y ← x where x > 0, else α (exp(x) - 1), without cancellation.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn elu<F: Real>(alpha: F, x: ArrayView2<F>, y: ArrayViewMut2<F>) {
    map!("elu", x, y, move |x| if x > F::zero() { x } else { alpha * exp_m1(x) }, alpha);
}

/// Of [`elu`]: dx ← dy where x > 0, else α exp(x) dy.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn elu_backward<F: Real>(alpha: F, x: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
    map_backward!(
        "elu_backward",
        x,
        dy,
        dx,
        move |x, dy| if x > F::zero() { dy } else { alpha * exp(x) * dy },
        alpha
    );
}

/// y ← σ(x) = 1 / (1 + exp(-x)), the logistic sigmoid. No exponential of it overflows.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn sigmoid<F: Real>(x: ArrayView2<F>, y: ArrayViewMut2<F>) {
    map!("sigmoid", x, y, sigmoid_of);
}

/// Of [`sigmoid`]: dx ← σ(x) σ(-x) dy, which is σ(x) (1 - σ(x)) dy without the cancellation in 1 - σ(x).
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn sigmoid_backward<F: Real>(x: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
    map_backward!("sigmoid_backward", x, dy, dx, |x, dy| sigmoid_slope(x) * dy);
}

/// σ(x), by exp(-|x|), which is at most 1.
#[inline(always)]
pub(crate) fn sigmoid_of<F: Real>(x: F) -> F {
    let e = exp(-x.abs());
    let numerator = if x >= F::zero() { F::one() } else { e };
    numerator / (F::one() + e)
}

/// σ(x) σ(-x)
#[inline(always)]
pub(crate) fn sigmoid_slope<F: Real>(x: F) -> F {
    let e = exp(-x.abs());
    let one_plus = F::one() + e;
    e / (one_plus * one_plus)
}

/// y ← tanh(x)
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn tanh<F: Real>(x: ArrayView2<F>, y: ArrayViewMut2<F>) {
    map!("tanh", x, y, |x| {
        // Of |x|, so that nothing cancels: tanh = t / (t + 2) with t = exp(2 |x|) - 1.
        let t = exp_m1(F::of(2.0) * x.abs());
        (t / (t + F::of(2.0))).copysign(x)
    });
}

/// Of [`tanh`]: dx ← (1 - tanh²(x)) dy, computed as 4 σ(2x) σ(-2x) dy, without cancellation.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn tanh_backward<F: Real>(x: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
    map_backward!("tanh_backward", x, dy, dx, |x, dy| F::of(4.0) * sigmoid_slope(F::of(2.0) * x) * dy);
}

/// y ← x σ(x), also known as swish.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn silu<F: Real>(x: ArrayView2<F>, y: ArrayViewMut2<F>) {
    map!("silu", x, y, |x| x * sigmoid_of(x));
}

/// Of [`silu`]: dx ← (σ(x) + x σ(x) σ(-x)) dy
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn silu_backward<F: Real>(x: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
    map_backward!("silu_backward", x, dy, dx, |x, dy| (sigmoid_of(x) + x * sigmoid_slope(x)) * dy);
}

/// y ← x Φ(x), with the distribution function Φ of the standard normal distribution: the exact GELU, not the approximation
/// by tanh.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn gelu<F: Real>(x: ArrayView2<F>, y: ArrayViewMut2<F>) {
    map!(
        "gelu",
        x,
        y,
        #[inline(always)]
        |x| x * normal(x).0
    );
}

/// Of [`gelu`]: dx ← (Φ(x) + x φ(x)) dy, with the standard normal density φ.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn gelu_backward<F: Real>(x: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
    // 1 / √(2π)
    const DENSITY_AT_0: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2 / 2.0;
    map_backward!(
        "gelu_backward",
        x,
        dy,
        dx,
        #[inline(always)]
        |x, dy| {
            let (distribution, bell) = normal(x);
            (distribution + x * (F::of(DENSITY_AT_0) * bell)) * dy
        }
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn relu_keeps_nan_and_has_one_zero() {
        let x = array![[-1.0_f32, -0.0, 0.0, 2.0, f32::NAN, f32::NEG_INFINITY, f32::INFINITY]];
        let mut y = Array2::zeros(x.dim());
        relu(x.view(), y.view_mut());
        let expected = array![[0.0_f32, 0.0, 0.0, 2.0, f32::NAN, 0.0, f32::INFINITY]];
        assert_eq!(y.mapv(f32::to_bits), expected.mapv(f32::to_bits));
    }
}
