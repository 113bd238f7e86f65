use super::double_double::DoubleDouble;
use crate::args::Gradient;
use chainrule_core::{Purpose, Random, Real, Targets};
use chainrule_kernels::{
    cross_entropy, cross_entropy_backward, cross_entropy_on_logits, softmax, softmax_backward,
    softmax_backward_jacobian, softmax_backward_stored_jacobian, softmax_cross_entropy,
};
use ndarray::{Array1, Array2};
use std::ops::Range;

/// What is timed on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Softmax and cross-entropy, forward: the same for every path but the fused one.
    Forward,
    /// The losses from the logits, and nothing else.
    LossOfLogits,
    /// From the probabilities to the gradient in the logits, on a path that is not fused.
    Backward(Gradient),
    /// From the logits to the losses and the gradient, at once.
    Fused,
}

impl Part {
    pub(super) fn gives_gradient(self) -> bool {
        matches!(self, Part::Backward(_) | Part::Fused)
    }
}

/// Some rows of a batch, and room for everything that any path makes of them.
pub(super) struct Tile<F> {
    logits: Array2<F>,
    labels: Vec<usize>,
    probabilities: Array2<F>,
    dprobabilities: Array2<F>,
    losses: Array1<F>,
    dlogits: Array2<F>,
    exact: Vec<DoubleDouble>,
}

impl<F: Real> Tile<F> {
    /// Logits from the standard normal distribution, labels uniform.
    pub(super) fn new(rows: Range<usize>, classes: usize) -> Self {
        let (logits, labels) = (Random::new(0, Purpose::Generate, 0), Random::new(0, Purpose::Generate, 1));
        let (first, shape) = (rows.start, (rows.len(), classes));
        let mut tile = Tile {
            logits: Array2::from_shape_fn(shape, |(i, j)| {
                F::of(logits.normal(((first + i) * classes + j) as u64))
            }),
            labels: rows.map(|i| (labels.uniform(i as u64) * classes as f64) as usize).collect(),
            probabilities: Array2::zeros(shape),
            dprobabilities: Array2::zeros(shape),
            losses: Array1::zeros(shape.0),
            dlogits: Array2::zeros(shape),
            exact: Vec::with_capacity(shape.0 * classes),
        };
        for (logits, &label) in tile.logits.outer_iter().zip(&tile.labels) {
            let logits: Vec<f64> = logits.iter().map(|x| x.as_f64()).collect();
            tile.exact.extend(exact_gradient(&logits, label));
        }
        tile
    }

    pub(super) fn run(&mut self, part: Part) {
        let Tile { logits, labels, probabilities, dprobabilities, losses, dlogits, .. } = self;
        let (targets, options, scale) = (Targets::Classes(labels), Default::default(), F::one());
        match part {
            Part::Forward => {
                softmax(logits.view(), probabilities.view_mut());
                cross_entropy(probabilities.view(), targets, options, losses.view_mut());
            }
            Part::LossOfLogits => {
                cross_entropy_on_logits(logits.view(), targets, options, losses.view_mut());
            }
            Part::Backward(path) => {
                let through_softmax = match path {
                    Gradient::StoredJacobian => softmax_backward_stored_jacobian,
                    Gradient::Jacobian => softmax_backward_jacobian,
                    Gradient::Product | Gradient::Fused => softmax_backward,
                };
                let s = probabilities.view();
                cross_entropy_backward(s, targets, options, scale, dprobabilities.view_mut());
                through_softmax(s, dprobabilities.view(), dlogits.view_mut());
            }
            Part::Fused => {
                let (losses, dlogits) = (losses.view_mut(), dlogits.view_mut());
                softmax_cross_entropy(logits.view(), targets, options, scale, losses, dlogits);
            }
        }
    }

    /// The largest difference of the present gradient from the exact one.
    pub(super) fn largest_error(&self) -> f64 {
        let pairs = self.dlogits.iter().zip(&self.exact);
        pairs.map(|(d, exact)| ((d.as_f64() - exact.high) - exact.low).abs()).fold(0.0, f64::max)
    }
}

/// softmax(x) - y of one row.
fn exact_gradient(logits: &[f64], label: usize) -> impl Iterator<Item = DoubleDouble> {
    let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<_> = logits.iter().map(|&x| DoubleDouble::sum(x, -max).exp()).collect();
    let total = exponentials.iter().fold(DoubleDouble::ZERO, |sum, &e| sum + e);
    exponentials.into_iter().enumerate().map(move |(class, e)| {
        let y = if class == label { -1.0 } else { 0.0 };
        e.divided_by(total) + DoubleDouble::sum(y, 0.0)
    })
}
