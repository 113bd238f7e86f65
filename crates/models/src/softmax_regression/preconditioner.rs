use super::hessian::factorize;
use super::objective::Objective;
use chainrule_core::{Error, Real};
use chainrule_kernels::Cholesky;
use ndarray::Array2;
use rayon::prelude::*;

/// An approximation of the Hessian that is easily inverted.
pub(super) enum Preconditioner {
    /// c (I - 11ᵀ/K) ⊗ Σᵢ wᵢ xᵢ xᵢᵀ + λ I, which for c = ½ is Böhning's bound and holds everywhere: one factor for all classes. c is
    /// such that the Jacobians have the trace that they have now in the mean.
    Bound { gram: Array2<f64>, factor: Cholesky },
    /// The blocks on the diagonal of the Hessian at one point, a factor for each class.
    Blocks(Vec<Cholesky>),
    /// The diagonal of the bound, where that has too many columns or no room in memory.
    Diagonal(Vec<f64>),
}

/// Numbers that all blocks may have together.
const MOST_NUMBERS: usize = 1 << 24;
/// Columns above which a matrix of them is too large.
const MOST_COLUMNS: usize = 4096;
/// Rows whose weight in a block is less are left out of it: most rows are of one class beyond doubt.
const LEAST_WEIGHT: f64 = 1e-2;

impl Preconditioner {
    /// The bound (D. Böhning, "Multinomial logistic regression algorithm", Annals of the Institute of Statistical Mathematics 44, 1992).
    pub(super) fn bound<F: Real>(objective: &Objective<F>) -> Result<Self, Error> {
        if objective.width() <= MOST_COLUMNS && objective.has_room(1, objective.width())? {
            let own = objective.own_gram(objective.tiles.indices(), |row| objective.row_weight(row));
            let gram = objective.sum_of_matrices(own, objective.width())?;
            if let Some(factor) = scaled_factor(objective, &gram)? {
                return Ok(Preconditioner::Bound { gram, factor });
            }
        }
        Ok(Preconditioner::Diagonal(objective.bound_diagonal()?))
    }

    /// The bound for the point evaluated last; what is not one stays.
    pub(super) fn rescale<F: Real>(&mut self, objective: &Objective<F>) -> Result<(), Error> {
        if let Preconditioner::Bound { gram, factor } = self
            && let Some(scaled) = scaled_factor(objective, gram)?
        {
            *factor = scaled;
        }
        Ok(())
    }

    /// The blocks at the point evaluated last, unless they are too large.
    pub(super) fn blocks<F: Real>(objective: &Objective<F>) -> Result<Option<Self>, Error> {
        if !objective.has_room(objective.classes, objective.width())? {
            return Ok(None);
        }
        let own = (0..objective.classes).into_par_iter().map(|class| {
            let weight = |row: usize| {
                let s = objective.probabilities(row)[class];
                s * (F::one() - s) * objective.row_weight(row)
            };
            let rows: Vec<usize> = rows_that_count(objective, class).collect();
            objective.own_gram(&rows, weight)
        });
        let own: Vec<Result<Vec<f64>, Error>> = own.collect();
        // In order, as all ranks must meet.
        let grams = own.into_iter().map(|own| objective.sum_of_matrices(own, objective.width()));
        let grams = grams.collect::<Result<Vec<_>, Error>>()?;
        let factors = grams.into_par_iter().map(|mut gram| {
            objective.penalise_diagonal(&mut gram);
            factorize(gram)
        });
        let factors = objective.team.if_all_have(factors.collect::<Option<Vec<_>>>())?;
        Ok(factors.map(Preconditioner::Blocks))
    }

    /// Whether blocks are small enough to be held.
    pub(super) fn can_have_blocks<F: Real>(objective: &Objective<F>) -> bool {
        objective.len().saturating_mul(objective.width()) <= MOST_NUMBERS
    }

    /// Multiplications that blocks take, by the products with the Hessian that take as many.
    pub(super) fn cost_of_blocks<F: Real>(objective: &Objective<F>) -> Result<f64, Error> {
        let counting: usize =
            (0..objective.classes).map(|class| rows_that_count(objective, class).count()).sum();
        let rows = vec![counting as f64, objective.tiles.indices().len() as f64];
        let rows = objective.team.sum(Ok(rows), 2)?;
        let width = objective.width() as f64;
        let blocks = rows[0] * width * width / 2.0 + objective.classes as f64 * width.powi(3) / 6.0;
        Ok(blocks / (2.0 * rows[1] * objective.len() as f64))
    }

    /// z ≈ H⁻¹ r, the same on all ranks, with nothing in z that all classes share, as there is nothing in r.
    pub(super) fn solve<F: Real>(&self, objective: &Objective<F>, r: &[f64]) -> Result<Vec<f64>, Error> {
        let mut z = r.to_vec();
        let classes = z.par_chunks_mut(objective.width());
        match self {
            Preconditioner::Bound { factor, .. } => classes.for_each(|z| factor.solve(z)),
            Preconditioner::Blocks(factors) => {
                classes.zip(factors).for_each(|(z, factor)| factor.solve(z));
                objective.centre(&mut z);
            }
            Preconditioner::Diagonal(diagonal) => {
                classes.for_each(|z| z.iter_mut().zip(diagonal).for_each(|(z, d)| *z /= d));
                return Ok(z);
            }
        }
        objective.team.take_first(&mut z)?;
        Ok(z)
    }
}

fn scaled_factor<F: Real>(objective: &Objective<F>, gram: &Array2<f64>) -> Result<Option<Cholesky>, Error> {
    let (mut traces, mut weights) = (0.0, 0.0);
    for &row in objective.tiles.indices() {
        let squares: f64 = objective.probabilities(row).iter().map(|s| s.as_f64() * s.as_f64()).sum();
        let weight = objective.row_weight(row).as_f64();
        (traces, weights) = (traces + weight * (1.0 - squares), weights + weight);
    }
    let sums = objective.team.sum(Ok(vec![traces, weights]), 2)?;
    let scale = sums[0] / sums[1] / (objective.classes as f64 - 1.0).max(1.0);
    let mut bound = gram * scale.max(f64::EPSILON);
    objective.penalise_diagonal(&mut bound);
    objective.team.if_all_have(factorize(bound))
}

fn rows_that_count<F: Real>(objective: &Objective<F>, class: usize) -> impl Iterator<Item = usize> {
    let counts = move |&row: &usize| {
        let s = objective.probabilities(row)[class].as_f64();
        s * (1.0 - s) >= LEAST_WEIGHT && objective.row_weight(row) > F::zero()
    };
    objective.tiles.indices().iter().copied().filter(counts)
}
