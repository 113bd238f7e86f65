use chainrule_core::{Error, Real, Targets};
use ndarray::{ArrayView1, ArrayView2};

/// True classes, the probabilities that were predicted, and how much each row counts; checked when made.
#[derive(Clone, Copy, Debug)]
pub struct Predictions<'a, F> {
    labels: &'a [usize],
    probabilities: ArrayView2<'a, F>,
    weights: Option<&'a [F]>,
}

impl<'a, F: Real> Predictions<'a, F> {
    /// The true class of each row, the probabilities of all classes, (rows, classes), and a weight for each row; 1 each if there
    /// are none.
    ///
    /// # Errors
    /// [`Error::Empty`] and [`Error::RowCount`]; [`Error::LabelOutOfRange`]; [`Error::PredictedProbability`] for a number that is
    /// not in \[0, 1\], or more than a few roundings above; [`Error::PredictedDistribution`] for a row whose sum is not 1, to 1e-5
    /// or a rounding for each class; [`Error::Weight`], and [`Error::NothingCounts`] if all weights are 0.
    ///
    /// ```
    /// use chainrule_models::metrics::Predictions;
    /// let probabilities = ndarray::array![[0.7, 0.3], [0.2, 0.9]];
    /// let error = Predictions::new(&[0, 1], probabilities.view(), None).unwrap_err();
    /// assert_eq!(error.to_string(), "probabilities: row 1 sums to 1.1, expected 1");
    /// ```
    pub fn new(
        labels: &'a [usize],
        probabilities: ArrayView2<'a, F>,
        weights: Option<&'a [F]>,
    ) -> Result<Self, Error> {
        let (rows, classes) = probabilities.dim();
        if rows == 0 {
            return Err(Error::Empty { place: "probabilities" });
        }
        if labels.len() != rows {
            return Err(Error::RowCount { place: "labels", expected: rows, found: labels.len() });
        }
        let targets = Targets::<F>::Classes(labels);
        targets.check(classes)?;
        if let Some(weights) = weights {
            targets.weighted(weights).check_weights()?;
            if weights.iter().all(|weight| *weight == F::zero()) {
                return Err(Error::NothingCounts { place: "evaluated rows" });
            }
        }
        check_distributions(probabilities)?;
        Ok(Predictions { labels, probabilities, weights })
    }

    /// Number of rows, at least 1.
    pub fn rows(&self) -> usize {
        self.labels.len()
    }

    /// Number of classes, at least 1.
    pub fn classes(&self) -> usize {
        self.probabilities.ncols()
    }

    /// The true class of each row.
    pub fn labels(&self) -> &'a [usize] {
        self.labels
    }

    /// Probability of each class, (rows, classes).
    pub fn probabilities(&self) -> ArrayView2<'a, F> {
        self.probabilities
    }

    /// How much a row counts.
    ///
    /// # Panics
    /// If there are weights, but none for this row.
    pub fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row].as_f64())
    }

    /// The sum of all weights, above 0.
    pub fn total_weight(&self) -> f64 {
        (0..self.rows()).map(|row| self.weight(row)).sum()
    }

    /// Label, probabilities and weight of each row.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, ArrayView1<'_, F>, f64)> {
        let rows = self.labels.iter().zip(self.probabilities.outer_iter()).enumerate();
        rows.map(|(row, (&label, probabilities))| (label, probabilities, self.weight(row)))
    }

    /// The mean of a number of each row, by the rows' weights.
    pub(super) fn mean(&self, of_row: impl Fn(usize, ArrayView1<F>) -> f64) -> f64 {
        let sum: f64 = self.iter().map(|(label, row, weight)| weight * of_row(label, row)).sum();
        sum / self.total_weight()
    }
}

fn check_distributions<F: Real>(probabilities: ArrayView2<F>) -> Result<(), Error> {
    let rounding = F::epsilon().as_f64();
    let tolerance = 1e-5_f64.max(probabilities.ncols() as f64 * rounding);
    for (row, distribution) in probabilities.outer_iter().enumerate() {
        let mut sum = 0.0;
        for (class, value) in distribution.iter().map(|p| p.as_f64()).enumerate() {
            // A quotient of sums may be rounded to a little more than 1.
            if !(0.0..=1.0 + 4.0 * rounding).contains(&value) {
                return Err(Error::PredictedProbability { row, class, value });
            }
            sum += value;
        }
        if (sum - 1.0).abs() > tolerance {
            return Err(Error::PredictedDistribution { row, sum });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn names_what_is_wrong() {
        let p = array![[0.5_f32, 0.5], [0.25, 0.75]];
        let error = |labels: &[usize], p: &Array2<f32>, weights: Option<&[f32]>| {
            Predictions::new(labels, p.view(), weights).map(|_| ()).unwrap_err()
        };
        assert!(matches!(error(&[], &Array2::zeros((0, 2)), None), Error::Empty { .. }));
        assert!(matches!(error(&[0], &p, None), Error::RowCount { expected: 2, found: 1, .. }));
        assert!(matches!(error(&[0, 2], &p, None), Error::LabelOutOfRange { row: 1, label: 2, classes: 2 }));
        assert!(matches!(error(&[0, 0], &Array2::zeros((2, 0)), None), Error::LabelOutOfRange { .. }));
        assert!(matches!(error(&[0, 1], &p, Some(&[1.0])), Error::RowCount { .. }));
        assert!(matches!(error(&[0, 1], &p, Some(&[1.0, -1.0])), Error::Weight { row: 1, .. }));
        assert!(matches!(error(&[0, 1], &p, Some(&[0.0, 0.0])), Error::NothingCounts { .. }));
        for wrong in [f32::NAN, f32::INFINITY, -0.1, 1.001] {
            let p = array![[0.5, 0.5], [1.0, wrong]];
            assert!(matches!(error(&[0, 1], &p, None), Error::PredictedProbability { row: 1, class: 1, .. }));
        }
        let p = array![[0.5, 0.5], [0.5, 0.4]];
        assert!(matches!(error(&[0, 1], &p, None), Error::PredictedDistribution { row: 1, .. }));
    }
}
