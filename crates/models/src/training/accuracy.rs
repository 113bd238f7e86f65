use crate::Network;
use crate::settings::positive;
use chainrule_core::{Error, Head, Loss, Real, Targets, WeightedTargets};
use chainrule_kernels::{argmax, log_softmax, sigmoid, softmax};
use ndarray::{Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

/// Which outputs count as right.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Accuracy {
    /// A row is right if its largest output is that of its class, so targets are classes or probabilities. Source: *Neural Networks from Scratch*, chapter 5 (there
    /// `Accuracy_Categorical`).
    #[default]
    Categorical,
    /// An output is right if it lies above the threshold where its target lies above one half, and not above it elsewhere; a
    /// row counts as the share of its outputs that are right. For probabilities the usual threshold is 0.5, for logits 0.
    /// Source: *Neural Networks from Scratch*, chapter 16.
    Binary {
        /// Any finite number.
        threshold: f64,
    },
    /// An output is right if it differs by less than the tolerance from its target; a row counts as the share of its outputs
    /// that are right. Source: *Neural Networks from Scratch*, chapter 17 (there `Accuracy_Regression`).
    Regression {
        /// Above 0.
        tolerance: f64,
    },
}

impl Accuracy {
    /// Of a regression, with the book's tolerance: a 250th of the standard deviation of all target values.
    ///
    /// # Errors
    /// [`Error::TargetKind`] for class labels, and [`Error::Setting`] for values that are all the same.
    ///
    /// ```
    /// use chainrule_core::Targets;
    /// use chainrule_models::Accuracy;
    /// let values = ndarray::array![[-250.0], [250.0]];
    /// assert_eq!(Accuracy::regression(Targets::Values(values.view()))?, Accuracy::Regression { tolerance: 1.0 });
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    pub fn regression<F: Real>(targets: Targets<F>) -> Result<Self, Error> {
        let (Targets::Values(values) | Targets::Probabilities(values)) = targets else {
            return Err(Error::TargetKind { expected: "values", found: "class labels" });
        };
        let n = values.len() as f64;
        let mean = values.iter().map(|value| value.as_f64()).sum::<f64>() / n;
        let variance = values.iter().map(|value| (value.as_f64() - mean).powi(2)).sum::<f64>() / n;
        let tolerance = variance.sqrt() / 250.0;
        positive("tolerance, a 250th of the targets' deviation,", tolerance)?;
        Ok(Accuracy::Regression { tolerance })
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] for a threshold that is not finite or a tolerance that is not above 0.
    pub fn check(&self) -> Result<(), Error> {
        match *self {
            Accuracy::Categorical => Ok(()),
            Accuracy::Binary { threshold } if threshold.is_finite() => Ok(()),
            Accuracy::Binary { threshold } => {
                Err(Error::Setting { name: "threshold", expected: "a finite number", value: threshold })
            }
            Accuracy::Regression { tolerance } => positive("tolerance", tolerance),
        }
    }

    /// Makes sure that it can tell right from wrong among so many outputs.
    pub(super) fn check_fits<F: Real>(&self, outputs: usize, targets: Targets<F>) -> Result<(), Error> {
        let (accuracy, found, expected) = match (*self, targets) {
            (Accuracy::Categorical, _) if outputs == 1 && !is_of_one_class(targets) => {
                ("categorical", "a single output, which is always the largest", "binary or regression")
            }
            (Accuracy::Categorical, Targets::Values(_)) => (
                "categorical",
                "values for several outputs",
                "binary or regression (Accuracy::Binary, Accuracy::Regression), or targets that are probabilities",
            ),
            (Accuracy::Binary { .. }, Targets::Classes(_)) if outputs > 1 => {
                ("binary", "one label for several outputs", "categorical, or a target for each output")
            }
            (Accuracy::Regression { .. }, Targets::Classes(_)) if outputs > 1 => {
                ("regression", "one label for several outputs", "categorical, or a target for each output")
            }
            _ => return Ok(()),
        };
        Err(Error::AccuracyOfOthers { accuracy, found, expected })
    }

    /// Share of the answers of a row that are right, 0 to 1.
    fn of_row<F: Real>(&self, output: ArrayView1<F>, targets: Targets<F>, row: usize) -> f64 {
        let right = match (*self, targets) {
            (Accuracy::Categorical, _) => return f64::from(argmax(output) == targets.class(row)),
            (Accuracy::Binary { threshold }, Targets::Classes(labels)) => {
                return f64::from((output[0].as_f64() > threshold) == (labels[row] == 1));
            }
            (Accuracy::Regression { tolerance }, Targets::Classes(labels)) => {
                return f64::from((output[0].as_f64() - labels[row] as f64).abs() < tolerance);
            }
            (Accuracy::Binary { threshold }, Targets::Values(t) | Targets::Probabilities(t)) => {
                let pairs = output.iter().zip(t.row(row)).map(|(y, t)| (y.as_f64(), t.as_f64()));
                pairs.filter(|(y, t)| (*y > threshold) == (*t > 0.5)).count()
            }
            (Accuracy::Regression { tolerance }, Targets::Values(t) | Targets::Probabilities(t)) => {
                let pairs = output.iter().zip(t.row(row)).map(|(y, t)| (y.as_f64(), t.as_f64()));
                pairs.filter(|(y, t)| (y - t).abs() < tolerance).count()
            }
        };
        right as f64 / output.len() as f64
    }

    /// The same accuracy for what goes into `head` (the logits) in place of what comes out, and `head` again where it can only tell from
    /// that.
    fn before(self, head: Option<Head>) -> (Self, Option<Head>) {
        match (self, head) {
            // Where no output comes before a larger one.
            (Accuracy::Categorical, _) => (self, None),
            (Accuracy::Binary { threshold }, Some(Head::Sigmoid)) => {
                // Where no probability lies on one side, no logit does.
                let threshold = match threshold {
                    t if t < 0.0 => f64::NEG_INFINITY,
                    t if t >= 1.0 => f64::INFINITY,
                    t => (t / (1.0 - t)).ln(),
                };
                (Accuracy::Binary { threshold }, None)
            }
            _ => (self, head),
        }
    }
}

/// Whether all targets are of a classifier's only class.
fn is_of_one_class<F: Real>(targets: Targets<F>) -> bool {
    match targets {
        Targets::Classes(labels) => labels.iter().all(|&label| label == 0),
        // As far from 1 as a distribution's sum may be.
        Targets::Probabilities(rows) => rows.iter().all(|p| (p.as_f64() - 1.0).abs() <= 1e-6),
        Targets::Values(_) => false,
    }
}

/// What rows so far sum up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sums {
    loss: f64,
    divisor: f64,
    right: f64,
    weight: f64,
}

impl Sums {
    /// How many numbers it is.
    pub(crate) const LEN: usize = 4;

    pub(crate) fn to_numbers(self) -> [f64; Sums::LEN] {
        [self.loss, self.divisor, self.right, self.weight]
    }

    pub(crate) fn of_numbers([loss, divisor, right, weight]: [f64; Sums::LEN]) -> Self {
        Sums { loss, divisor, right, weight }
    }

    /// With what the losses of all these rows together are divided by, which need not be the sum of their parts' divisors.
    pub(crate) fn with_divisor(self, divisor: f64) -> Self {
        Sums { divisor, ..self }
    }

    /// With what other rows sum up to.
    pub(crate) fn plus(self, other: Sums) -> Self {
        let (a, b) = (self.to_numbers(), other.to_numbers());
        Sums::of_numbers(std::array::from_fn(|i| a[i] + b[i]))
    }

    /// Mean loss; 0 if nothing counted.
    pub(crate) fn mean_loss(&self) -> f64 {
        if self.divisor > 0.0 { self.loss / self.divisor } else { 0.0 }
    }

    /// Share of the answers that were right; 0 if nothing counted.
    pub(crate) fn accuracy(&self) -> f64 {
        if self.weight > 0.0 { self.right / self.weight } else { 0.0 }
    }
}

/// Loss and accuracy of rows, as they come along.
pub(crate) struct Tally<'l, F> {
    loss: &'l dyn Loss<F>,
    accuracy: Accuracy,
    /// What outputs still have to go through before the accuracy can tell.
    head: Option<Head>,
    pub(crate) sums: Sums,
}

/// What comes out of `head`.
fn through<F: Real>(head: Head, logits: ArrayView2<F>) -> Array2<F> {
    let mut outputs = Array2::zeros(logits.raw_dim());
    match head {
        Head::Softmax => softmax(logits, outputs.view_mut()),
        Head::LogSoftmax => log_softmax(logits, outputs.view_mut()),
        Head::Sigmoid => sigmoid(logits, outputs.view_mut()),
        _ => outputs.assign(&logits),
    }
    outputs
}

impl<'l, F: Real> Tally<'l, F> {
    /// `before` is the head that the outputs to come are the inputs of, if the loss took one over.
    fn new(loss: &'l dyn Loss<F>, accuracy: Accuracy, before: Option<Head>) -> Self {
        let (accuracy, head) = accuracy.before(before);
        Tally { loss, accuracy, head, sums: Sums::default() }
    }

    /// Of what the loss sees of a network's outputs.
    pub(crate) fn of_network(network: &Network<F>, loss: &'l dyn Loss<F>, accuracy: Accuracy) -> Self {
        let fused = network.split_head(loss).0 < network.layers().len();
        Tally::new(loss, accuracy, network.head().filter(|_| fused))
    }

    /// Rows whose losses, by their weights, sum to `loss_sum`.
    pub(crate) fn add(&mut self, loss_sum: f64, outputs: ArrayView2<F>, targets: WeightedTargets<F>) {
        self.sums.loss += loss_sum;
        let through_head = self.head.map(|head| through(head, outputs));
        let outputs = through_head.as_ref().map_or(outputs, |outputs| outputs.view());
        for (row, output) in outputs.outer_iter().enumerate() {
            // A row that the loss ignores is neither right nor wrong.
            if self.loss.row_weight(targets.targets, row) > 0.0 {
                let weight = targets.weight(row).as_f64();
                self.sums.right += weight * self.accuracy.of_row(output, targets.targets, row);
                self.sums.weight += weight;
            }
        }
    }
}
