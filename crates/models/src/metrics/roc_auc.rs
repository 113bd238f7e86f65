use super::Predictions;
use chainrule_core::Real;
use rayon::prelude::*;

/// Area under the receiver operating characteristic of each class against all others: how likely a row of the class has a higher
/// probability of it than a row of another; equal ones count one half.
///
/// A class without rows, or with all rows (of a weight above 0), has none.
#[derive(Clone, Debug, PartialEq)]
pub struct RocAuc {
    areas: Vec<Option<f64>>,
    supports: Vec<f64>,
}

impl RocAuc {
    /// Of predictions, in O(classes · n log n); parallel over the classes, in the current rayon pool.
    ///
    /// ```
    /// use chainrule_models::metrics::{Predictions, RocAuc};
    /// let p = ndarray::array![[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]];
    /// let auc = RocAuc::of(&Predictions::new(&[0, 0, 1, 1], p.view(), None)?);
    /// assert_eq!(auc.class(1), Some(0.75));
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    pub fn of<F: Real>(predictions: &Predictions<F>) -> Self {
        let classes = predictions.classes();
        let mut supports = vec![0.0; classes];
        for (label, _, weight) in predictions.iter() {
            supports[label] += weight;
        }
        let areas = (0..classes).into_par_iter().map(|class| area(predictions, class)).collect();
        RocAuc { areas, supports }
    }

    /// Of one class against all others.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn class(&self, class: usize) -> Option<f64> {
        self.areas[class]
    }

    /// The mean over the classes; of two classes, that of the second. Nothing if a class has none, where scikit-learn says NaN.
    pub fn macro_average(&self) -> Option<f64> {
        if let [_, second] = self.areas[..] {
            return second;
        }
        let sum: Option<f64> = self.areas.iter().copied().sum();
        sum.map(|sum| sum / self.areas.len() as f64)
    }

    /// The mean over the classes that have rows, by the weights of these; of two classes, that of the second.
    pub fn weighted_average(&self) -> Option<f64> {
        if let [_, second] = self.areas[..] {
            return second;
        }
        let present = self.areas.iter().zip(&self.supports).filter(|&(_, &support)| support > 0.0);
        let sum: Option<f64> = present.map(|(area, support)| area.map(|area| area * support)).sum();
        sum.map(|sum| sum / self.supports.iter().sum::<f64>())
    }
}

fn area<F: Real>(predictions: &Predictions<F>, class: usize) -> Option<f64> {
    let mut rows: Vec<(f64, f64, bool)> = predictions
        .iter()
        .map(|(label, row, weight)| (row[class].as_f64(), weight, label == class))
        .collect();
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    // Upwards, all rows of one probability at a time: each of the class counts the others below it, and half of those beside.
    let (mut others_below, mut all_own, mut pairs) = (0.0, 0.0, 0.0);
    for equal in rows.chunk_by(|a, b| a.0 == b.0) {
        let (mut own, mut others) = (0.0, 0.0);
        for &(_, weight, of_class) in equal {
            *(if of_class { &mut own } else { &mut others }) += weight;
        }
        pairs += own * (others_below + others / 2.0);
        others_below += others;
        all_own += own;
    }
    let all_pairs = all_own * others_below;
    (all_pairs > 0.0).then(|| pairs / all_pairs)
}
