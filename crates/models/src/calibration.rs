use crate::finite::check_finite;
use crate::{Classifier, LayerSpec, Samples};
use chainrule_core::{Error, Real, Targets};
use ndarray::{Array2, ArrayView2, Axis, Slice};

/// The number T above 0 by which logits are divided before the softmax, so that probabilities come true as often as they say:
/// 1 changes nothing, more makes them less sure. The most probable class stays the same.
///
/// Source: C. Guo et al., "On calibration of modern neural networks", ICML 2017.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Temperature(f64);

impl Temperature {
    /// The least and the largest that is fitted: where every row's largest logit is that of its class, the less the better, and where
    /// logits say less than nothing, the more.
    pub const RANGE: (f64, f64) = (0.05, 20.0);

    /// The temperature within [`Temperature::RANGE`] with the least mean of -ln softmax(z / T)ᵧ over the rows, by their weights (1 each
    /// if there are none), to 12 digits.
    ///
    /// `logits` is (rows, classes), and may as well be logarithms of probabilities. They should be of rows that the classifier did not
    /// train on.
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::RowCount`] or [`Error::NotFinite`] for the logits, [`Error::LabelOutOfRange`], [`Error::Weight`],
    /// and [`Error::NothingCounts`] if all weights are 0.
    ///
    /// ```
    /// use chainrule_models::Temperature;
    /// // Three in four are right, and the logits say so (ln 3) at half their size.
    /// let logits = ndarray::array![[0.0, 2.0 * 3_f64.ln()]];
    /// let logits = logits.broadcast((4, 2)).unwrap();
    /// let temperature = Temperature::fit(logits, &[1, 1, 0, 1], None)?;
    /// assert!((temperature.value() - 2.0).abs() < 1e-9);
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    pub fn fit<F: Real>(
        logits: ArrayView2<F>,
        labels: &[usize],
        weights: Option<&[F]>,
    ) -> Result<Self, Error> {
        check(logits, labels, weights)?;
        let slopes = |inverse| slopes(logits, labels, weights, inverse);
        // The loss is convex in 1 / T, so that its slope has one root at most.
        let (mut low, mut high) = (1.0 / Self::RANGE.1, 1.0 / Self::RANGE.0);
        if slopes(1.0).0 == 0.0 {
            return Ok(Temperature(1.0));
        }
        if slopes(low).0 >= 0.0 {
            return Ok(Temperature(1.0 / low));
        }
        if slopes(high).0 <= 0.0 {
            return Ok(Temperature(1.0 / high));
        }
        let mut inverse = 1.0_f64;
        // Newton's steps where they stay within what is known, halves elsewhere: a hundred of those alone would do.
        for _ in 0..200 {
            let (slope, curvature) = slopes(inverse);
            if slope < 0.0 {
                low = inverse
            } else {
                high = inverse
            }
            let newton = inverse - slope / curvature;
            let next = if newton > low && newton < high { newton } else { (low * high).sqrt() };
            let step = (next - inverse).abs();
            inverse = next;
            if step <= 1e-13 * inverse {
                break;
            }
        }
        Ok(Temperature(1.0 / inverse))
    }

    /// T
    pub fn value(self) -> f64 {
        self.0
    }
}

fn check<F: Real>(logits: ArrayView2<F>, labels: &[usize], weights: Option<&[F]>) -> Result<(), Error> {
    let (rows, classes) = logits.dim();
    if rows == 0 {
        return Err(Error::Empty { place: "logits" });
    }
    if labels.len() != rows {
        return Err(Error::RowCount { place: "labels", expected: rows, found: labels.len() });
    }
    let targets = Targets::<F>::Classes(labels);
    targets.check(classes)?;
    if let Some(weights) = weights {
        targets.weighted(weights).check_weights()?;
        if weights.iter().all(|weight| *weight == F::zero()) {
            return Err(Error::NothingCounts { place: "calibration rows" });
        }
    }
    check_finite("logits", 0, logits)
}

/// Of L(β) = Σ w (ln Σₖ exp(β zₖ) - β zᵧ): L' = Σ w (⟨z⟩ - zᵧ) and L'' = Σ w (⟨z²⟩ - ⟨z⟩²), with ⟨·⟩ the mean by softmax(β z).
fn slopes<F: Real>(logits: ArrayView2<F>, labels: &[usize], weights: Option<&[F]>, beta: f64) -> (f64, f64) {
    let (mut slope, mut curvature) = (0.0, 0.0);
    for (row, (z, &label)) in logits.outer_iter().zip(labels).enumerate() {
        let weight = weights.map_or(1.0, |weights| weights[row].as_f64());
        // Logits less that of the true class, which does not change the softmax.
        let differences = z.iter().map(|logit| logit.as_f64() - z[label].as_f64());
        let largest = differences.clone().fold(f64::NEG_INFINITY, f64::max);
        let [mut sum, mut first, mut second] = [0.0; 3];
        for difference in differences {
            let power = (beta * (difference - largest)).exp();
            sum += power;
            first += power * difference;
            second += power * difference * difference;
        }
        let mean = first / sum;
        slope += weight * mean;
        curvature += weight * (second / sum - mean * mean);
    }
    (slope, curvature)
}

impl<F: Real> Classifier<F> {
    /// Fits the [`Temperature`] of rows that the classifier did not train on, and divides the weights and biases of the last dense layer
    /// by it: from then on all probabilities are the calibrated ones, in predictions, evaluations, files and exports. The most probable
    /// classes stay the same.
    ///
    /// # Errors
    /// [`Error::LastLayers`] for a loaded classifier that does not end in a dense layer and softmax; as [`Classifier::report`] for the
    /// samples. Nothing changes then.
    ///
    /// ```
    /// use chainrule_core::Targets;
    /// use chainrule_models::{Classifier, Samples};
    /// let mut classifier = Classifier::<f64>::builder(2, 2).build()?;
    /// let x = ndarray::array![[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.5]];
    /// let samples = Samples::new(&x, Targets::Classes(&[0, 1, 1, 0]));
    /// let before = classifier.evaluate(samples)?.loss;
    /// classifier.calibrate(samples)?;
    /// assert!(classifier.evaluate(samples)?.loss <= before);
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    pub fn calibrate(&mut self, samples: Samples<F>) -> Result<Temperature, Error> {
        let [.., LayerSpec::Dense { .. }, LayerSpec::Softmax { .. }] = self.architecture().layers[..] else {
            return Err(Error::LastLayers { expected: "a dense layer and softmax" });
        };
        let network = self.network();
        let labels = samples.true_classes(network.outputs())?;
        let layers = network.layers().len() - 1;
        let mut logits = Array2::zeros((labels.len(), network.outputs()));
        network.for_each_chunk(layers, &self.scaling().of(samples.rows), |first, outputs| {
            let range = Slice::from(first..first + outputs.nrows());
            logits.slice_axis_mut(Axis(0), range).assign(&outputs);
        })?;
        let temperature = Temperature::fit(logits.view(), &labels, samples.targets.weights)?;
        let last_dense = network.parameter_range(layers - 1);
        let divisor = F::of(temperature.value());
        let parameters = &mut self.network_mut().parameters_mut()[last_dense];
        parameters.iter_mut().for_each(|parameter| *parameter /= divisor);
        Ok(temperature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Mean of -ln softmax(β z)ᵧ, by the formula.
    fn loss(logits: &Array2<f64>, labels: &[usize], weights: &[f64], beta: f64) -> f64 {
        let rows = logits.outer_iter().zip(labels).zip(weights);
        rows.map(|((z, &label), w)| w * (z.mapv(|z| (beta * z).exp()).sum().ln() - beta * z[label])).sum()
    }

    fn example() -> (Array2<f64>, Vec<usize>, Vec<f64>) {
        let logits = Array2::from_shape_fn((40, 3), |(i, j)| ((i * 7 + j * 11) % 23) as f64 / 4.0 - 2.0);
        let labels = (0..40).map(|i| (i * i + i / 3) % 3).collect();
        (logits, labels, (0..40).map(|i| f64::from(i % 4)).collect())
    }

    #[test]
    fn slopes_are_those_of_the_loss() {
        let (logits, labels, weights) = example();
        for beta in [0.05, 0.3, 1.0, 2.5] {
            let (slope, curvature) = slopes(logits.view(), &labels, Some(&weights), beta);
            let h = 1e-4;
            let [below, at, above] = [-h, 0.0, h].map(|h| loss(&logits, &labels, &weights, beta + h));
            assert!(((above - below) / (2.0 * h) - slope).abs() < 1e-5 * slope.abs().max(1.0), "{beta}");
            assert!(((above - 2.0 * at + below) / (h * h) - curvature).abs() < 1e-4 * curvature, "{beta}");
        }
    }

    /// Each label of a row weighs as much as the probability that it has at the temperature to be found.
    #[test]
    fn it_finds_the_temperature_that_labels_were_made_with() {
        let (logits, ..) = example();
        for expected in [0.06, 0.5, 1.0, 3.0, 19.0] {
            let (mut rows, mut labels, mut weights) = (Vec::new(), Vec::new(), Vec::new());
            for z in logits.outer_iter() {
                let powers = z.mapv(|z| (z / expected).exp());
                for label in 0..3 {
                    rows.extend(z.iter().map(|z| z + 100.0));
                    labels.push(label);
                    weights.push(powers[label] / powers.sum());
                }
            }
            let rows = Array2::from_shape_vec((labels.len(), 3), rows).unwrap();
            let found = Temperature::fit(rows.view(), &labels, Some(&weights)).unwrap().value();
            assert!((found - expected).abs() < 1e-8 * expected, "{found} {expected}");
        }
    }

    #[test]
    fn where_there_is_no_best_one_it_is_the_range_s_end() {
        let logits = array![[1.0, 0.0], [0.0, 2.0]];
        assert_eq!(Temperature::fit(logits.view(), &[0, 1], None).unwrap().value(), Temperature::RANGE.0);
        assert_eq!(Temperature::fit(logits.view(), &[1, 0], None).unwrap().value(), Temperature::RANGE.1);
        let equal = array![[1.0, 1.0]];
        assert_eq!(Temperature::fit(equal.view(), &[0], None).unwrap().value(), 1.0);
        let far = array![[1e300, -1e300], [-1e300, 1e300], [1e300, -1e300]];
        assert!(Temperature::fit(far.view(), &[0, 1, 1], None).unwrap().value().is_finite());
    }

    #[test]
    fn names_what_is_wrong() {
        let z = array![[1.0_f32, 0.0], [0.0, f32::NAN]];
        let fit = |labels: &[usize], weights: Option<&[f32]>| {
            Temperature::fit(z.view(), labels, weights).unwrap_err()
        };
        assert!(matches!(fit(&[0, 1], None), Error::NotFinite { place: "logits", row: 1, column: 1, .. }));
        assert!(matches!(fit(&[0], None), Error::RowCount { .. }));
        assert!(matches!(fit(&[0, 2], None), Error::LabelOutOfRange { row: 1, .. }));
        assert!(matches!(fit(&[0, 1], Some(&[1.0, -1.0])), Error::Weight { row: 1, .. }));
        assert!(matches!(fit(&[0, 1], Some(&[0.0, 0.0])), Error::NothingCounts { .. }));
    }
}
