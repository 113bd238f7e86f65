use super::direction::{Direction, dot, norm};
use super::lbfgs::Lbfgs;
use super::line_search::line_search;
use super::newton_cg::NewtonCg;
use super::newton_cholesky::NewtonCholesky;
use super::objective::Objective;
use super::{Iteration, SoftmaxTraining, Solver, SolverEnding, SolverHistory};
use chainrule_core::{Error, Real};
use std::ops::ControlFlow;
use std::time::Instant;

/// Rows of a Hessian up to which its Cholesky factor is faster than conjugate gradients.
const FEW_PARAMETERS: usize = 128;

/// Goes from `w` to the least of `objective`, step by step, each telling `watch`.
pub(super) fn minimize<F: Real>(
    objective: &mut Objective<F>,
    w: &mut [f64],
    training: &SoftmaxTraining,
    watch: &mut dyn FnMut(&Iteration) -> ControlFlow<()>,
) -> Result<SolverHistory, Error> {
    let clock = Instant::now();
    let solver = match training.solver {
        Solver::Auto if objective.len() <= FEW_PARAMETERS => Solver::NewtonCholesky,
        Solver::Auto => Solver::NewtonCg,
        solver => solver,
    };
    let mut directions: Box<dyn Direction<F>> = match solver {
        Solver::NewtonCholesky => {
            objective.check_memory()?;
            Box::new(NewtonCholesky)
        }
        Solver::Lbfgs => Box::new(Lbfgs::default()),
        Solver::NewtonCg | Solver::Auto => Box::new(NewtonCg::default()),
    };
    objective.centre(w);
    let mut at = objective.evaluate(&vec![0.0; w.len()])?;
    let reference = norm(&at.gradient);
    if !reference.is_finite() {
        return Err(Error::GradientOverflow);
    }
    if w.iter().any(|&w| w != 0.0) {
        let there = objective.evaluate(w)?;
        // A start that is worse than none, or beyond all numbers, is none.
        if there.value <= at.value && norm(&there.gradient).is_finite() {
            at = there;
        } else {
            w.fill(0.0);
            at = objective.evaluate(w)?;
        }
    }
    let mut history = SolverHistory { solver, iterations: Vec::new(), ending: SolverEnding::Iterations };
    let mut step = 0.0;
    for iteration in 0.. {
        let gradient_norm = norm(&at.gradient);
        let record = Iteration {
            iteration,
            objective: at.value,
            gradient_norm,
            relative_gradient: if reference > 0.0 { gradient_norm / reference } else { 0.0 },
            step,
            products: objective.products(),
            seconds: clock.elapsed().as_secs_f64(),
        };
        history.iterations.push(record);
        let target = training.tolerance * reference;
        if gradient_norm <= target {
            history.ending = SolverEnding::Converged;
            break;
        }
        if iteration == training.max_iterations {
            break;
        }
        if objective.team.any_stops(watch(&record))? {
            history.ending = SolverEnding::Callback;
            break;
        }
        let mut direction = directions.find(objective, &at, target)?;
        // NaN does not descend, either.
        let descends = dot(&direction, &at.gradient) < 0.0;
        if !descends {
            direction = at.gradient.iter().map(|g| -g).collect();
        }
        let Some((length, there)) = line_search(objective, w, &at, &direction)? else {
            history.ending = SolverEnding::Precision;
            break;
        };
        let change = there.gradient.iter().zip(&at.gradient).map(|(there, here)| there - here).collect();
        directions.learn(direction.iter().map(|d| length * d).collect(), change);
        (at, step) = (there, length);
        objective.team.check_parameters(w, || format!("iteration {}", iteration + 1))?;
    }
    Ok(history)
}
