use crate::cross_entropy::CrossEntropyOptions;
use crate::few_classes::{self, FEW};
use crate::lane_normalizers::LaneNormalizers;
use crate::lanes::{Kernel, Lanes, splat, store_from};
use crate::rows::{row, row_mut};
use crate::some_classes;
use crate::tile::{ByTiles, by_tiles, read_tile, write_tile};
use chainrule_core::Real;
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};

/// Softmax and cross-entropy with labels, and their gradient if there is a place for it, by blocks of [`Lanes::WIDTH`] rows: of
/// [few enough classes](some_classes::by_blocks).
pub(crate) struct LabelCrossEntropy<'a, F> {
    pub(crate) logits: ArrayView2<'a, F>,
    pub(crate) labels: &'a [usize],
    pub(crate) options: CrossEntropyOptions<'a>,
    pub(crate) scale: F,
    pub(crate) losses: ArrayViewMut1<'a, F>,
    pub(crate) dlogits: Option<ArrayViewMut2<'a, F>>,
}

impl<F: Real> Kernel<F> for LabelCrossEntropy<'_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(mut self) {
        let classes = self.logits.ncols();
        if by_tiles::<F, L>(&mut self, classes) {
            return;
        }
        if classes > FEW {
            return self.in_rows::<L>();
        }
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

impl<F: Real> ByTiles<F> for LabelCrossEntropy<'_, F> {
    #[inline(always)]
    fn by_tiles<L: Lanes<F>, const C: usize>(&mut self) {
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
}

impl<F: Real> LabelCrossEntropy<'_, F> {
    #[inline(always)]
    fn in_rows<L: Lanes<F>>(&mut self) {
        let logits = self.logits;
        let of_row = logits.ncols().div_ceil(L::WIDTH);
        some_classes::for_each_block::<F, L>(
            &logits,
            #[inline(always)]
            |start, exponentials, normalizers| {
                let [_, weight] = self.aims::<L>(start);
                let labels = &self.labels[start..self.labels.len().min(start + L::WIDTH)];
                let rows = labels.iter().zip(exponentials.chunks_exact(of_row));
                let (mut logit, mut of_label) = ([F::zero(); 16], [F::zero(); 16]);
                for (lane, (&label, e)) in rows.clone().enumerate() {
                    // An ignored label may be no class.
                    if let Some(&x) = row(&logits, start + lane).get(label) {
                        let mut lanes = [F::zero(); 16];
                        e[label / L::WIDTH].store(&mut lanes[..L::WIDTH]);
                        (logit[lane], of_label[lane]) = (x, lanes[label % L::WIDTH]);
                    }
                }
                if let Some(dlogits) = &mut self.dlogits {
                    let share = normalizers.factor;
                    let factor = weight * L::splat(self.scale);
                    let s = L::load(&of_label[..L::WIDTH]) * share;
                    ((s - L::splat(F::one())) * factor).store(&mut of_label[..L::WIDTH]);
                    let (mut shares, mut factors) = ([F::zero(); 16], [F::zero(); 16]);
                    share.store(&mut shares[..L::WIDTH]);
                    factor.store(&mut factors[..L::WIDTH]);
                    for (lane, (&label, e)) in rows.enumerate() {
                        let d = row_mut(dlogits, start + lane);
                        if self.options.ignored_label == Some(label) {
                            d.fill(F::zero());
                        } else {
                            some_classes::write_row::<F, L>(e, shares[lane], factors[lane], d);
                            d[label] = of_label[lane];
                        }
                    }
                }
                self.write_losses(start, weight, L::load(&logit[..L::WIDTH]), &normalizers);
            },
        );
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
        store_from(L::select(weight.differ(zero), loss, zero), start, &mut self.losses);
    }
}
