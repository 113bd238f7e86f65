use crate::compile_once::compile_once;
use crate::cross_entropy::{CrossEntropyOptions, Target, assert_fit, loss_of_row};
use crate::few_classes::{self, FEW, LaneNormalizers};
use crate::lanes::{Kernel, Lanes, dispatch, splat};
use crate::rows::assert_same_shape;
use crate::softmax::{Normalizer, for_each_exponential_row, for_each_normalizer};
use crate::tile::{read_tile, write_tile};
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
        if let Some(labels) = few_labels(logits.ncols(), targets, options) {
            return dispatch(OfFew { logits, labels, options, scale: F::zero(), losses, dlogits: None });
        }
        for_each_normalizer(
            logits,
            #[inline(always)]
            |i, logits, normalizer| {
                let target = options.target(&targets, i, logits.len());
                losses[i] = loss_of_logits(logits, target, &normalizer);
            },
        );
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
        if let Some(labels) = few_labels(logits.ncols(), targets, options) {
            return dispatch(OfFew { logits, labels, options, scale, losses, dlogits: Some(dlogits) });
        }
        for_each_exponential_row(
            logits,
            dlogits,
            #[inline(always)]
            |i, logits, exponentials, normalizer| {
                let target = options.target(&targets, i, logits.len());
                losses[i] = loss_of_logits(logits, target, &normalizer);
                match target {
                    Target::Ignored => exponentials.scaled.fill(F::zero()),
                    Target::Class { label, weight } => {
                        let factor = weight * scale;
                        let of_label = (exponentials.probability(label) - F::one()) * factor;
                        exponentials.normalize(factor)[label] = of_label;
                    }
                    Target::Spread(spread) => {
                        let d = exponentials.normalize(F::one());
                        let total = spread.sum(d.len());
                        for (class, d) in d.iter_mut().enumerate() {
                            *d = (*d * total - spread.at(class)) * scale;
                        }
                    }
                }
            },
        );
    });
}

/// Σⱼ tⱼ (log Σₖ exp(xₖ - max) - (xⱼ - max))
#[inline(always)]
fn loss_of_logits<F: Real>(logits: &[F], target: Target<F>, normalizer: &Normalizer<F>) -> F {
    loss_of_row(target, logits.len(), |class| normalizer.log_sum - (logits[class] - normalizer.max))
}

/// The labels, where classes are few and each row aims at one of them.
fn few_labels<'a, F: Real>(
    classes: usize,
    targets: Targets<'a, F>,
    options: CrossEntropyOptions,
) -> Option<&'a [usize]> {
    match targets {
        Targets::Classes(labels) if classes <= FEW && options.label_smoothing == 0.0 => Some(labels),
        _ => None,
    }
}

/// Both functions where samples lie side by side in the registers.
struct OfFew<'a, F> {
    logits: ArrayView2<'a, F>,
    labels: &'a [usize],
    options: CrossEntropyOptions<'a>,
    scale: F,
    losses: ArrayViewMut1<'a, F>,
    dlogits: Option<ArrayViewMut2<'a, F>>,
}

impl<F: Real> Kernel<F> for OfFew<'_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        match self.logits.ncols() {
            2 if L::TILES => self.in_tiles::<L, 2>(),
            3 if L::TILES => self.in_tiles::<L, 3>(),
            4 if L::TILES => self.in_tiles::<L, 4>(),
            5 if L::TILES => self.in_tiles::<L, 5>(),
            6 if L::TILES => self.in_tiles::<L, 6>(),
            7 if L::TILES => self.in_tiles::<L, 7>(),
            8 if L::TILES => self.in_tiles::<L, 8>(),
            9 if L::TILES => self.in_tiles::<L, 9>(),
            10 if L::TILES => self.in_tiles::<L, 10>(),
            11 if L::TILES => self.in_tiles::<L, 11>(),
            12 if L::TILES => self.in_tiles::<L, 12>(),
            13 if L::TILES => self.in_tiles::<L, 13>(),
            14 if L::TILES => self.in_tiles::<L, 14>(),
            15 if L::TILES => self.in_tiles::<L, 15>(),
            16 if L::TILES => self.in_tiles::<L, 16>(),
            _ => {
                let logits = self.logits;
                few_classes::for_each_block::<F, L>(
                    &logits,
                    #[inline(always)]
                    |start, count, block| {
                        let aims = self.aims::<L>(start);
                        let (logit, normalizers) = self.take(
                            aims,
                            block,
                            // Not the function itself, which a shim without the registers would call.
                            #[inline(always)]
                            |block| few_classes::exponentials(block),
                        );
                        if let Some(dlogits) = &mut self.dlogits {
                            few_classes::write_block(block, start, count, dlogits);
                        }
                        self.write_losses(start, aims[1], logit, &normalizers);
                    },
                );
            }
        }
    }
}

impl<F: Real> OfFew<'_, F> {
    #[inline(always)]
    fn in_tiles<L: Lanes<F>, const C: usize>(&mut self) {
        for start in (0..self.logits.nrows()).step_by(L::WIDTH) {
            // Before the tile, which a call would put into memory.
            let aims = self.aims::<L>(start);
            let mut tile = read_tile::<F, L, C>(&self.logits, start);
            let (logit, normalizers) = self.take(
                aims,
                &mut tile,
                #[inline(always)]
                |tile| few_classes::tile_exponentials(tile),
            );
            if let Some(dlogits) = &mut self.dlogits {
                write_tile(tile, start, dlogits);
            }
            self.write_losses(start, aims[1], logit, &normalizers);
        }
    }

    /// Labels and weights of a block of samples.
    #[inline(always)]
    fn aims<L: Lanes<F>>(&self, start: usize) -> [L; 2] {
        let labels = &self.labels[start..self.labels.len().min(start + L::WIDTH)];
        let (mut label, mut weight) = ([F::zero(); 16], [F::one(); 16]);
        let mut largest = 0;
        for (lane, &of_row) in label.iter_mut().zip(labels) {
            *lane = F::of(of_row as f64);
            largest = largest.max(of_row);
        }
        let CrossEntropyOptions { class_weights, ignored_label, .. } = self.options;
        if largest >= self.logits.ncols() || class_weights.is_some() || ignored_label.is_some() {
            self.weigh(start, labels, &mut label, &mut weight);
        }
        [L::load(&label[..L::WIDTH]), L::load(&weight[..L::WIDTH])]
    }

    /// The weights of labels. An ignored row's label is no class, and its weight 0.
    #[inline(never)]
    fn weigh(&self, start: usize, labels: &[usize], label: &mut [F; 16], weight: &mut [F; 16]) {
        for (sample, &of_row) in labels.iter().enumerate() {
            if self.options.ignored_label == Some(of_row) {
                (label[sample], weight[sample]) = (-F::one(), F::zero());
            } else {
                assert!(of_row < self.logits.ncols(), "the label of row {} is {of_row}", start + sample);
                weight[sample] =
                    self.options.class_weights.map_or(F::one(), |weights| F::of(weights[of_row]));
            }
        }
    }

    /// The labels' logits of a block of samples, and what their exponentials sum to; and of their logits makes the gradient, if there is one.
    #[inline(always)]
    fn take<L: Lanes<F>, B: AsMut<[L]> + ?Sized>(
        &self,
        [label, weight]: [L; 2],
        block: &mut B,
        exponentials: impl Fn(&mut B) -> LaneNormalizers<L>,
    ) -> (L, LaneNormalizers<L>) {
        let (zero, one) = (L::splat(F::zero()), L::splat(F::one()));
        let mut logit = zero;
        for (class, &x) in block.as_mut().iter().enumerate() {
            logit = L::select(label.differ(splat(class as f64)), logit, x);
        }
        let normalizers = exponentials(block);
        if self.dlogits.is_some() {
            let (ignored, factor) = (label.less(zero), weight * L::splat(self.scale));
            for (class, x) in block.as_mut().iter_mut().enumerate() {
                let s = *x * normalizers.factor;
                let s = L::select(label.differ(splat(class as f64)), s, s - one);
                *x = L::select(ignored, zero, s * factor);
            }
        }
        (logit, normalizers)
    }

    /// Apart from the gradient, and after it, as a logarithm is long and nothing waits for it.
    #[inline(always)]
    fn write_losses<L: Lanes<F>>(
        &mut self,
        start: usize,
        weight: L,
        logit: L,
        normalizers: &LaneNormalizers<L>,
    ) {
        let zero = L::splat(F::zero());
        let loss = weight * (normalizers.log_sum() - (logit - normalizers.max));
        let loss = L::select(weight.differ(zero), loss, zero);
        let count = L::WIDTH.min(self.labels.len() - start);
        match self.losses.as_slice_mut() {
            Some(losses) => loss.store_part(&mut losses[start..start + count]),
            None => {
                let mut losses = [F::zero(); 16];
                loss.store_part(&mut losses[..count]);
                for (sample, &loss) in losses[..count].iter().enumerate() {
                    self.losses[start + sample] = loss;
                }
            }
        }
    }
}
