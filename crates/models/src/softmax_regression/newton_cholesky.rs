use super::direction::Direction;
use super::hessian::factorize;
use super::objective::{Evaluated, Objective};
use chainrule_core::{Error, Real};

/// Newton's direction -H⁻¹ g, by the Cholesky factor of H, for few parameters.
pub(super) struct NewtonCholesky;

impl<F: Real> Direction<F> for NewtonCholesky {
    fn find(&mut self, objective: &Objective<F>, at: &Evaluated, _target: f64) -> Result<Vec<f64>, Error> {
        let mut hessian = objective.hessian()?;
        let (classes, width) = (objective.classes, objective.width());
        // What all classes share does not change the softmax: where no norm does either, H has a null direction for each column, and the
        // gradient is orthogonal to it. So that direction may as well get a curvature of its own.
        let free = |&column: &usize| !objective.is_penalised(column) || objective.l2 == 0.0;
        for column in (0..width).filter(free) {
            let entry = |class: usize| class * width + column;
            let mean = (0..classes).map(|class| hessian[[entry(class), entry(class)]]).sum::<f64>();
            let curvature = mean / (classes * classes) as f64;
            for i in 0..classes {
                for j in 0..=i {
                    hessian[[entry(i), entry(j)]] += curvature;
                }
            }
        }
        let mut direction: Vec<f64> = at.gradient.iter().map(|g| -g).collect();
        if let Some(factor) = objective.team.if_all_have(factorize(hessian))? {
            factor.solve(&mut direction);
            objective.team.take_first(&mut direction)?;
            objective.centre(&mut direction);
        }
        Ok(direction)
    }
}
