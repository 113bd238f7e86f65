use crate::compile_once::compile_once;
use crate::cross_entropy::{CrossEntropyOptions, assert_fit};
use crate::exponential_rows::{OfSoftmax, for_each_normalizer, for_each_softmax};
use crate::label_cross_entropy::LabelCrossEntropy;
use crate::lanes::dispatch;
use crate::normalizer::{Exponentials, Normalizer};
use crate::rows::assert_same_shape;
use crate::some_classes;
use crate::spread_cross_entropy::{SpreadCrossEntropy, spread_cross_entropy_of_row};
use crate::target::{Target, loss_of_row};
use chainrule_core::{Real, Targets};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// lossᵢ ← Σⱼ tᵢⱼ (log Σₖ exp(xᵢₖ) - xᵢⱼ): the cross-entropy of the softmax of each row, straight from the logits, for the
/// targets t that [`CrossEntropyOptions`] makes of y.
///
/// Shapes: logits x (rows, classes), targets y one per row, losses (rows). With the largest logit subtracted first
/// (log-sum-exp) it is exact where the probability itself would round to 0, and where it would round to 1.
///
/// # Panics
/// If the shapes differ or a class index is out of range.
#[track_caller]
pub fn cross_entropy_on_logits<F: Real>(
    logits: ArrayView2<F>,
    targets: Targets<F>,
    options: CrossEntropyOptions,
    losses: ArrayViewMut1<F>,
) {
    assert_fit("cross_entropy_on_logits", logits.dim(), targets, options, losses.len());
    compile_once!(|logits: ArrayView2<F>,
                   targets: Targets<F>,
                   options: CrossEntropyOptions,
                   losses: ArrayViewMut1<F>| {
        if some_classes::by_blocks::<F>(logits.ncols()) {
            return by_blocks(logits, targets, options, F::zero(), losses, None);
        }
        losses_by_rows(logits, targets, options, losses);
    });
}

/// Softmax and cross-entropy, forward and backward, in one pass over the logits:
/// lossᵢ as of [`cross_entropy_on_logits`], and dx ← scale · (T softmax(x) - t) with T = Σⱼ tⱼ.
///
/// Shapes: logits x and dx (rows, classes), targets y one per row, losses (rows). `scale` is 1 / (number of samples) for
/// the gradient of the mean.
///
/// # Where it comes from
///
/// The loss of a row is L = -Σⱼ tⱼ log sⱼ with s = softmax(x), so that
/// 1. by the logarithm, ∂L/∂sⱼ = -tⱼ / sⱼ;
/// 2. by the quotient rule, ∂sⱼ/∂xᵢ = sⱼ (δᵢⱼ - sᵢ), the Jacobian diag(s) - s sᵀ;
/// 3. by the chain rule, ∂L/∂xᵢ = Σⱼ (-tⱼ / sⱼ) sⱼ (δᵢⱼ - sᵢ) = -Σⱼ tⱼ (δᵢⱼ - sᵢ): every sⱼ cancels;
/// 4. the δ leaves one term of the sum, ∂L/∂xᵢ = -tᵢ + sᵢ Σⱼ tⱼ = T sᵢ - tᵢ.
///
/// For targets that sum to 1 it is ŷ - y: O(classes) where step 3, taken literally, is O(classes²), and no division by a
/// probability that may be 0. (T is the sum as it is, so that rounding in soft targets is no error of the gradient.)
///
/// Source: *Neural Networks from Scratch in Python*, chapter 9.
///
/// # Panics
/// If the shapes differ or a class index is out of range.
///
/// ```
/// use chainrule_core::Targets;
/// use chainrule_kernels::softmax_cross_entropy;
/// use ndarray::{Array1, Array2, array};
/// let logits = array![[0.0_f64, 0.0], [0.0, 0.0]];
/// let (mut losses, mut dlogits) = (Array1::zeros(2), Array2::zeros((2, 2)));
/// let targets = Targets::Classes(&[0, 1]);
/// softmax_cross_entropy(logits.view(), targets, Default::default(), 0.5, losses.view_mut(), dlogits.view_mut());
/// assert_eq!(dlogits, array![[-0.25, 0.25], [0.25, -0.25]]);
/// assert!((losses[0] - 2.0_f64.ln()).abs() < 1e-15);
/// ```
#[track_caller]
pub fn softmax_cross_entropy<F: Real>(
    logits: ArrayView2<F>,
    targets: Targets<F>,
    options: CrossEntropyOptions,
    scale: F,
    losses: ArrayViewMut1<F>,
    dlogits: ArrayViewMut2<F>,
) {
    assert_same_shape("softmax_cross_entropy", "dlogits", dlogits.dim(), logits.dim());
    assert_fit("softmax_cross_entropy", logits.dim(), targets, options, losses.len());
    compile_once!(|logits: ArrayView2<F>,
                   targets: Targets<F>,
                   options: CrossEntropyOptions,
                   scale: F,
                   losses: ArrayViewMut1<F>,
                   dlogits: ArrayViewMut2<F>| {
        if some_classes::by_blocks::<F>(logits.ncols()) {
            return by_blocks(logits, targets, options, scale, losses, Some(dlogits));
        }
        gradient_by_rows(logits, targets, options, scale, losses, dlogits);
    });
}

/// Of [few enough classes](some_classes::by_blocks).
fn by_blocks<F: Real>(
    logits: ArrayView2<F>,
    targets: Targets<F>,
    options: CrossEntropyOptions,
    scale: F,
    losses: ArrayViewMut1<F>,
    dlogits: Option<ArrayViewMut2<F>>,
) {
    match targets {
        Targets::Classes(labels) if options.label_smoothing == 0.0 => {
            dispatch(LabelCrossEntropy { logits, labels, options, scale, losses, dlogits });
        }
        _ => dispatch(SpreadCrossEntropy { logits, targets, options, scale, losses, dlogits }),
    }
}

/// The losses alone, of any number of classes.
#[inline(never)]
pub(crate) fn losses_by_rows<F: Real>(
    logits: ArrayView2<F>,
    targets: Targets<F>,
    options: CrossEntropyOptions,
    mut losses: ArrayViewMut1<F>,
) {
    for_each_normalizer(
        logits,
        #[inline(always)]
        |i, x, normalizer| {
            losses[i] = match options.target(&targets, i, x.len()) {
                Target::Spread(spread) => spread_cross_entropy_of_row(x, spread, normalizer, F::zero(), None),
                target => loss_of_row(target, x.len(), |class| normalizer.loss(x[class])),
            }
        },
    );
}

/// The losses and the gradient, of any number of classes.
#[inline(never)]
pub(crate) fn gradient_by_rows<F: Real>(
    logits: ArrayView2<F>,
    targets: Targets<F>,
    options: CrossEntropyOptions,
    scale: F,
    losses: ArrayViewMut1<F>,
    dlogits: ArrayViewMut2<F>,
) {
    for_each_softmax(logits, dlogits, Gradient { targets, options, scale, losses });
}

struct Gradient<'a, 't, F> {
    targets: Targets<'t, F>,
    options: CrossEntropyOptions<'a>,
    scale: F,
    /// Until a row has its loss, what its label's place is to hold.
    losses: ArrayViewMut1<'a, F>,
}

impl<F: Real> OfSoftmax<F> for Gradient<'_, '_, F> {
    #[inline(always)]
    fn factor(&mut self, i: usize, softmax: &Exponentials<F>) -> F {
        match self.options.target(&self.targets, i, softmax.scaled.len()) {
            Target::Ignored => F::zero(),
            Target::Class { label, weight } => {
                let factor = weight * self.scale;
                self.losses[i] = (softmax.probability(label) - F::one()) * factor;
                factor
            }
            Target::Spread(_) => F::one(),
        }
    }

    #[inline(always)]
    fn finish(&mut self, i: usize, x: &[F], d: &mut [F], normalizer: Normalizer<F>) {
        let target = self.options.target(&self.targets, i, x.len());
        match target {
            // Also where softmax is NaN.
            Target::Ignored => d.fill(F::zero()),
            Target::Class { label, .. } => d[label] = self.losses[i],
            Target::Spread(_) => {}
        }
        self.losses[i] = match target {
            Target::Spread(spread) => spread_cross_entropy_of_row(x, spread, normalizer, self.scale, Some(d)),
            _ => loss_of_row(target, x.len(), |class| normalizer.loss(x[class])),
        };
    }
}
