use super::{SoftmaxRegression, SoftmaxTraining, SolverHistory};
use crate::Samples;
use chainrule_core::{Error, Real};

/// The optimum for one λ of a path.
#[derive(Clone, Debug)]
pub struct PathPoint<F: Real = f64> {
    /// λ
    pub l2: f64,
    /// The regression there.
    pub regression: SoftmaxRegression<F>,
    /// How it was found.
    pub history: SolverHistory,
}

impl<F: Real> SoftmaxRegression<F> {
    /// The optimum for each of several λ (in place of that of `training`), in their order; each starts from the one before, so an order
    /// from large to small is the quickest. To choose one, [evaluate](SoftmaxRegression::evaluate) each on rows that were kept back.
    ///
    /// ```
    /// use chainrule_core::Targets;
    /// use chainrule_models::{Samples, SoftmaxRegression, SoftmaxTraining};
    /// let x = ndarray::array![[0.0], [1.0], [2.0], [3.0]];
    /// let samples = Samples::new(&x, Targets::Classes(&[0, 1, 0, 1]));
    /// let start = SoftmaxRegression::<f64>::new(1, 2)?;
    /// let path = start.fit_path(samples, &[10.0, 1.0, 0.1], &SoftmaxTraining::default())?;
    /// let sizes: Vec<f64> = path.iter().map(|point| point.regression.weights()[[0, 1]]).collect();
    /// assert!(sizes[0] < sizes[1] && sizes[1] < sizes[2]);
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`SoftmaxRegression::fit`].
    pub fn fit_path(
        &self,
        samples: Samples<F>,
        l2s: &[f64],
        training: &SoftmaxTraining,
    ) -> Result<Vec<PathPoint<F>>, Error> {
        let mut regression = self.clone();
        let point = |&l2: &f64| {
            let history = regression.fit(samples, &SoftmaxTraining { l2, ..training.clone() })?;
            Ok(PathPoint { l2, regression: regression.clone(), history })
        };
        l2s.iter().map(point).collect()
    }
}
