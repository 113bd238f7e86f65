use super::values::{at_least_one, not_negative, positive};
use chainrule_models::Solver;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What a softmax regression minimises, and how.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[command(next_help_heading = "Softmax regression")]
pub(crate) struct RegressionArgs {
    /// λ of the objective, the sum of the rows' losses and ½ λ ‖W‖², at least 0; scikit-learn's 1 / C
    #[arg(long, value_name = "X", value_parser = not_negative, default_value_t = 1.0, allow_negative_numbers = true)]
    pub(crate) l2: f64,

    /// How the optimum is found: the same optimum, at different costs
    #[arg(long, value_enum, value_name = "NAME", default_value = "auto")]
    pub(crate) solver: SolverName,

    /// Norm of the gradient, by that where all parameters are 0, at which it ends, above 0
    #[arg(long, value_name = "X", value_parser = positive, default_value = "1e-6", allow_negative_numbers = true)]
    pub(crate) tolerance: f64,

    /// Iterations after which it ends in any case
    #[arg(long, value_name = "N", value_parser = at_least_one, default_value_t = 1000, allow_negative_numbers = true)]
    pub(crate) max_iterations: usize,

    /// Begin with the parameters of a model without hidden layers, which has the same columns and classes [default: with 0]
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) warm_start: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SolverName {
    /// newton-cholesky for up to 128 parameters, else newton-cg
    Auto,
    /// Newton's method by conjugate gradients, the Hessian never stored
    NewtonCg,
    /// Newton's method by the Hessian's Cholesky factor, for few parameters
    NewtonCholesky,
    /// Quasi-Newton: many cheap iterations
    Lbfgs,
}

impl From<SolverName> for Solver {
    fn from(solver: SolverName) -> Self {
        match solver {
            SolverName::Auto => Solver::Auto,
            SolverName::NewtonCg => Solver::NewtonCg,
            SolverName::NewtonCholesky => Solver::NewtonCholesky,
            SolverName::Lbfgs => Solver::Lbfgs,
        }
    }
}
