//! softmax_regression.json: the optima of regularised softmax regressions, as scikit-learn finds them.

use crate::json::{cases, classes, matrix, number, numbers, read};
use chainrule::core::{Scaling, Targets};
use chainrule::data::digits;
use chainrule::models::{ClassWeights, Classifier, Samples, SoftmaxRegression, SoftmaxTraining, Solver};
use serde_json::Value;
use std::sync::LazyLock;

static FILE: LazyLock<Value> = LazyLock::new(|| read(include_str!("softmax_regression.json")));

const SOLVERS: [Solver; 4] = [Solver::Auto, Solver::NewtonCg, Solver::NewtonCholesky, Solver::Lbfgs];

/// Objectives agree far better than the goal of 1e-9 asks for; so do the parameters, as far as the gradient was made small.
#[test]
fn small_problems() {
    for case in cases(&FILE, "small") {
        let (x, labels) = (matrix(&case["x"]), classes(&case["labels"]));
        let class_count = number(case, "classes") as usize;
        let sample_weights = case["sample_weights"].is_array().then(|| numbers(case, "sample_weights"));
        let class_weights = case["class_weights"].is_array().then(|| numbers(case, "class_weights"));
        let targets = Targets::Classes(&labels);
        let samples = match &sample_weights {
            None => Samples::new(&x, targets),
            Some(weights) => Samples::new(&x, targets.weighted(weights)),
        };
        for solver in SOLVERS {
            let training = SoftmaxTraining {
                l2: number(case, "l2"),
                solver,
                tolerance: 1e-9,
                class_weights: class_weights.clone().map(ClassWeights::Given),
                ..SoftmaxTraining::default()
            };
            let mut regression = SoftmaxRegression::<f64>::new(x.ncols(), class_count).unwrap();
            let history = regression.fit(samples, &training).unwrap();
            assert!(history.has_converged(), "{history}");
            let (found, expected) = (history.last().objective, number(case, "objective"));
            assert!((found - expected).abs() <= 1e-12 * expected, "{solver}: {found} and {expected}");
            let weights = (&regression.weights() - &matrix(&case["weights"])).mapv(f64::abs);
            let intercepts = (&regression.intercepts() - &numbers_of(&case["intercepts"])).mapv(f64::abs);
            let worst = weights.iter().chain(&intercepts).fold(0.0_f64, |worst, &x| worst.max(x));
            assert!(worst < 1e-6, "{solver}: a parameter is off by {worst}");
        }
    }
}

#[test]
fn the_digits() {
    let digits = digits();
    let scaling = Scaling::new(0.0, 1.0 / 16.0).unwrap();
    let classifier = Classifier::<f64>::builder(64, 10).scaling(&scaling).build().unwrap();
    for case in cases(&FILE, "digits") {
        for solver in SOLVERS {
            let training = SoftmaxTraining {
                l2: number(case, "l2"),
                solver,
                tolerance: 1e-8,
                class_weights: (case["balanced"] == true).then_some(ClassWeights::Balanced),
                ..SoftmaxTraining::default()
            };
            let mut regression = SoftmaxRegression::try_from(classifier.clone()).unwrap();
            let history = regression.fit(Samples::new(&digits, digits.targets()), &training).unwrap();
            assert!(history.has_converged(), "{history}");
            let (found, expected) = (history.last().objective, number(case, "objective"));
            assert!((found - expected).abs() <= 1e-9 * expected, "{solver}: {found} and {expected}");
        }
    }
}

fn numbers_of(value: &Value) -> ndarray::Array1<f64> {
    matrix(value).into_iter().collect()
}
