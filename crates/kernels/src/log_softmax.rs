use crate::compile_once::compile_once;
use crate::cross_entropy::{CrossEntropyOptions, assert_fit};
use crate::exp::exp;
use crate::exponential_rows::for_each_normalizer;
use crate::reductions::sum;
use crate::rows::{assert_same_shape, row, row_mut};
use crate::target::{gradient_of_row, loss_of_row};
use crate::vectorize;
use chainrule_core::{Real, Targets};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// yᵢ ← log Σⱼ exp(xᵢⱼ), row by row. Shapes: x (rows, classes), y (rows).
///
/// A row whose largest number is infinite gives that: -∞ where all are -∞, ∞ where one is ∞. NaN comes of NaN alone.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn log_sum_exp<F: Real>(x: ArrayView2<F>, y: ArrayViewMut1<F>) {
    assert!(y.len() == x.nrows(), "log_sum_exp: {} results, x is {:?}", y.len(), x.dim());
    compile_once!(|x: ArrayView2<F>, y: ArrayViewMut1<F>| {
        for_each_normalizer(
            x,
            #[inline(always)]
            |i, x, normalizer| {
                let max = normalizer.max;
                // x - max means nothing there, and the largest may have been found in spite of NaN.
                y[i] = if max.is_infinite() && !x.iter().any(|x| x.is_nan()) {
                    max
                } else {
                    max + normalizer.log_sum
                };
            },
        );
    });
}

/// yⱼ ← log softmax(x)ⱼ = xⱼ - log Σₖ exp(xₖ), row by row. Shapes: all (rows, classes).
///
/// Exact also where a probability would round to 0 or 1.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn log_softmax<F: Real>(x: ArrayView2<F>, y: ArrayViewMut2<F>) {
    assert_same_shape("log_softmax", "y", y.dim(), x.dim());
    compile_once!(|x: ArrayView2<F>, y: ArrayViewMut2<F>| {
        for_each_normalizer(
            x,
            #[inline(always)]
            |i, x, normalizer| {
                for (y, &x) in row_mut(&mut y, i).iter_mut().zip(x) {
                    *y = (x - normalizer.max) - normalizer.log_sum;
                }
            },
        );
    });
}

/// Of [`log_softmax`]: dx ← dy - softmax(x) Σⱼ dyⱼ, with softmax(x) = exp(y). Shapes: all (rows, classes).
///
/// ∂yⱼ/∂xᵢ = δᵢⱼ - softmax(x)ᵢ, so (∂y/∂x)ᵀ dy leaves dyᵢ - softmax(x)ᵢ Σⱼ dyⱼ.
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn log_softmax_backward<F: Real>(y: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
    assert_same_shape("log_softmax_backward", "dy", dy.dim(), y.dim());
    assert_same_shape("log_softmax_backward", "dx", dx.dim(), y.dim());
    compile_once!(|y: ArrayView2<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>| {
        vectorize(
            #[inline(always)]
            || {
                for i in 0..y.nrows() {
                    let (y, dy) = (row(&y, i), row(&dy, i));
                    let total = sum(dy);
                    for ((dx, &y), &dy) in row_mut(&mut dx, i).iter_mut().zip(y).zip(dy) {
                        *dx = dy - exp(y) * total;
                    }
                }
            },
        );
    });
}

/// lossᵢ ← -Σⱼ tᵢⱼ xᵢⱼ: the negative log-likelihood of each row of log-probabilities x, for the targets t that
/// [`CrossEntropyOptions`] makes of y. Shapes: x (rows, classes), targets y one per row, losses (rows).
///
/// # Panics
/// If the shapes differ or a class index is out of range.
#[track_caller]
pub fn negative_log_likelihood<F: Real>(
    x: ArrayView2<F>,
    targets: Targets<F>,
    options: CrossEntropyOptions,
    losses: ArrayViewMut1<F>,
) {
    assert_fit("negative_log_likelihood", x.dim(), targets, options, losses.len());
    compile_once!(|x: ArrayView2<F>,
                   targets: Targets<F>,
                   options: CrossEntropyOptions,
                   losses: ArrayViewMut1<F>| {
        for i in 0..x.nrows() {
            let x = row(&x, i);
            losses[i] = loss_of_row(options.target(&targets, i, x.len()), x.len(), |class| -x[class]);
        }
    });
}

/// Of [`negative_log_likelihood`]: dx ← -scale · t. Shapes: dx (rows, classes), targets one per row.
///
/// # Panics
/// If the shapes differ or a class index is out of range.
#[track_caller]
pub fn negative_log_likelihood_backward<F: Real>(
    targets: Targets<F>,
    options: CrossEntropyOptions,
    scale: F,
    dx: ArrayViewMut2<F>,
) {
    assert_fit("negative_log_likelihood_backward", dx.dim(), targets, options, dx.nrows());
    compile_once!(|targets: Targets<F>, options: CrossEntropyOptions, scale: F, dx: ArrayViewMut2<F>| {
        for i in 0..dx.nrows() {
            let target = options.target(&targets, i, dx.ncols());
            gradient_of_row(target, row_mut(&mut dx, i), |_| -scale);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2, array, s};

    #[test]
    fn a_confident_row_keeps_its_small_loss() {
        let x = array![[0.0_f64, -40.0], [0.0, -745.0], [3e38, -3e38]];
        let (mut y, mut lse) = (Array2::zeros(x.dim()), Array1::zeros(3));
        log_softmax(x.view(), y.view_mut());
        log_sum_exp(x.view(), lse.view_mut());
        assert_eq!(y[[0, 0]], -(-40.0_f64).exp());
        assert_eq!(y[[1, 0]], -(-745.0_f64).exp());
        assert_eq!(lse[2], 3e38);
    }

    fn check_infinite_rows<F: Real>() {
        let (least, largest) = (F::neg_infinity(), F::infinity());
        for classes in [1, 2, 3, 10, 16, 17, 63, 100, 257, 321, 1000, 5000] {
            let mut x = Array2::zeros((70, classes));
            x.slice_mut(s![..6, ..]).fill(least);
            x[[1, classes / 2]] = F::one();
            x.row_mut(2).fill(largest);
            x.row_mut(3)[classes - 1] = largest;
            (x[[4, 0]], x[[4, classes - 1]]) = (F::nan(), largest);
            x[[5, classes / 2]] = F::nan();
            let mut y = Array1::zeros(70);
            log_sum_exp(x.view(), y.view_mut());
            assert_eq!(y.as_slice().unwrap()[..4], [least, F::one(), largest, largest], "{classes} classes");
            let last = if classes > 1 { F::nan() } else { largest };
            assert_eq!((y[4].is_nan(), y[5].is_nan()), (last.is_nan(), true), "{classes} classes");
            assert!(y.iter().skip(6).all(|y| y.is_finite()), "{classes} classes");
        }
    }

    /// And NaN comes of NaN alone.
    #[test]
    fn the_sum_of_a_row_whose_largest_is_infinite_is_that() {
        check_infinite_rows::<f32>();
        check_infinite_rows::<f64>();
    }
}
