use crate::compile_once::compile_once;
use crate::reductions::{sum, sum_of};
use crate::rows::{assert_same_shape, row, row_mut};
use crate::vectorize;
use chainrule_core::Real;
use ndarray::{ArrayView2, ArrayViewMut2};

/// Mean of a row, and 1 / √(variance + ε).
#[derive(Clone, Copy)]
struct Moments<F> {
    mean: F,
    inverse_deviation: F,
}

impl<F: Real> Moments<F> {
    #[inline(always)]
    fn of(x: &[F], epsilon: F) -> Self {
        let width = F::of(x.len() as f64);
        let mean = sum(x) / width;
        // The squares of differences: those of the numbers themselves would cancel.
        let variance = sum_of(x, x, |x, _| (x - mean) * (x - mean)) / width;
        Moments { mean, inverse_deviation: F::one() / (variance + epsilon).sqrt() }
    }

    /// x̂
    #[inline(always)]
    fn normalized(&self, x: F) -> F {
        (x - self.mean) * self.inverse_deviation
    }
}

/// y ← γ ⊙ x̂ + β with x̂ = (x - μ) / √(σ² + ε), μ and σ² the mean and the variance (1/W) Σ (x - μ)² of each row.
///
/// Shapes: x and y (rows, W), gain γ and bias β (W). Source: J. L. Ba et al., "Layer normalization", 2016.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn layer_norm<F: Real>(x: ArrayView2<F>, gain: &[F], bias: &[F], epsilon: F, y: ArrayViewMut2<F>) {
    assert_same_shape("layer_norm", "y", y.dim(), x.dim());
    assert_width("layer_norm", x.ncols(), &[gain, bias]);
    compile_once!(|x: ArrayView2<F>, gain: &[F], bias: &[F], epsilon: F, y: ArrayViewMut2<F>| {
        vectorize(
            #[inline(always)]
            || {
                for i in 0..x.nrows() {
                    let x = row(&x, i);
                    let moments = Moments::of(x, epsilon);
                    let affine = gain.iter().zip(bias);
                    for ((y, &x), (&gain, &bias)) in row_mut(&mut y, i).iter_mut().zip(x).zip(affine) {
                        *y = gain * moments.normalized(x) + bias;
                    }
                }
            },
        );
    });
}

/// Of [`layer_norm`]: dx ← (g - mean(g) - x̂ mean(g ⊙ x̂)) / √(σ² + ε), with g = γ ⊙ dy.
///
/// Shapes: x, dy and dx (rows, W), gain (W).
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn layer_norm_backward<F: Real>(
    x: ArrayView2<F>,
    gain: &[F],
    epsilon: F,
    dy: ArrayView2<F>,
    dx: ArrayViewMut2<F>,
) {
    assert_same_shape("layer_norm_backward", "dy", dy.dim(), x.dim());
    assert_same_shape("layer_norm_backward", "dx", dx.dim(), x.dim());
    assert_width("layer_norm_backward", x.ncols(), &[gain]);
    compile_once!(|x: ArrayView2<F>, gain: &[F], epsilon: F, dy: ArrayView2<F>, dx: ArrayViewMut2<F>| {
        let width = F::of(x.ncols() as f64);
        vectorize(
            #[inline(always)]
            || {
                for i in 0..x.nrows() {
                    let (x, dx) = (row(&x, i), row_mut(&mut dx, i));
                    let moments = Moments::of(x, epsilon);
                    for ((dx, &dy), &gain) in dx.iter_mut().zip(row(&dy, i)).zip(gain) {
                        *dx = gain * dy;
                    }
                    let mean = sum(dx) / width;
                    let along = sum_of(x, dx, |x, g| moments.normalized(x) * g) / width;
                    for (dx, &x) in dx.iter_mut().zip(x) {
                        *dx = (*dx - mean - moments.normalized(x) * along) * moments.inverse_deviation;
                    }
                }
            },
        );
    });
}

/// Of [`layer_norm`], for the gain: dγ ← Σ over the rows of dy ⊙ x̂. Shapes: x and dy (rows, W), dgain (W).
///
/// (That for the bias is [`column_sums`](crate::column_sums) of dy.)
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn layer_norm_backward_gain<F: Real>(x: ArrayView2<F>, epsilon: F, dy: ArrayView2<F>, dgain: &mut [F]) {
    assert_same_shape("layer_norm_backward_gain", "dy", dy.dim(), x.dim());
    assert_width("layer_norm_backward_gain", x.ncols(), &[dgain]);
    compile_once!(|x: ArrayView2<F>, epsilon: F, dy: ArrayView2<F>, dgain: &mut [F]| {
        dgain.fill(F::zero());
        vectorize(
            #[inline(always)]
            || {
                for i in 0..x.nrows() {
                    let (x, dy) = (row(&x, i), row(&dy, i));
                    let moments = Moments::of(x, epsilon);
                    for ((dgain, &x), &dy) in dgain.iter_mut().zip(x).zip(dy) {
                        *dgain += dy * moments.normalized(x);
                    }
                }
            },
        );
    });
}

#[track_caller]
fn assert_width<F>(function: &str, width: usize, parameters: &[&[F]]) {
    for parameter in parameters {
        assert!(parameter.len() == width, "{function}: {} parameters, {width} columns", parameter.len());
    }
}
