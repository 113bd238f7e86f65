use crate::ClassWeights;
use crate::settings::{not_negative, positive};
use chainrule_core::{Alone, Communicator, Error, Real, Targets};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// How the optimum is found. All end at the same point; they differ in time and memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Solver {
    /// By size: [`Solver::NewtonCholesky`] where the Hessian has no more than 128 rows, else [`Solver::NewtonCg`].
    #[default]
    Auto,
    /// Newton's method, its directions by conjugate gradients: each asks for some products with the Hessian, which is never stored.
    /// Preconditioned by Böhning's bound, (columns, columns) for up to 4,096 columns, later by the blocks of the Hessian for each class,
    /// as large each, where those take no more than 128 MiB. While they are made they take up to eleven times that (in f32 seven), as they
    /// are summed in eight pieces; where there is no room for it, the bound's diagonal does.
    NewtonCg,
    /// Newton's method with the Hessian itself, (parameters, parameters), and its Cholesky factor: for few parameters.
    NewtonCholesky,
    /// The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno: one gradient for each step, but many steps.
    Lbfgs,
}

impl fmt::Display for Solver {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Solver::Auto => "auto",
            Solver::NewtonCg => "newton-cg",
            Solver::NewtonCholesky => "newton-cholesky",
            Solver::Lbfgs => "lbfgs",
        })
    }
}

/// How [`SoftmaxRegression::fit`](crate::SoftmaxRegression::fit) and [`Classifier::refit_head`](crate::Classifier::refit_head) find the
/// least of Σᵢ wᵢ ℓᵢ + ½ λ ‖W‖²: the sum (not the mean) of the rows' cross-entropies by their weights, and what the weights' size costs.
/// Intercepts cost nothing. scikit-learn's C is 1 / λ.
#[derive(Clone, Debug)]
pub struct SoftmaxTraining {
    /// λ, at least 0. With 0 there may be no optimum: where the classes can be told apart without a mistake, weights grow for ever, and
    /// the gradient becomes small all the same.
    pub l2: f64,
    /// Which way.
    pub solver: Solver,
    /// The norm of the gradient, by that where all parameters are 0, at which it ends; above 0.
    pub tolerance: f64,
    /// Steps after which it ends in any case, at least 1.
    pub max_iterations: usize,
    /// How much each class counts; 1 each unless said.
    pub class_weights: Option<ClassWeights>,
    /// Threads, at most 1,024 or one per core; 0 stands for rayon's own pool, one thread per core. The result does not depend on it.
    pub threads: usize,
    /// Who fits together, each with its part of the rows; all ranks call the same with the same samples, and come to the same bits. Alone
    /// unless said.
    pub communicator: Arc<dyn Communicator>,
}

impl Default for SoftmaxTraining {
    /// λ = 1, to a millionth of the gradient, in at most 1,000 steps.
    fn default() -> Self {
        SoftmaxTraining {
            l2: 1.0,
            solver: Solver::Auto,
            tolerance: 1e-6,
            max_iterations: 1000,
            class_weights: None,
            threads: 0,
            communicator: Arc::new(Alone),
        }
    }
}

impl SoftmaxTraining {
    pub(super) fn check(&self) -> Result<(), Error> {
        not_negative("l2", self.l2)?;
        positive("tolerance", self.tolerance)?;
        if self.max_iterations == 0 {
            return Err(Error::Setting { name: "max_iterations", expected: "at least 1", value: 0.0 });
        }
        Ok(())
    }

    /// All that the result depends on, as text.
    pub(super) fn in_words(&self) -> String {
        let SoftmaxTraining { l2, solver, tolerance, max_iterations, class_weights, .. } = self;
        format!(
            "l2 {l2}, {solver}, tolerance {tolerance}, at most {max_iterations} iterations, class weights {class_weights:?}"
        )
    }

    /// How much each class counts, if not 1 each.
    pub(super) fn class_weights<F: Real>(
        &self,
        targets: Targets<F>,
        classes: usize,
    ) -> Result<Option<Vec<f64>>, Error> {
        self.class_weights.as_ref().map(|weights| weights.of(targets, classes)).transpose()
    }
}
