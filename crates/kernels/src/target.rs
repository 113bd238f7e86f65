use crate::cross_entropy::CrossEntropyOptions;
use crate::lanes::{Lanes, gathered, load_some, places, splat};
use chainrule_core::{Real, Targets};
use ndarray::{ArrayView1, s};

impl CrossEntropyOptions<'_> {
    #[inline(always)]
    pub(crate) fn smoothing<F: Real>(&self, classes: usize) -> Smoothing<'_, F> {
        Smoothing {
            kept: F::of(1.0 - self.label_smoothing),
            shared: F::of(self.label_smoothing / classes as f64),
            weights: self.class_weights,
        }
    }

    /// What row `i` aims at.
    #[inline(always)]
    pub(crate) fn target<'t, F: Real>(
        &'t self,
        targets: &'t Targets<F>,
        i: usize,
        classes: usize,
    ) -> Target<'t, F> {
        let label = match targets {
            Targets::Classes(labels) if self.ignored_label == Some(labels[i]) => return Target::Ignored,
            Targets::Classes(labels) => Some(labels[i]),
            Targets::Probabilities(_) | Targets::Values(_) => None,
        };
        match label {
            Some(label) if self.label_smoothing == 0.0 => {
                let weight = self.class_weights.map_or(F::one(), |weights| F::of(weights[label]));
                Target::Class { label, weight }
            }
            _ => Target::Spread(Spread {
                label: label.inspect(|&label| assert!(label < classes, "the label of row {i} is {label}")),
                soft: match targets {
                    Targets::Classes(_) => None,
                    Targets::Probabilities(y) | Targets::Values(y) => Some(y.row(i)),
                },
                smoothing: self.smoothing(classes),
            }),
        }
    }
}

/// The numbers tⱼ of one row.
#[derive(Clone, Copy)]
pub(crate) enum Target<'a, F> {
    /// All 0.
    Ignored,
    /// `weight` at `label`, 0 elsewhere.
    Class { label: usize, weight: F },
    /// Any.
    Spread(Spread<'a, F>),
}

/// tⱼ of a row whose y is soft or one-hot.
#[derive(Clone, Copy)]
pub(crate) struct Spread<'a, F> {
    label: Option<usize>,
    soft: Option<ArrayView1<'a, F>>,
    smoothing: Smoothing<'a, F>,
}

/// tⱼ = wⱼ ((1 - ε) yⱼ + ε / C)
#[derive(Clone, Copy)]
pub(crate) struct Smoothing<'a, F> {
    kept: F,
    shared: F,
    weights: Option<&'a [f64]>,
}

impl<F: Real> Smoothing<'_, F> {
    #[inline(always)]
    fn of_class(&self, class: usize, y: F) -> F {
        let t = self.kept * y + self.shared;
        self.weights.map_or(t, |weights| F::of(weights[class]) * t)
    }

    /// Of one class for all lanes.
    #[inline(always)]
    pub(crate) fn of_samples<L: Lanes<F>>(&self, class: usize, y: L) -> L {
        let t = L::splat(self.kept) * y + L::splat(self.shared);
        match self.weights {
            Some(weights) => splat::<F, L>(weights[class]) * t,
            None => t,
        }
    }

    /// Of one class for the labels of all lanes; 0 where that is negative.
    #[inline(always)]
    pub(crate) fn of_labels<L: Lanes<F>>(&self, class: usize, label: L) -> L {
        let (zero, one) = (L::splat(F::zero()), L::splat(F::one()));
        let y = L::select(label.differ(splat(class as f64)), zero, one);
        L::select(label.less(zero), zero, self.of_samples(class, y))
    }
}

impl<F: Real> Spread<'_, F> {
    #[inline(always)]
    pub(crate) fn at(&self, class: usize) -> F {
        let y = match &self.soft {
            Some(soft) => soft[class],
            None if self.label == Some(class) => F::one(),
            None => F::zero(),
        };
        self.smoothing.of_class(class, y)
    }

    /// tⱼ of the classes from `first` on, as many as `count`, at most [`Lanes::WIDTH`]; 0 beyond them.
    #[inline(always)]
    pub(crate) fn lanes<L: Lanes<F>>(&self, first: usize, count: usize) -> L {
        let (zero, one) = (L::splat(F::zero()), L::splat(F::one()));
        let y = match (&self.soft, self.label) {
            (Some(soft), _) => match soft.as_slice() {
                Some(soft) => load_some(&soft[first..first + count]),
                None => gathered(count, soft.slice(s![first..]).iter().copied()),
            },
            (None, Some(label)) => {
                let place = splat::<F, L>(label as f64 - first as f64);
                L::select(place.differ(places()), zero, one)
            }
            (None, None) => zero,
        };
        let mut t = L::splat(self.smoothing.kept) * y + L::splat(self.smoothing.shared);
        if let Some(weights) = self.smoothing.weights {
            t = gathered::<F, L>(count, weights[first..].iter().map(|&weight| F::of(weight))) * t;
        }
        if count < L::WIDTH {
            t = L::select(places::<F, L>().less(splat(count as f64)), t, zero);
        }
        t
    }
}

/// Σⱼ tⱼ lossⱼ. A class of target 0 costs nothing, even where its own loss is infinite.
#[inline(always)]
pub(crate) fn loss_of_row<F: Real>(target: Target<F>, classes: usize, loss: impl Fn(usize) -> F) -> F {
    match target {
        Target::Ignored => F::zero(),
        Target::Class { weight, .. } if weight == F::zero() => F::zero(),
        Target::Class { label, weight } => weight * loss(label),
        Target::Spread(spread) => {
            let aimed_at =
                (0..classes).map(|class| (spread.at(class), class)).filter(|(t, _)| *t != F::zero());
            F::of(aimed_at.map(|(t, class)| (t * loss(class)).as_f64()).sum())
        }
    }
}

/// dⱼ ← tⱼ · derivative(j)
#[inline(always)]
pub(crate) fn gradient_of_row<F: Real>(target: Target<F>, d: &mut [F], derivative: impl Fn(usize) -> F) {
    match target {
        Target::Ignored => d.fill(F::zero()),
        Target::Class { label, weight } => {
            d.fill(F::zero());
            d[label] = weight * derivative(label);
        }
        Target::Spread(spread) => {
            d.iter_mut().enumerate().for_each(|(class, d)| *d = spread.at(class) * derivative(class));
        }
    }
}
