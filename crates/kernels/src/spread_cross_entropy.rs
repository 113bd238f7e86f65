use crate::cross_entropy::CrossEntropyOptions;
use crate::few_classes::{self, FEW};
use crate::lane_normalizers::LaneNormalizers;
use crate::lanes::{
    Kernel, Lanes, dispatch, gathered, load_some, side_by_side, splat, store_from, store_some,
};
use crate::normalizer::Normalizer;
use crate::rows::{row, row_mut};
use crate::softmax_cross_entropy::{gradient_by_rows, losses_by_rows};
use crate::some_classes;
use crate::target::{Spread, Target};
use chainrule_core::{Real, Targets};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2, s};
use std::mem::MaybeUninit;

/// Softmax and cross-entropy with targets that are spread over the classes, soft ones or smoothed labels, and the gradient if there is
/// a place for it: by blocks of [`Lanes::WIDTH`] rows, of [few enough classes](some_classes::by_blocks);
/// at the portable level of at most [`FEW`], and row by row of more, which takes less long to compile.
pub(crate) struct SpreadCrossEntropy<'a, 't, F> {
    pub(crate) logits: ArrayView2<'a, F>,
    pub(crate) targets: Targets<'t, F>,
    pub(crate) options: CrossEntropyOptions<'a>,
    pub(crate) scale: F,
    pub(crate) losses: ArrayViewMut1<'a, F>,
    pub(crate) dlogits: Option<ArrayViewMut2<'a, F>>,
}

impl<F: Real> Kernel<F> for SpreadCrossEntropy<'_, '_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(self) {
        if self.logits.ncols() <= FEW {
            return self.side_by_side::<L>();
        }
        if L::TILES {
            return self.in_rows::<L>();
        }
        let SpreadCrossEntropy { logits, targets, options, scale, losses, dlogits } = self;
        match dlogits {
            Some(dlogits) => gradient_by_rows(logits, targets, options, scale, losses, dlogits),
            None => losses_by_rows(logits, targets, options, losses),
        }
    }
}

impl<F: Real> SpreadCrossEntropy<'_, '_, F> {
    #[inline(always)]
    fn side_by_side<L: Lanes<F>>(mut self) {
        let logits = self.logits;
        let (zero, scale) = (L::splat(F::zero()), L::splat(self.scale));
        few_classes::for_each_block::<F, L>(
            &logits,
            #[inline(always)]
            |start, count, block| {
                let targets = self.block::<L>(start, count);
                let targets = &targets[..logits.ncols()];
                let mut x = [zero; FEW];
                x[..block.len()].copy_from_slice(block);
                let normalizers = few_classes::exponentials(block);
                let mut sums = Sums { total: zero, cost: zero };
                for (&t, &x) in targets.iter().zip(&x) {
                    sums.add(t, normalizers.max - x);
                }
                if let Some(dlogits) = &mut self.dlogits {
                    for (x, &t) in block.iter_mut().zip(targets) {
                        *x = (sums.times(*x * normalizers.factor) - t) * scale;
                    }
                    few_classes::write_block(block, start, count, dlogits);
                }
                self.write_losses(start, sums, &normalizers);
            },
        );
    }

    #[inline(always)]
    fn in_rows<L: Lanes<F>>(mut self) {
        let (logits, mut dlogits) = (self.logits, self.dlogits.take());
        let (zero, scale) = (L::splat(F::zero()), L::splat(self.scale));
        let of_row = logits.ncols().div_ceil(L::WIDTH);
        some_classes::for_each_block::<F, L>(
            &logits,
            #[inline(always)]
            |start, exponentials, normalizers| {
                let rows = exponentials.chunks_exact(of_row);
                let (mut max, mut factor) = ([F::zero(); 16], [F::zero(); 16]);
                normalizers.max.store(&mut max[..L::WIDTH]);
                normalizers.factor.store(&mut factor[..L::WIDTH]);
                let (mut totals, mut costs) = ([zero; 16], [zero; 16]);
                for lane in 0..rows.len() {
                    if let Some(spread) = self.spread(start + lane) {
                        let mut sums = Sums { total: zero, cost: zero };
                        sums.add_row(row(&logits, start + lane), 0, &spread, L::splat(max[lane]));
                        (totals[lane], costs[lane]) = (sums.total, sums.cost);
                    }
                }
                let (total, cost) = (side_by_side::<F, L, false>(totals), side_by_side::<F, L, false>(costs));
                if let Some(dlogits) = &mut dlogits {
                    let mut totals = [F::zero(); 16];
                    total.store(&mut totals[..L::WIDTH]);
                    for (lane, e) in rows.enumerate() {
                        let d = row_mut(dlogits, start + lane);
                        let Some(spread) = self.spread(start + lane) else {
                            d.fill(F::zero());
                            continue;
                        };
                        let (factor, sums) =
                            (L::splat(factor[lane]), Sums { total: L::splat(totals[lane]), cost: zero });
                        for (register, (&e, d)) in e.iter().zip(d.chunks_mut(L::WIDTH)).enumerate() {
                            let t = spread.lanes(register * L::WIDTH, d.len());
                            store_some((sums.times(e * factor) - t) * scale, d);
                        }
                    }
                }
                let sums = Sums { total, cost };
                self.write_losses(start, sums, &normalizers);
            },
        );
    }

    /// The targets of row `i`, if it is not ignored.
    #[inline(always)]
    fn spread(&self, i: usize) -> Option<Spread<'_, F>> {
        match self.options.target(&self.targets, i, self.logits.ncols()) {
            Target::Spread(spread) => Some(spread),
            _ => None,
        }
    }

    #[inline(always)]
    fn write_losses<L: Lanes<F>>(&mut self, start: usize, sums: Sums<L>, normalizers: &LaneNormalizers<L>) {
        let loss = sums.times(normalizers.log_sum()) + sums.cost;
        store_from(loss, start, &mut self.losses);
    }

    /// The targets of a block of samples, class by class.
    #[inline(always)]
    fn block<L: Lanes<F>>(&self, start: usize, count: usize) -> [L; FEW] {
        let smoothing = self.options.smoothing(self.logits.ncols());
        let mut targets = [L::splat(F::zero()); FEW];
        match &self.targets {
            Targets::Classes(labels) => {
                let label = self.labels::<L>(&labels[start..start + count]);
                for (class, t) in targets[..self.logits.ncols()].iter_mut().enumerate() {
                    *t = smoothing.of_labels(class, label);
                }
            }
            Targets::Probabilities(y) | Targets::Values(y) if y.ncols() <= 1 || y.strides()[1] == 1 => {
                let mut block = [const { MaybeUninit::uninit() }; FEW];
                let block = few_classes::read_block::<F, L>(y, start, F::zero(), &mut block);
                for (class, (t, &y)) in targets[..self.logits.ncols()].iter_mut().zip(&*block).enumerate() {
                    *t = smoothing.of_samples(class, y);
                }
            }
            Targets::Probabilities(y) | Targets::Values(y) => {
                for (class, (t, y)) in targets.iter_mut().zip(y.columns()).enumerate() {
                    let y = gathered(count, y.slice(s![start..]).iter().copied());
                    *t = smoothing.of_samples(class, y);
                }
            }
        }
        targets
    }

    /// In lanes; a negative one in an ignored row.
    #[inline(always)]
    fn labels<L: Lanes<F>>(&self, labels: &[usize]) -> L {
        let (mut lanes, classes) = ([-F::one(); 16], self.logits.ncols());
        for (lane, &label) in lanes.iter_mut().zip(labels) {
            if self.options.ignored_label != Some(label) {
                assert!(label < classes, "a label is {label}, there are {classes} classes");
                *lane = F::of(label as f64);
            }
        }
        L::load(&lanes[..L::WIDTH])
    }
}

/// What targets sum to.
#[derive(Clone, Copy)]
struct Sums<L> {
    /// Σⱼ tⱼ
    total: L,
    /// Σⱼ tⱼ (max - xⱼ)
    cost: L,
}

impl<L> Sums<L> {
    /// A class of target 0 costs nothing, even where its logit is -∞.
    #[inline(always)]
    fn add<F: Real>(&mut self, t: L, below: L)
    where
        L: Lanes<F>,
    {
        self.total = self.total + t;
        self.cost = L::select(t.differ(L::splat(F::zero())), t.mul_add(below, self.cost), self.cost);
    }

    /// The total times a number. Where there is no target it is 0, even if the row's softmax is undefined.
    #[inline(always)]
    fn times<F: Real>(&self, factor: L) -> L
    where
        L: Lanes<F>,
    {
        let zero = L::splat(F::zero());
        L::select(self.total.differ(zero), factor * self.total, zero)
    }

    /// Logits of a row from class `first` on.
    #[inline(always)]
    fn add_row<F: Real>(&mut self, x: &[F], first: usize, spread: &Spread<F>, max: L)
    where
        L: Lanes<F>,
    {
        for (register, x) in x.chunks(L::WIDTH).enumerate() {
            self.add(spread.lanes(first + register * L::WIDTH, x.len()), max - load_some(x));
        }
    }
}

/// The loss of a row of more classes, and its gradient in the place of its probabilities, if they are there.
#[inline(always)]
pub(crate) fn spread_cross_entropy_of_row<F: Real>(
    x: &[F],
    spread: Spread<F>,
    normalizer: Normalizer<F>,
    scale: F,
    d: Option<&mut [F]>,
) -> F {
    let mut loss = F::zero();
    dispatch(SpreadRow { x, spread, normalizer, scale, d, loss: &mut loss });
    loss
}

struct SpreadRow<'a, 't, F> {
    x: &'a [F],
    spread: Spread<'t, F>,
    normalizer: Normalizer<F>,
    scale: F,
    d: Option<&'a mut [F]>,
    loss: &'a mut F,
}

/// Registers that one sum takes before it goes into the next: few enough for the roundings of f32 to stay below one unit in the last
/// place of a sum of any length.
const PART: usize = 8;

impl<F: Real> Kernel<F> for SpreadRow<'_, '_, F> {
    #[inline(always)]
    fn run<L: Lanes<F>>(self) {
        let zero = L::splat(F::zero());
        let max = L::splat(self.normalizer.max);
        let (mut first, mut total, mut cost) = (0, 0.0, 0.0);
        for x in self.x.chunks(PART * PART * L::WIDTH) {
            let mut sums = Sums { total: zero, cost: zero };
            for x in x.chunks(PART * L::WIDTH) {
                let mut part = Sums { total: zero, cost: zero };
                part.add_row(x, first, &self.spread, max);
                sums = Sums { total: sums.total + part.total, cost: sums.cost + part.cost };
                first += x.len();
            }
            total += sums.total.sum().as_f64();
            cost += sums.cost.sum().as_f64();
        }
        let of_total = if total == 0.0 { 0.0 } else { total * self.normalizer.log_sum.as_f64() };
        *self.loss = F::of(of_total + cost);
        let Some(d) = self.d else { return };
        let (sums, scale) = (Sums { total: splat::<F, L>(total), cost: zero }, L::splat(self.scale));
        for (register, d) in d.chunks_mut(L::WIDTH).enumerate() {
            let t = self.spread.lanes(register * L::WIDTH, d.len());
            store_some((sums.times(load_some(d)) - t) * scale, d);
        }
    }
}
