use super::reliability::Reliability;
use super::top_k::top_k_accuracies;
use super::{Average, Confusion, Predictions, RocAuc, Scores, brier, log_loss};
use crate::{Classifier, Samples};
use chainrule_core::{Error, Real};
use serde::Serialize;

/// Everything that [`metrics`](crate::metrics) knows of some predictions; prints as a table.
///
/// What is not defined for these predictions (the area of a class without rows, kappa where all is one class) is `None`, in JSON null.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ClassificationReport {
    /// Number of rows.
    pub rows: usize,
    /// The sum of their weights; the number of rows if they have none.
    pub weight: f64,
    /// Share of the rows whose most probable class is the true one.
    pub accuracy: f64,
    /// Mean recall of the classes that have rows.
    pub balanced_accuracy: f64,
    /// Top-1, top-2, … accuracy, up to 5 and to all classes.
    pub top_k: Vec<f64>,
    /// Mean of -ln p of the true class, in nats.
    pub log_loss: f64,
    /// [`brier`](super::brier()) score, 0 to 2; scikit-learn's for two classes is half of it.
    pub brier: f64,
    /// Matthews' correlation, -1 to 1.
    pub matthews: f64,
    /// Cohen's kappa.
    pub kappa: Option<f64>,
    /// Mean area under the curves of the classes; of two classes, that of the second.
    pub roc_auc_macro: Option<f64>,
    /// The same by the weights of the classes' rows.
    pub roc_auc_weighted: Option<f64>,
    /// Mean scores of the classes that occur.
    pub macro_average: Scores,
    /// The same by the weights of the classes' rows.
    pub weighted_average: Scores,
    /// Scores of all counts together: each is the accuracy.
    pub micro_average: Scores,
    /// Class by class.
    pub classes: Vec<ClassReport>,
    /// Weights of the rows of each true class (outer) that were taken for each class (inner).
    pub confusion: Vec<Vec<f64>>,
    /// Whether the probabilities come true, in 15 bins.
    pub reliability: Reliability,
}

/// How well one class is told from the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ClassReport {
    /// Its name.
    pub name: String,
    /// Precision, recall and F1.
    #[serde(flatten)]
    pub scores: Scores,
    /// Area under its curve; `None` if it has no rows, or all.
    pub roc_auc: Option<f64>,
    /// Weight of its rows.
    pub support: f64,
    /// Weight of the rows that were taken for it.
    pub predicted: f64,
}

const BINS: usize = 15;
const TOP: usize = 5;

impl ClassificationReport {
    /// Of predictions, and a name for each class.
    ///
    /// # Errors
    /// [`Error::ClassNames`] unless there are as many names as classes.
    ///
    /// ```
    /// use chainrule_models::metrics::{ClassificationReport, Predictions};
    /// let p = ndarray::array![[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]];
    /// let predictions = Predictions::new(&[0, 1, 1, 1], p.view(), None)?;
    /// let report = ClassificationReport::new(&predictions, &["no", "yes"])?;
    /// assert_eq!(report.classes[1].scores.precision, 1.0);
    /// assert!(report.to_string().contains("balanced accuracy  0.8333"));
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    pub fn new<F: Real>(predictions: &Predictions<F>, names: &[impl AsRef<str>]) -> Result<Self, Error> {
        let classes = predictions.classes();
        if names.len() != classes {
            return Err(Error::ClassNames { expected: classes, found: names.len() });
        }
        let confusion = Confusion::of(predictions);
        let roc_auc = RocAuc::of(predictions);
        let of_class = |(class, name): (usize, &_)| ClassReport {
            name: AsRef::<str>::as_ref(name).to_owned(),
            scores: confusion.class(class),
            roc_auc: roc_auc.class(class),
            support: confusion.support(class),
            predicted: confusion.predicted(class),
        };
        Ok(ClassificationReport {
            rows: predictions.rows(),
            weight: predictions.total_weight(),
            accuracy: confusion.accuracy(),
            balanced_accuracy: confusion.balanced_accuracy(),
            top_k: top_k_accuracies(predictions, TOP.min(classes)),
            log_loss: log_loss(predictions),
            brier: brier(predictions),
            matthews: confusion.matthews(),
            kappa: confusion.kappa(),
            roc_auc_macro: roc_auc.macro_average(),
            roc_auc_weighted: roc_auc.weighted_average(),
            macro_average: confusion.average(Average::Macro),
            weighted_average: confusion.average(Average::Weighted),
            micro_average: confusion.average(Average::Micro),
            classes: names.iter().enumerate().map(of_class).collect(),
            confusion: confusion.matrix().outer_iter().map(|row| row.to_vec()).collect(),
            reliability: Reliability::of_bins(predictions, BINS),
        })
    }
}

impl<F: Real> Classifier<F> {
    /// All metrics on `samples`; the true class of a soft target is its most probable one.
    ///
    /// [`Classifier::evaluate`] says less in less time and memory: here the probabilities of all rows are held.
    ///
    /// # Errors
    /// As [`Classifier::predict_proba`] for the inputs, [`Targets::check`](chainrule_core::Targets::check) and
    /// [`Predictions::new`] for the targets.
    ///
    /// ```
    /// use chainrule_core::Targets;
    /// use chainrule_models::{Classifier, Samples};
    /// let classifier = Classifier::<f32>::builder(2, 3).class_names(["cat", "dog", "fox"]).build()?;
    /// let x = ndarray::array![[0.0, 0.5], [1.0, 0.0]];
    /// let report = classifier.report(Samples::new(&x, Targets::Classes(&[0, 2])))?;
    /// assert_eq!(report.classes[1].roc_auc, None);
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    pub fn report(&self, samples: Samples<F>) -> Result<ClassificationReport, Error> {
        let labels = samples.true_classes(self.network().outputs())?;
        let probabilities = self.predict_proba(samples.rows)?;
        let predictions = Predictions::new(&labels, probabilities.view(), samples.targets.weights)?;
        ClassificationReport::new(&predictions, self.class_names())
    }
}
