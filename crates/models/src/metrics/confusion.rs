use super::{Average, Predictions, Scores};
use chainrule_core::Real;
use chainrule_kernels::argmax;
use ndarray::{Array2, ArrayView2, Axis};

/// What was taken for what: C\[t, p\], the weight of the rows of true class t (rows) whose most probable class (the first, if
/// several are) is p (columns).
///
/// ```
/// use chainrule_models::metrics::{Average, Confusion, Predictions};
/// use ndarray::array;
/// let p = array![[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]];
/// let confusion = Confusion::of(&Predictions::new(&[0, 1, 1, 1], p.view(), None)?);
/// assert_eq!(confusion.matrix(), array![[1.0, 0.0], [1.0, 2.0]]);
/// assert_eq!(confusion.accuracy(), 0.75);
/// assert_eq!(confusion.class(0).precision, 0.5);
/// assert_eq!(confusion.average(Average::Macro).recall, (1.0 + 2.0 / 3.0) / 2.0);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Confusion {
    matrix: Array2<f64>,
    /// Classes that are the true or the predicted one of a row, of whatever weight.
    occurs: Vec<bool>,
    /// Σₚ C\[t, p\] for each t.
    truth: Vec<f64>,
    /// Σₜ C\[t, p\] for each p.
    predicted: Vec<f64>,
}

impl Confusion {
    /// Of predictions; the matrix takes the square of the classes in memory.
    pub fn of<F: Real>(predictions: &Predictions<F>) -> Self {
        let classes = predictions.classes();
        let mut matrix = Array2::zeros((classes, classes));
        let mut occurs = vec![false; classes];
        for (label, row, weight) in predictions.iter() {
            let predicted = argmax(row);
            matrix[[label, predicted]] += weight;
            occurs[label] = true;
            occurs[predicted] = true;
        }
        let (truth, predicted) = (matrix.sum_axis(Axis(1)).to_vec(), matrix.sum_axis(Axis(0)).to_vec());
        Confusion { matrix, occurs, truth, predicted }
    }

    /// C, (true classes, predicted classes).
    pub fn matrix(&self) -> ArrayView2<'_, f64> {
        self.matrix.view()
    }

    fn total(&self) -> f64 {
        self.truth.iter().sum()
    }

    fn right(&self) -> f64 {
        self.matrix.diag().sum()
    }

    /// Share of the rows, by their weights, whose most probable class is the true one: Σ C\[k, k\] / Σ C.
    pub fn accuracy(&self) -> f64 {
        self.right() / self.total()
    }

    /// The mean recall of the classes that have rows (of a weight above 0).
    pub fn balanced_accuracy(&self) -> f64 {
        let (mut sum, mut classes) = (0.0, 0.0);
        for (&right, &truth) in self.matrix.diag().iter().zip(&self.truth) {
            if truth > 0.0 {
                sum += right / truth;
                classes += 1.0;
            }
        }
        sum / classes
    }

    /// Precision, recall and F1 of a class against all others. A quotient of which both parts are 0 is 0.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn class(&self, class: usize) -> Scores {
        let (right, truth, predicted) =
            (self.matrix[[class, class]], self.truth[class], self.predicted[class]);
        Scores::of_counts(right, truth, predicted)
    }

    /// The weight of the rows of a class.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn support(&self, class: usize) -> f64 {
        self.truth[class]
    }

    /// The weight of the rows that were taken for a class.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn predicted(&self, class: usize) -> f64 {
        self.predicted[class]
    }

    /// Precision, recall and F1 of all classes together. Classes that are neither the true nor the predicted one of any row are
    /// left out, as scikit-learn does unless it is given labels.
    pub fn average(&self, average: Average) -> Scores {
        let classes = (0..self.truth.len()).filter(|&class| self.occurs[class]);
        match average {
            Average::Micro => Scores::of_counts(self.right(), self.total(), self.total()),
            Average::Macro => Scores::mean(classes.map(|class| (1.0, self.class(class)))),
            Average::Weighted => Scores::mean(classes.map(|class| (self.truth[class], self.class(class)))),
        }
    }

    /// Matthews' correlation of true and predicted classes, -1 to 1, for any number of classes; 0 where either are all the same.
    ///
    /// Source: J. Gorodkin, "Comparing two K-category assignments by a K-category correlation coefficient", 2004.
    pub fn matthews(&self) -> f64 {
        let total = self.total();
        let product = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
        let covariance = self.right() * total - product(&self.truth, &self.predicted);
        let truth = total * total - product(&self.truth, &self.truth);
        let predicted = total * total - product(&self.predicted, &self.predicted);
        let variance = truth * predicted;
        if variance > 0.0 { covariance / variance.sqrt() } else { 0.0 }
    }

    /// Cohen's kappa, (accuracy - chance) / (1 - chance) with the accuracy that independent classes of the same frequencies would
    /// have by chance; nothing where that is 1.
    ///
    /// Source: J. Cohen, "A coefficient of agreement for nominal scales", 1960.
    pub fn kappa(&self) -> Option<f64> {
        let total = self.total();
        // Sums of what is wrong: as differences from the total they would be off by its rounding, and seldom 0.
        let (mut wrong, mut wrong_by_chance) = (0.0, 0.0);
        for ((truth, predicted), weight) in self.matrix.indexed_iter().filter(|((t, p), _)| t != p) {
            wrong += weight;
            wrong_by_chance += self.truth[truth] * (self.predicted[predicted] / total);
        }
        (wrong_by_chance > 0.0).then(|| 1.0 - wrong / wrong_by_chance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    /// Weights whose sum is rounded.
    #[test]
    fn one_class_for_all_has_no_kappa_and_no_correlation() {
        for rows in 1..100 {
            let mut probabilities = Array2::zeros((rows, 2));
            probabilities.column_mut(0).fill(1.0);
            let weights = vec![2.4; rows];
            let kappa = |labels: &[usize]| {
                let predictions = Predictions::new(labels, probabilities.view(), Some(&weights));
                let confusion = Confusion::of(&predictions.expect("predictions"));
                assert_eq!(confusion.matthews(), 0.0, "{rows} rows");
                confusion.kappa()
            };
            assert_eq!(kappa(&vec![0; rows]), None, "{rows} rows");
            assert_eq!(kappa(&vec![1; rows]), Some(0.0), "{rows} rows");
        }
    }

    /// However little the other class weighs.
    #[test]
    fn all_right_in_two_classes_is_a_kappa_of_1() {
        for weight in [1e-300, 1e-30, 1e-9, 1.0] {
            let probabilities = ndarray::array![[1.0, 0.0], [0.0, 1.0]];
            let weights = [1.0, weight];
            let predictions = Predictions::new(&[0, 1], probabilities.view(), Some(&weights));
            assert_eq!(Confusion::of(&predictions.expect("predictions")).kappa(), Some(1.0), "{weight}");
        }
    }
}
