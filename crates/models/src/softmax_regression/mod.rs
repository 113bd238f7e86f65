//! Softmax regression, and the last layer of any classifier, to the optimum: [`refit_head`] checks and hands rows and parameters to
//! [`minimize`], which goes from point to point by a [`direction`] and a [`line_search`]; the [`objective`] is what gets smaller, summed over
//! [`tiles`] of rows.

mod direction;
mod hessian;
mod history;
mod lbfgs;
mod line_search;
mod minimize;
mod newton_cg;
mod newton_cholesky;
mod objective;
mod path;
mod preconditioner;
mod refit_head;
mod settings;
mod softmax_objective;
mod start_from;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod tiles;

pub use history::{Iteration, SolverEnding, SolverHistory};
pub use path::PathPoint;
pub use settings::{SoftmaxTraining, Solver};
pub use softmax_objective::SoftmaxObjective;

use crate::{Classifier, Evaluation, LayerSpec, ModelFileError, Samples};
use chainrule_core::{Error, Real, Rows};
use ndarray::{Array2, ArrayView1, ArrayView2};
use std::ops::ControlFlow;
use std::path::Path;

/// Multinomial logistic regression: probabilities softmax(x W + b), with W and b at the optimum of the regularised cross-entropy
/// Σᵢ wᵢ ℓᵢ + ½ λ ‖W‖².
///
/// It is a [`Classifier`] without hidden layers, found by second-order methods instead of by epochs: as the objective is convex, there is
/// one best answer, and [`fit`](SoftmaxRegression::fit) says how near it came. The mathematics is in `docs/softmax-regression.md`:
/// the Jacobian diag(s) - s sᵀ of softmax is the Hessian of the cross-entropy in the logits.
///
/// ```
/// use chainrule_core::Targets;
/// use chainrule_models::{Samples, SoftmaxRegression, SoftmaxTraining};
///
/// let x = ndarray::array![[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]];
/// let samples = Samples::new(&x, Targets::Classes(&[0, 0, 1, 0, 1, 1]));
/// let mut regression = SoftmaxRegression::<f64>::new(1, 2)?;
/// let history = regression.fit(samples, &SoftmaxTraining::default())?;
/// assert!(history.has_converged());
/// assert!(history.last().relative_gradient <= 1e-6);
/// assert_eq!(regression.predict(&x)?, [0, 0, 0, 1, 1, 1]);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SoftmaxRegression<F: Real = f64> {
    classifier: Classifier<F>,
}

impl<F: Real> SoftmaxRegression<F> {
    /// One of rows with `inputs` columns into `classes` classes, all of its parameters 0. (For names of the classes or a scaling of the
    /// inputs, make a [`Classifier`] without hidden layers and [convert](SoftmaxRegression::try_from) it.)
    ///
    /// # Errors
    /// [`Error::ZeroWidth`] or [`Error::TooLarge`].
    pub fn new(inputs: usize, classes: usize) -> Result<Self, Error> {
        let mut classifier = Classifier::builder(inputs, classes).build()?;
        classifier.network_mut().parameters_mut().fill(F::zero());
        Ok(SoftmaxRegression { classifier })
    }

    /// Finds the optimum, from the present parameters on: those of an earlier fit to similar rows save steps, and do not change where
    /// it ends. The result is the same bits on any number of threads.
    ///
    /// # Errors
    /// As [`Classifier::refit_head`]. Nothing changes then.
    pub fn fit(&mut self, samples: Samples<F>, training: &SoftmaxTraining) -> Result<SolverHistory, Error> {
        self.classifier.refit_head(samples, training)
    }

    /// [`SoftmaxRegression::fit`] that tells `watch` of every iteration that is not yet the end, the start first; if that breaks, it ends there, without an
    /// error.
    ///
    /// # Errors
    /// As [`SoftmaxRegression::fit`].
    pub fn fit_with(
        &mut self,
        samples: Samples<F>,
        training: &SoftmaxTraining,
        watch: &mut (dyn FnMut(&Iteration) -> ControlFlow<()> + Send),
    ) -> Result<SolverHistory, Error> {
        self.classifier.refit_head_with(samples, training, watch)
    }

    /// The weights W, (inputs, classes). What all classes share is 0, as nothing depends on it.
    pub fn weights(&self) -> ArrayView2<'_, F> {
        let (weights, _) = self.parameters();
        let shape = (self.classifier.network().inputs(), self.classifier.network().outputs());
        ArrayView2::from_shape(shape, weights).expect("a dense layer's weights come first")
    }

    /// The intercepts b, (classes); none if the classifier that it was made from has no bias.
    pub fn intercepts(&self) -> ArrayView1<'_, F> {
        ArrayView1::from(self.parameters().1)
    }

    fn parameters(&self) -> (&[F], &[F]) {
        let network = self.classifier.network();
        network.parameters().split_at(network.inputs() * network.outputs())
    }

    /// Probabilities of the classes for each row, (rows, classes).
    ///
    /// # Errors
    /// As [`Classifier::predict_proba`].
    pub fn predict_proba(&self, rows: &dyn Rows<F>) -> Result<Array2<F>, Error> {
        self.classifier.predict_proba(rows)
    }

    /// The most probable class of each row (the first, if several are).
    ///
    /// # Errors
    /// As [`Classifier::predict`].
    pub fn predict(&self, rows: &dyn Rows<F>) -> Result<Vec<usize>, Error> {
        self.classifier.predict(rows)
    }

    /// Mean loss (without the penalty), accuracy and confusion.
    ///
    /// # Errors
    /// As [`Classifier::evaluate`].
    pub fn evaluate(&self, samples: Samples<F>) -> Result<Evaluation, Error> {
        self.classifier.evaluate(samples)
    }

    /// The same as a classifier, for reports, exports and predictors.
    pub fn classifier(&self) -> &Classifier<F> {
        &self.classifier
    }

    /// The classifier itself.
    pub fn into_classifier(self) -> Classifier<F> {
        self.classifier
    }

    /// Writes a file as [`Classifier::save`] does; [`Classifier::load`] reads it, too.
    ///
    /// # Errors
    /// As [`Classifier::save`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ModelFileError> {
        self.classifier.save(path)
    }

    /// Reads what [`SoftmaxRegression::save`] wrote, or a classifier without hidden layers.
    ///
    /// # Errors
    /// As [`Classifier::load`], and [`ModelFileError::Model`] for a classifier with hidden layers.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ModelFileError> {
        let path = path.as_ref();
        Classifier::load(path)?.try_into().map_err(|error| ModelFileError::model(path, error))
    }
}

impl<F: Real> TryFrom<Classifier<F>> for SoftmaxRegression<F> {
    type Error = Error;

    /// A classifier of one dense layer and softmax, its parameters as they are.
    fn try_from(classifier: Classifier<F>) -> Result<Self, Error> {
        match classifier.architecture().layers[..] {
            [LayerSpec::Dense { .. }, LayerSpec::Softmax { .. }] => Ok(SoftmaxRegression { classifier }),
            _ => Err(Error::LastLayers { expected: "a dense layer and softmax, and nothing before" }),
        }
    }
}
