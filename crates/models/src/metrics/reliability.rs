use super::Predictions;
use chainrule_core::{Error, Real};
use chainrule_kernels::argmax;
use serde::Serialize;

/// Whether probabilities come true: the rows in bins by their confidence, the probability of the most probable class, for a
/// reliability diagram.
///
/// Source: C. Guo et al., "On calibration of modern neural networks", ICML 2017.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reliability {
    /// Expected calibration error: the mean over the bins of |accuracy - confidence|, by their weights.
    pub expected_error: f64,
    /// The largest |accuracy - confidence| of a bin.
    pub largest_error: f64,
    /// Equally wide, from 0 to 1, also those without rows.
    pub bins: Vec<ReliabilityBin>,
}

/// Rows of nearly the same confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ReliabilityBin {
    /// Confidence that all rows are above; the first bin has 0, too.
    pub above: f64,
    /// Confidence that all rows are at most.
    pub up_to: f64,
    /// Weight of the rows.
    pub weight: f64,
    /// Their mean confidence; 0 if there are none.
    pub confidence: f64,
    /// The share that was right; 0 if there are none.
    pub accuracy: f64,
}

impl Reliability {
    /// Of predictions, in so many bins.
    ///
    /// # Errors
    /// [`Error::Setting`] unless there are 1 to 10,000 bins.
    ///
    /// ```
    /// use chainrule_models::metrics::{Predictions, Reliability};
    /// let p = ndarray::array![[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]];
    /// let reliability = Reliability::of(&Predictions::new(&[0, 1, 1], p.view(), None)?, 10)?;
    /// assert_eq!((reliability.bins[8].confidence, reliability.bins[8].accuracy), (0.9, 0.5));
    /// assert!((reliability.expected_error - (2.0 * 0.4 + 0.4) / 3.0).abs() < 1e-15);
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    pub fn of<F: Real>(predictions: &Predictions<F>, bins: usize) -> Result<Self, Error> {
        if !(1..=10_000).contains(&bins) {
            return Err(Error::Setting { name: "bins", expected: "1 to 10,000", value: bins as f64 });
        }
        Ok(Self::of_bins(predictions, bins))
    }

    /// Of predictions, in so many bins, at least 1.
    pub(super) fn of_bins<F: Real>(predictions: &Predictions<F>, bins: usize) -> Self {
        let edge = |i: usize| i as f64 / bins as f64;
        // Upper edges, but for the last, which takes all that is left.
        let edges: Vec<f64> = (1..bins).map(edge).collect();
        // Weight, and the weighted sums of confidences and of right answers.
        let mut sums = vec![[0.0; 3]; bins];
        for (label, row, weight) in predictions.iter() {
            let predicted = argmax(row);
            let confidence = row[predicted].as_f64();
            let sum = &mut sums[edges.partition_point(|&edge| edge < confidence)];
            sum[0] += weight;
            sum[1] += weight * confidence;
            sum[2] += weight * f64::from(predicted == label);
        }
        let total: f64 = sums.iter().map(|sum| sum[0]).sum();
        let bins: Vec<ReliabilityBin> = sums
            .iter()
            .enumerate()
            .map(|(i, &[weight, confidence, right])| {
                let mean = |sum: f64| if weight > 0.0 { sum / weight } else { 0.0 };
                let (confidence, accuracy) = (mean(confidence), mean(right));
                ReliabilityBin { above: edge(i), up_to: edge(i + 1), weight, confidence, accuracy }
            })
            .collect();
        let errors = bins.iter().map(|bin| (bin.weight / total, (bin.accuracy - bin.confidence).abs()));
        Reliability {
            expected_error: errors.clone().map(|(share, error)| share * error).sum(),
            largest_error: errors.map(|(_, error)| error).fold(0.0, f64::max),
            bins,
        }
    }
}
