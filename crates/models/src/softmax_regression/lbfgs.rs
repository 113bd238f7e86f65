use super::direction::{Direction, add, dot, norm};
use super::objective::{Evaluated, Objective};
use chainrule_core::{Error, Real};
use std::collections::VecDeque;

/// A quasi-Newton direction from the last steps and what they did to the gradient; it never asks for the Hessian.
///
/// Source: J. Nocedal, S. Wright, *Numerical Optimization*, 2nd edition, algorithm 7.4.
#[derive(Default)]
pub(super) struct Lbfgs {
    /// (step, change of the gradient, 1 / their product), oldest first.
    pairs: VecDeque<(Vec<f64>, Vec<f64>, f64)>,
}

/// Pairs that are remembered.
const MEMORY: usize = 20;

impl<F: Real> Direction<F> for Lbfgs {
    fn find(&mut self, objective: &Objective<F>, at: &Evaluated, _target: f64) -> Result<Vec<f64>, Error> {
        let mut q: Vec<f64> = at.gradient.iter().map(|g| -g).collect();
        objective.centre(&mut q);
        let Some((step, change, _)) = self.pairs.back() else {
            // Nothing is known of the curvature: a step of length 1.
            let length = norm(&q).max(1.0);
            q.iter_mut().for_each(|q| *q /= length);
            return Ok(q);
        };
        let scale = dot(step, change) / dot(change, change);
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for (step, change, inverse) in self.pairs.iter().rev() {
            let alpha = inverse * dot(step, &q);
            add(&mut q, -alpha, change);
            alphas.push(alpha);
        }
        q.iter_mut().for_each(|q| *q *= scale);
        for ((step, change, inverse), alpha) in self.pairs.iter().zip(alphas.iter().rev()) {
            let beta = inverse * dot(change, &q);
            add(&mut q, alpha - beta, step);
        }
        Ok(q)
    }

    fn learn(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let product = dot(&step, &change);
        // As it must be where the objective is convex; rounding may say otherwise.
        if product > f64::EPSILON * norm(&step) * norm(&change) {
            if self.pairs.len() == MEMORY {
                self.pairs.pop_front();
            }
            self.pairs.push_back((step, change, 1.0 / product));
        }
    }
}
