//! metrics.json: every metric of a classifier, as scikit-learn computes it.

use crate::comparison::Comparison;
use crate::json::{cases, classes, matrix, number, numbers, read, rounded};
use chainrule::core::Real;
use chainrule::models::metrics::{
    Average, ClassificationReport, Confusion, Predictions, Reliability, RocAuc, Scores, brier, brier_half,
    log_loss, top_k_accuracy,
};
use serde_json::Value;
use std::sync::LazyLock;

static FILE: LazyLock<Value> = LazyLock::new(|| read(include_str!("metrics.json")));

/// Found values against a case's.
struct Check<'c> {
    comparison: Comparison<f64>,
    case: &'c Value,
}

impl Check<'_> {
    /// Numbers that are made of terms of either sign around 1, or of positive ones as large as they are.
    fn number(&mut self, what: &str, found: f64, expected: f64, scale: f64) {
        let name = &self.case["name"];
        self.comparison.number(|| format!("{name} {what}"), found, expected, scale);
    }

    /// A number that need not be there.
    fn optional(&mut self, what: &str, found: Option<f64>, expected: &Value) {
        assert_eq!(found.is_some(), expected.is_number(), "{what} of {}", self.case["name"]);
        if let (Some(found), Some(expected)) = (found, expected.as_f64()) {
            self.number(what, found, expected, 1.0);
        }
    }

    fn scores(&mut self, what: &str, found: Scores, expected: &Value) {
        for (i, found) in [found.precision, found.recall, found.f1].into_iter().enumerate() {
            let expected = expected[i].as_f64().unwrap();
            self.number(&format!("{what} {i}"), found, expected, expected);
        }
    }
}

fn check<F: Real>() {
    let mut comparison = Comparison::<f64>::new(&format!("metrics of {}", F::NAME), 8.0);
    for case in cases(&FILE, "metrics") {
        let labels = classes(&case["labels"]);
        let probabilities = rounded::<F>(&matrix(&case["probabilities"]));
        let weights: Option<Vec<F>> =
            case["weights"].is_array().then(|| numbers(case, "weights").into_iter().map(F::of).collect());
        let predictions = Predictions::new(&labels, probabilities.view(), weights.as_deref()).unwrap();
        let mut check = Check { comparison, case };
        confusion(&mut check, &Confusion::of(&predictions));
        of_probabilities(&mut check, &predictions);
        whole_report(&predictions);
        comparison = check.comparison;
    }
    comparison.finish();
}

fn confusion(check: &mut Check, found: &Confusion) {
    let case = check.case;
    for (at, &expected) in matrix(&case["confusion"]).indexed_iter() {
        check.number("confusion", found.matrix()[at], expected, expected);
    }
    check.number("accuracy", found.accuracy(), number(case, "accuracy"), 1.0);
    check.number("balanced accuracy", found.balanced_accuracy(), number(case, "balanced_accuracy"), 1.0);
    check.number("matthews", found.matthews(), number(case, "matthews"), 1.0);
    check.optional("kappa", found.kappa(), &case["kappa"]);
    for (class, expected) in cases(case, "classes").iter().enumerate() {
        check.scores("class", found.class(class), expected);
        let support = expected[3].as_f64().unwrap();
        check.number("support", found.support(class), support, support);
    }
    for (name, average) in
        [("micro", Average::Micro), ("macro", Average::Macro), ("weighted", Average::Weighted)]
    {
        check.scores(name, found.average(average), &case["averages"][name]);
    }
}

fn of_probabilities<F: Real>(check: &mut Check, predictions: &Predictions<F>) {
    let case = check.case;
    for (i, expected) in numbers(case, "top_k").into_iter().enumerate() {
        check.number("top k", top_k_accuracy(predictions, i + 1), expected, 1.0);
    }
    let expected = number(case, &format!("log_loss_{}", F::NAME));
    check.number("log loss", log_loss(predictions), expected, expected);
    for (found, name) in [(brier(predictions), "brier"), (brier_half(predictions), "brier_half")] {
        check.number(name, found, number(case, name), number(case, name));
    }
    let auc = RocAuc::of(predictions);
    for (class, expected) in cases(case, "roc_auc").iter().enumerate() {
        check.optional("ROC AUC", auc.class(class), expected);
    }
    check.optional("macro ROC AUC", auc.macro_average(), &case["roc_auc_macro"]);
    check.optional("weighted ROC AUC", auc.weighted_average(), &case["roc_auc_weighted"]);
    let calibration = &case["calibration"];
    let reliability = Reliability::of(predictions, 15).unwrap();
    check.number("calibration error", reliability.expected_error, number(calibration, "error"), 1.0);
    for (bin, expected) in reliability.bins.iter().zip(cases(calibration, "bins")) {
        for (i, found) in [bin.weight, bin.confidence, bin.accuracy].into_iter().enumerate() {
            check.number("bin", found, expected[i].as_f64().unwrap(), 1.0);
        }
    }
}

/// The report says what the functions say.
fn whole_report<F: Real>(predictions: &Predictions<F>) {
    let names: Vec<String> = (0..predictions.classes()).map(|class| format!("class {class}")).collect();
    let report = ClassificationReport::new(predictions, &names).unwrap();
    let (confusion, auc) = (Confusion::of(predictions), RocAuc::of(predictions));
    assert_eq!(report.weight, predictions.total_weight());
    assert_eq!((report.accuracy, report.kappa), (confusion.accuracy(), confusion.kappa()));
    assert_eq!(
        (report.balanced_accuracy, report.matthews),
        (confusion.balanced_accuracy(), confusion.matthews())
    );
    for (i, &found) in report.top_k.iter().enumerate() {
        assert!((found - top_k_accuracy(predictions, i + 1)).abs() < 1e-14);
    }
    assert_eq!((report.log_loss, report.brier), (log_loss(predictions), brier(predictions)));
    assert_eq!(report.roc_auc_macro, auc.macro_average());
    assert_eq!(report.roc_auc_weighted, auc.weighted_average());
    assert_eq!(report.macro_average, confusion.average(Average::Macro));
    assert_eq!(report.weighted_average, confusion.average(Average::Weighted));
    assert_eq!(report.micro_average, confusion.average(Average::Micro));
    for (class, found) in report.classes.iter().enumerate() {
        assert_eq!((&found.name, found.scores), (&names[class], confusion.class(class)));
        assert_eq!((found.roc_auc, found.support), (auc.class(class), confusion.support(class)));
        assert_eq!(found.predicted, confusion.predicted(class));
        assert_eq!(report.confusion[class], confusion.matrix().row(class).to_vec());
    }
    assert_eq!(report.reliability, Reliability::of(predictions, 15).unwrap());
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["classes"][0]["recall"].as_f64(), Some(report.classes[0].scores.recall));
    assert_eq!(report.to_string().lines().count(), predictions.classes() + 11 + report.top_k.len() - 1);
}

#[test]
fn metrics_are_those_of_scikit_learn() {
    check::<f32>();
    check::<f64>();
}
