use super::tiles::{Tile, Tiles};
use crate::training::Team;
use crate::{Samples, SoftmaxCrossEntropy};
use chainrule_core::{Error, Loss, Real, Targets, WeightedTargets};
use chainrule_kernels::{matmul, softmax, softmax_backward};
use ndarray::{Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2};
use std::sync::atomic::{AtomicUsize, Ordering};

/// f(W) = Σᵢ wᵢ ℓᵢ(W) + ½ λ ‖W‖², with ℓ the cross-entropy of softmax(W x), without the intercepts in the norm.
///
/// W is (classes, width): a row for each class, its last number the intercept where there is one. Rows of inputs and probabilities are
/// F, and so are sums within a chunk of rows, but those of losses; W and all other sums are f64.
pub(super) struct Objective<'a, F: Real> {
    pub(super) tiles: Tiles<'a, F>,
    targets: WeightedTargets<'a, F>,
    loss: SoftmaxCrossEntropy,
    pub(super) l2: f64,
    pub(super) classes: usize,
    /// Of each row at the point evaluated last, (rows, classes).
    probabilities: Vec<F>,
    /// What each row's Jacobian counts for, its weight times that of its classes; 1 each if there are none.
    row_weights: Option<Vec<F>>,
    /// Products with the Hessian so far.
    products: AtomicUsize,
    /// The ranks that all rows are shared out to; the samples are this one's.
    pub(super) team: Team,
}

/// Value and gradient somewhere.
pub(super) struct Evaluated {
    pub(super) value: f64,
    pub(super) gradient: Vec<f64>,
}

impl<'a, F: Real> Objective<'a, F> {
    /// For samples that were checked.
    pub(super) fn new(
        samples: Samples<'a, F>,
        class_weights: Option<&[f64]>,
        classes: usize,
        intercept: bool,
        l2: f64,
        team: Team,
    ) -> Self {
        let Samples { rows, targets } = samples;
        let row_weights: Vec<F> = (0..rows.len())
            .map(|row| F::of(targets.weight(row).as_f64() * mass(targets.targets, row, class_weights)))
            .collect();
        let weighted = row_weights.iter().any(|&weight| weight != F::one());
        Objective {
            tiles: Tiles::new(rows, intercept, classes),
            targets,
            loss: loss(class_weights),
            l2,
            classes,
            probabilities: vec![F::zero(); rows.len() * classes],
            row_weights: weighted.then_some(row_weights),
            products: AtomicUsize::new(0),
            team,
        }
    }

    /// Columns of W.
    pub(super) fn width(&self) -> usize {
        self.tiles.width()
    }

    /// Numbers in W.
    pub(super) fn len(&self) -> usize {
        self.classes * self.width()
    }

    pub(super) fn products(&self) -> usize {
        self.products.load(Ordering::Relaxed)
    }

    /// Whether a column of W is in the norm.
    pub(super) fn is_penalised(&self, column: usize) -> bool {
        column < self.tiles.inputs()
    }

    /// Probabilities of a row, at the point evaluated last.
    pub(super) fn probabilities(&self, row: usize) -> &[F] {
        &self.probabilities[row * self.classes..][..self.classes]
    }

    pub(super) fn row_weight(&self, row: usize) -> F {
        self.row_weights.as_ref().map_or(F::one(), |weights| weights[row])
    }

    /// f(W) and ∇f(W) = Σᵢ wᵢ (softmax(W xᵢ) - yᵢ) xᵢᵀ + λ W, in one pass over the rows. The Hessian is from then on that at W.
    pub(super) fn evaluate(&mut self, w: &[f64]) -> Result<Evaluated, Error> {
        let mut probabilities = std::mem::take(&mut self.probabilities);
        let evaluated = self.evaluate_into(w, &mut probabilities);
        self.probabilities = probabilities;
        evaluated
    }

    fn evaluate_into(&self, w: &[f64], probabilities: &mut [F]) -> Result<Evaluated, Error> {
        let (classes, width) = (self.classes, self.width());
        let rounded: Vec<F> = w.iter().map(|&w| F::of(w)).collect();
        let matrix = view(&rounded, (classes, width));
        let chunks = self.tiles.indices().len().div_ceil(self.tiles.chunk_rows());
        let mut losses = vec![0.0; chunks];
        let contexts = probabilities.chunks_mut(self.tiles.chunk_rows() * classes).zip(&mut losses);
        let own = self.tiles.sum(
            w.len(),
            2 * classes + 1,
            contexts,
            |(probabilities, sum): &mut (&mut [F], &mut f64), tile: Tile<F>, gradient| {
                let Tile { indices, in_chunk, x, scratch } = tile;
                let rows = indices.len();
                let (z, rest) = scratch.split_at_mut(rows * classes);
                let (dz, losses) = rest.split_at_mut(rows * classes);
                let (mut z, mut dz) = (view_mut(z, (rows, classes)), view_mut(dz, (rows, classes)));
                matmul(F::one(), x.view(), matrix.t(), F::zero(), z.view_mut());
                let s = &mut probabilities[in_chunk.start * classes..in_chunk.end * classes];
                softmax(z.view(), view_mut(s, (rows, classes)));
                let targets = self.targets.rows(indices[0]..indices[0] + rows);
                let of_rows = ArrayViewMut1::from(&mut *losses);
                self.loss.forward_backward_weighted(z.view(), targets, 1.0, of_rows, dz.view_mut());
                **sum += losses.iter().map(|loss| loss.as_f64()).sum::<f64>();
                matmul(F::one(), dz.t(), x.view(), F::one(), view_mut(gradient, (classes, width)));
            },
        );
        // The losses go with the gradient, so that ranks meet once.
        let own = own.map(|mut gradient| {
            gradient.push(losses.iter().sum());
            gradient
        });
        let mut gradient = self.team.sum(own, w.len() + 1)?;
        let loss = gradient.pop().unwrap_or_default();
        self.add_penalty(w, &mut gradient);
        Ok(Evaluated { value: loss + self.penalty(w), gradient })
    }

    /// H v, with the Hessian H = Σᵢ wᵢ (diag(sᵢ) - sᵢ sᵢᵀ) ⊗ xᵢ xᵢᵀ + λ I at the point evaluated last: for each row the softmax's Jacobian
    /// times V xᵢ in closed form, between two matrix products.
    pub(super) fn hessian_product(&self, v: &[f64]) -> Result<Vec<f64>, Error> {
        self.products.fetch_add(1, Ordering::Relaxed);
        let (classes, width) = (self.classes, self.width());
        let rounded: Vec<F> = v.iter().map(|&v| F::of(v)).collect();
        let matrix = view(&rounded, (classes, width));
        let contexts = self.probabilities.chunks(self.tiles.chunk_rows() * classes);
        let own = self.tiles.sum(
            v.len(),
            2 * classes,
            contexts,
            |probabilities: &mut &[F], tile: Tile<F>, product| {
                let Tile { indices, in_chunk, x, scratch } = tile;
                let rows = indices.len();
                let (dz, u) = scratch.split_at_mut(rows * classes);
                let (mut dz, mut u) = (view_mut(dz, (rows, classes)), view_mut(u, (rows, classes)));
                matmul(F::one(), x.view(), matrix.t(), F::zero(), dz.view_mut());
                let s = &probabilities[in_chunk.start * classes..in_chunk.end * classes];
                softmax_backward(view(s, (rows, classes)), dz.view(), u.view_mut());
                if let Some(weights) = &self.row_weights {
                    for (mut u, &weight) in u.outer_iter_mut().zip(&weights[indices[0]..]) {
                        u.mapv_inplace(|u| u * weight);
                    }
                }
                matmul(F::one(), u.t(), x.view(), F::one(), view_mut(product, (classes, width)));
            },
        );
        let mut product = self.team.sum(own, v.len())?;
        self.add_penalty(v, &mut product);
        Ok(product)
    }

    /// Takes away what all classes share: softmax does not see it, and the norm is least without.
    pub(super) fn centre(&self, w: &mut [f64]) {
        let width = self.width();
        for column in 0..width {
            let mean = w.iter().skip(column).step_by(width).sum::<f64>() / self.classes as f64;
            w.iter_mut().skip(column).step_by(width).for_each(|w| *w -= mean);
        }
    }

    /// Adds λ to the diagonal of a matrix whose rows are those of some classes, one after another.
    pub(super) fn penalise_diagonal(&self, matrix: &mut Array2<f64>) {
        let width = self.width();
        for (row, entry) in matrix.diag_mut().iter_mut().enumerate() {
            if self.is_penalised(row % width) {
                *entry += self.l2;
            }
        }
    }

    fn penalty(&self, w: &[f64]) -> f64 {
        let penalised = |(column, w): (usize, &f64)| if self.is_penalised(column) { w * w } else { 0.0 };
        let rows = w.chunks(self.width()).map(|row| row.iter().enumerate().map(penalised).sum::<f64>());
        0.5 * self.l2 * rows.sum::<f64>()
    }

    fn add_penalty(&self, w: &[f64], gradient: &mut [f64]) {
        let width = self.width();
        for (gradient, w) in gradient.chunks_mut(width).zip(w.chunks(width)) {
            for (column, (gradient, w)) in gradient.iter_mut().zip(w).enumerate() {
                if self.is_penalised(column) {
                    *gradient += self.l2 * w;
                }
            }
        }
    }
}

/// The loss of a row.
pub(super) fn loss(class_weights: Option<&[f64]>) -> SoftmaxCrossEntropy {
    let loss = SoftmaxCrossEntropy::new();
    match class_weights {
        None => loss,
        Some(weights) => loss.class_weights(weights.iter().copied()),
    }
}

/// Σⱼ cⱼ yⱼ of a row, with the class weights c: by that softmax(z) is multiplied in the gradient of the row's loss.
fn mass<F: Real>(targets: Targets<F>, row: usize, class_weights: Option<&[f64]>) -> f64 {
    let weight = |class: usize| class_weights.map_or(1.0, |weights| weights[class]);
    match targets {
        Targets::Classes(labels) => weight(labels[row]),
        Targets::Probabilities(y) | Targets::Values(y) => {
            y.row(row).iter().enumerate().map(|(class, y)| weight(class) * y.as_f64()).sum()
        }
    }
}

pub(super) fn view<F>(numbers: &[F], shape: (usize, usize)) -> ArrayView2<'_, F> {
    ArrayView2::from_shape(shape, numbers).expect("as many numbers as rows times columns")
}

pub(super) fn view_mut<F>(numbers: &mut [F], shape: (usize, usize)) -> ArrayViewMut2<'_, F> {
    ArrayViewMut2::from_shape(shape, numbers).expect("as many numbers as rows times columns")
}
