use serde::Serialize;

/// How scores of classes become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Average {
    /// Of the counts of all classes: every row weighs the same. Where each row has one class, all three scores are the accuracy.
    Micro,
    /// The mean over the classes: every class weighs the same.
    Macro,
    /// The mean over the classes by the weight of their rows.
    Weighted,
}

/// How well a class is found, or all classes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// Of what was taken for the class, the share that is of it.
    pub precision: f64,
    /// Of what is of the class, the share that was taken for it.
    pub recall: f64,
    /// Harmonic mean of the two: 2 right / (truth + predicted).
    pub f1: f64,
}

impl Scores {
    /// `right` of `truth` were found by taking `predicted` for it.
    pub(super) fn of_counts(right: f64, truth: f64, predicted: f64) -> Self {
        let quotient = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        Scores {
            precision: quotient(right, predicted),
            recall: quotient(right, truth),
            f1: quotient(2.0 * right, truth + predicted),
        }
    }

    /// The mean of weighted scores, of which some weight is above 0.
    pub(super) fn mean(scores: impl Iterator<Item = (f64, Scores)>) -> Self {
        let (mut total, mut sum) = (0.0, Scores::default());
        for (weight, scores) in scores {
            total += weight;
            sum.precision += weight * scores.precision;
            sum.recall += weight * scores.recall;
            sum.f1 += weight * scores.f1;
        }
        Scores { precision: sum.precision / total, recall: sum.recall / total, f1: sum.f1 / total }
    }
}
