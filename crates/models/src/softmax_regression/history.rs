use super::Solver;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What one iteration of a solver brought.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Iteration {
    /// Number of the iteration; 0 is the start.
    pub iteration: usize,
    /// The objective after it: the sum of the rows' losses by their weights, and the penalty.
    pub objective: f64,
    /// Euclidean norm of the objective's gradient after it.
    pub gradient_norm: f64,
    /// That by the norm where all parameters are 0.
    pub relative_gradient: f64,
    /// Length of the step along its direction; 1 is a whole step of Newton's.
    pub step: f64,
    /// Products with the Hessian so far.
    pub products: usize,
    /// Time since the start, in seconds.
    pub seconds: f64,
}

impl fmt::Display for Iteration {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "iteration {:>3}  objective {:.9}  gradient {:.3e} ({:.1e} of that at 0)  step {:.3}  {:.3} s",
            self.iteration,
            self.objective,
            self.gradient_norm,
            self.relative_gradient,
            self.step,
            self.seconds
        )
    }
}

/// Why a solver stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SolverEnding {
    /// The gradient is as small as was asked for.
    Converged,
    /// There were as many iterations as were allowed.
    Iterations,
    /// No step makes the objective smaller any more: the limit of the arithmetic.
    Precision,
    /// Who watched it broke.
    Callback,
}

impl fmt::Display for SolverEnding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            SolverEnding::Converged => "converged",
            SolverEnding::Iterations => "not converged: there were as many iterations as were allowed",
            SolverEnding::Precision => {
                "not converged: no step makes the objective smaller any more, which is the limit of the arithmetic"
            }
            SolverEnding::Callback => "not converged: ended by a callback",
        })
    }
}

/// The way of a solver to the optimum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SolverHistory {
    /// Which one it was.
    pub solver: Solver,
    /// First to last; the first is the start.
    pub iterations: Vec<Iteration>,
    /// Why it stopped.
    pub ending: SolverEnding,
}

impl SolverHistory {
    /// Where it ended.
    ///
    /// # Panics
    /// If there are no iterations, as only a history that was made by hand has none.
    pub fn last(&self) -> &Iteration {
        self.iterations.last().expect("a history begins with its start")
    }

    /// Whether the gradient is as small as was asked for.
    pub fn has_converged(&self) -> bool {
        self.ending == SolverEnding::Converged
    }
}

impl fmt::Display for SolverHistory {
    /// A line for each iteration, then how it ended.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.iterations.iter().try_for_each(|iteration| writeln!(f, "{iteration}"))?;
        writeln!(f, "{}: {}", self.solver, self.ending)
    }
}
