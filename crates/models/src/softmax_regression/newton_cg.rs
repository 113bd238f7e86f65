use super::direction::{Direction, add, dot, norm};
use super::objective::{Evaluated, Objective};
use super::preconditioner::Preconditioner;
use chainrule_core::{Error, Real};

/// Newton's direction -H⁻¹ g, by conjugate gradients, as far as it pays: H only ever meets a vector.
///
/// Source: J. Nocedal, S. Wright, *Numerical Optimization*, 2nd edition, algorithm 7.1, with a preconditioner.
#[derive(Default)]
pub(super) struct NewtonCg {
    /// With the number of products when it was made.
    preconditioner: Option<(Preconditioner, usize)>,
    /// The norm of the gradient at the start.
    start: Option<f64>,
    /// The number of products before the last direction.
    before: usize,
}

/// Products for one direction.
const MOST_PRODUCTS: usize = 500;
/// So few that a better preconditioner is not worth its price.
const FEW_PRODUCTS: usize = 8;

impl<F: Real> Direction<F> for NewtonCg {
    fn find(&mut self, objective: &Objective<F>, at: &Evaluated, target: f64) -> Result<Vec<f64>, Error> {
        let length = norm(&at.gradient);
        let start = *self.start.get_or_insert(length);
        let preconditioner = self.preconditioner(objective)?;
        // The nearer the optimum, the more exact; never more than the end asks for.
        let least = (length / start).sqrt().min(0.3) * length;
        let least = least.max(0.5 * target);

        let mut direction = vec![0.0; at.gradient.len()];
        let mut r: Vec<f64> = at.gradient.iter().map(|g| -g).collect();
        objective.centre(&mut r);
        let mut z = preconditioner.solve(objective, &r)?;
        let mut p = z.clone();
        let mut rz = dot(&r, &z);
        for _ in 0..MOST_PRODUCTS {
            let hp = objective.hessian_product(&p)?;
            let curvature = dot(&p, &hp);
            if !(curvature > 0.0 && curvature.is_finite() && rz > 0.0) {
                break;
            }
            let alpha = rz / curvature;
            add(&mut direction, alpha, &p);
            add(&mut r, -alpha, &hp);
            if norm(&r) <= least {
                break;
            }
            z = preconditioner.solve(objective, &r)?;
            let before = std::mem::replace(&mut rz, dot(&r, &z));
            let beta = rz / before;
            p.iter_mut().zip(&z).for_each(|(p, z)| *p = z + beta * *p);
        }
        Ok(direction)
    }
}

impl NewtonCg {
    /// The bound at first, which needs one sum over the rows. Once the products since cost half as much as the blocks of the
    /// Hessian as it is now would, and directions take many, those are worth it.
    fn preconditioner<F: Real>(&mut self, objective: &Objective<F>) -> Result<&Preconditioner, Error> {
        let products = objective.products();
        let last = products - std::mem::replace(&mut self.before, products);
        let (mut preconditioner, mut made) = match self.preconditioner.take() {
            None => (Preconditioner::bound(objective)?, products),
            Some((mut preconditioner, made)) => {
                preconditioner.rescale(objective)?;
                (preconditioner, made)
            }
        };
        if last > FEW_PRODUCTS
            && Preconditioner::can_have_blocks(objective)
            && (products - made) as f64 > 0.5 * Preconditioner::cost_of_blocks(objective)?
            && let Some(blocks) = Preconditioner::blocks(objective)?
        {
            (preconditioner, made) = (blocks, products);
        }
        Ok(&self.preconditioner.insert((preconditioner, made)).0)
    }
}
