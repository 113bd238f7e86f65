use super::objective::Objective;
use crate::settings::not_negative;
use crate::training::Team;
use crate::{Samples, SoftmaxCrossEntropy};
use chainrule_core::{Alone, Error, Loss, Real};
use ndarray::{Array2, ArrayView2};
use std::sync::Arc;

/// What a softmax regression makes least, f(W) = Σᵢ wᵢ ℓᵢ(W) + ½ λ ‖W‖², with its gradient and products with its Hessian: for solvers, and
/// measures of uncertainty, of your own.
///
/// W is (classes, inputs + 1) in f64, a row for each class, its last number the intercept, which costs nothing. Inputs are taken as they are.
/// Every sum over the rows is the same bits on any number of threads.
///
/// ```
/// use chainrule_core::Targets;
/// use chainrule_models::{Samples, SoftmaxObjective};
/// use ndarray::array;
/// let x = array![[0.5_f64], [-1.0]];
/// let mut objective = SoftmaxObjective::new(Samples::new(&x, Targets::Classes(&[0, 1])), 2, 1.0)?;
/// let (value, gradient) = objective.evaluate(array![[0.0, 0.0], [0.0, 0.0]].view())?;
/// assert!((value - 2.0 * 2.0_f64.ln()).abs() < 1e-15);
/// assert_eq!(gradient, array![[-0.75, 0.0], [0.75, 0.0]]);
/// // The Jacobian of both rows is ¼ [[1, -1], [-1, 1]].
/// let product = objective.hessian_product(array![[1.0, 0.0], [0.0, 0.0]].view())?;
/// assert_eq!(product, array![[1.0 + 0.3125, -0.125], [-0.3125, 0.125]]);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
pub struct SoftmaxObjective<'a, F: Real>(Objective<'a, F>);

impl<'a, F: Real> SoftmaxObjective<'a, F> {
    /// That of some samples, with λ = `l2`. Where nothing was evaluated yet, the Hessian is without the part of the loss.
    ///
    /// # Errors
    /// [`Error::Setting`] for λ; [`Error::Empty`] or [`Error::NotFinite`] for the inputs; [`Error::RowCount`], [`Error::Weight`] and
    /// what [`Targets::check`](chainrule_core::Targets::check) says for the targets.
    pub fn new(samples: Samples<'a, F>, classes: usize, l2: f64) -> Result<Self, Error> {
        let Samples { rows, targets } = samples;
        not_negative("l2", l2)?;
        if rows.is_empty() {
            return Err(Error::Empty { place: "inputs" });
        }
        if targets.len() != rows.len() {
            return Err(Error::RowCount { place: "targets", expected: rows.len(), found: targets.len() });
        }
        targets.check_weights()?;
        SoftmaxCrossEntropy::new().check(classes, targets.targets)?;
        rows.check_finite()?;
        Ok(SoftmaxObjective(Objective::new(samples, None, classes, true, l2, Team::new(Arc::new(Alone)))))
    }

    /// f(W), and ∇f(W), (classes, inputs + 1), in one pass over the rows. From then on the Hessian is that at W.
    ///
    /// # Errors
    /// What [`Rows::gather`](chainrule_core::Rows::gather) says.
    ///
    /// # Panics
    /// If W has another shape.
    #[track_caller]
    pub fn evaluate(&mut self, w: ArrayView2<f64>) -> Result<(f64, Array2<f64>), Error> {
        let evaluated = self.0.evaluate(&self.numbers(w))?;
        Ok((evaluated.value, self.matrix(evaluated.gradient)))
    }

    /// H V, (classes, inputs + 1), in one pass over the rows, with the Hessian where `evaluate` was last.
    ///
    /// # Errors
    /// What [`Rows::gather`](chainrule_core::Rows::gather) says.
    ///
    /// # Panics
    /// If V has another shape than W.
    #[track_caller]
    pub fn hessian_product(&self, v: ArrayView2<f64>) -> Result<Array2<f64>, Error> {
        Ok(self.matrix(self.0.hessian_product(&self.numbers(v))?))
    }

    #[track_caller]
    fn numbers(&self, matrix: ArrayView2<f64>) -> Vec<f64> {
        let expected = (self.0.classes, self.0.width());
        assert!(matrix.dim() == expected, "parameters are {:?}, expected {expected:?}", matrix.dim());
        matrix.iter().copied().collect()
    }

    fn matrix(&self, numbers: Vec<f64>) -> Array2<f64> {
        let shape = (self.0.classes, self.0.width());
        Array2::from_shape_vec(shape, numbers).expect("as many numbers as rows times columns")
    }
}
