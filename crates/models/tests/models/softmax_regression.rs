//! Softmax regression on data that make trouble, by every solver: it converges, or says why not, and never gives a NaN.

use chainrule_core::{Error, Purpose, Random, Targets};
use chainrule_models::{
    ClassWeights, Classifier, Samples, SoftmaxRegression, SoftmaxTraining, Solver, SolverEnding,
};
use ndarray::{Array2, Axis, array};
use std::ops::ControlFlow;

const SOLVERS: [Solver; 4] = [Solver::Auto, Solver::NewtonCg, Solver::NewtonCholesky, Solver::Lbfgs];

fn noise(seed: u64, rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        2.0 * Random::new(seed, Purpose::Check, i).uniform(j as u64) - 1.0
    })
}

/// The class whose sum of inputs with fixed weights and some noise is largest.
fn noisy_labels(x: &Array2<f64>, classes: usize) -> Vec<usize> {
    let scores = x.dot(&noise(7, x.ncols(), classes)) + noise(8, x.nrows(), classes);
    scores.outer_iter().map(chainrule_kernels::argmax).collect()
}

struct Data {
    name: &'static str,
    x: Array2<f64>,
    labels: Vec<usize>,
    classes: usize,
    /// Whether it may end for another reason than that it converged.
    hard: bool,
}

fn data(name: &'static str, x: Array2<f64>, labels: Vec<usize>, classes: usize) -> Data {
    Data { name, x, labels, classes, hard: false }
}

fn noisy(name: &'static str, rows: usize, columns: usize, classes: usize) -> Data {
    let x = noise(1, rows, columns);
    let labels = noisy_labels(&x, classes);
    data(name, x, labels, classes)
}

fn table() -> Vec<Data> {
    let x = noise(1, 60, 3);
    let labels = noisy_labels(&x, 3);
    let separable: Vec<usize> = x.column(0).iter().map(|&x| usize::from(x > 0.0)).collect();
    let with = |columns: Array2<f64>| ndarray::concatenate(Axis(1), &[x.view(), columns.view()]).unwrap();
    let mut wild = x.clone();
    for (mut column, scale) in wild.columns_mut().into_iter().zip([1e-8, 1.0, 1e8]) {
        column *= scale;
    }
    let mut wilder = x.clone();
    for (mut column, scale) in wilder.columns_mut().into_iter().zip([1e-150, 1.0, 1e150]) {
        column *= scale;
    }
    vec![
        data("plain", x.clone(), labels.clone(), 3),
        data("separable", x.clone(), separable, 2),
        data("duplicate columns", with(x.clone()), labels.clone(), 3),
        data("a constant column", with(Array2::from_elem((60, 1), 5.0)), labels.clone(), 3),
        data("a column of zeros", with(Array2::zeros((60, 1))), labels.clone(), 3),
        Data { hard: true, ..data("wildly scaled columns", wild, labels.clone(), 3) },
        Data { hard: true, ..data("columns beyond reason", wilder, labels.clone(), 3) },
        data("constant inputs", Array2::zeros((60, 3)), labels.clone(), 3),
        data("one class", x.clone(), vec![0; 60], 1),
        data("one class of three", x.clone(), vec![1; 60], 3),
        data("classes without rows", x.clone(), labels.clone(), 6),
        data("classes with one row", x.clone(), (0..60).map(|i| if i < 5 { i } else { 5 }).collect(), 6),
        data("one row", array![[1.0, -2.0]], vec![1], 2),
        data("more columns than rows", noise(2, 10, 40), (0..10).map(|i| i % 3).collect(), 3),
        data("more columns than a matrix has", noise(2, 12, 4200), (0..12).map(|i| i % 3).collect(), 3),
        noisy("two classes", 200, 4, 2),
        noisy("thirty classes", 500, 6, 30),
        noisy("a thousand classes", 2000, 3, 1000),
    ]
}

fn fit(data: &Data, training: &SoftmaxTraining) -> (SoftmaxRegression<f64>, chainrule_models::SolverHistory) {
    let mut regression = SoftmaxRegression::new(data.x.ncols(), data.classes).unwrap();
    let history = regression.fit(Samples::new(&data.x, Targets::Classes(&data.labels)), training).unwrap();
    (regression, history)
}

/// Every solver, with a penalty and without.
#[test]
fn troublesome_data() {
    for data in table() {
        // A thousand classes with next to no penalty, most of them without rows, take minutes.
        let l2s = if data.classes < 1000 { &[1.0, 1e-3, 0.0][..] } else { &[1.0] };
        for &l2 in l2s {
            let mut optima = Vec::new();
            for solver in SOLVERS {
                let order = data.classes * (data.x.ncols() + 1);
                if solver == Solver::NewtonCholesky && order > 1000 {
                    continue;
                }
                let training = SoftmaxTraining { l2, solver, ..SoftmaxTraining::default() };
                let (regression, history) = fit(&data, &training);
                let name = format!("{}, l2 {l2}: {history}", data.name);
                assert!(
                    regression.weights().iter().chain(&regression.intercepts()).all(|w| w.is_finite()),
                    "{name}"
                );
                let probabilities = regression.predict_proba(&data.x).unwrap();
                assert!(probabilities.iter().all(|p| p.is_finite()), "{name}");
                for pair in history.iterations.windows(2) {
                    let rounding = 1e-13 * pair[0].objective.abs();
                    assert!(pair[1].objective <= pair[0].objective + rounding, "{name}");
                }
                // Without the Hessian many steps may be too few.
                let slow = solver == Solver::Lbfgs && history.ending == SolverEnding::Iterations;
                assert!(data.hard || history.has_converged() || slow, "{name}");
                if history.has_converged() {
                    assert!(history.last().relative_gradient <= training.tolerance, "{name}");
                    // A gradient whose norm is that of one huge column says little of the others: only Newton's steps know better.
                    if !data.hard || solver != Solver::Lbfgs {
                        optima.push(history.last().objective);
                    }
                }
            }
            // Where there is an optimum, it is one; where an intercept grows for ever, the rest is small beside the start.
            let (least, most) =
                optima.iter().fold((f64::INFINITY, 0.0_f64), |(a, b), &x| (a.min(x), b.max(x)));
            let start = data.x.nrows() as f64 * (data.classes as f64).ln();
            let agree = optima.is_empty() || most - least <= 1e-6 * start;
            assert!(l2 == 0.0 || agree, "{}, l2 {l2}: {optima:?}", data.name);
        }
    }
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    let data = noisy("", 3000, 20, 5);
    for solver in SOLVERS {
        let fits = [1, 2, 5].map(|threads| {
            let training = SoftmaxTraining { solver, threads, ..SoftmaxTraining::default() };
            fit(&data, &training).0.into_classifier().network().parameters().to_vec()
        });
        assert!(fits[0] == fits[1] && fits[0] == fits[2], "{solver}");
    }
}

#[test]
fn single_precision_comes_as_near_as_it_can() {
    let data = noisy("", 500, 10, 4);
    let x = data.x.mapv(|x| x as f32);
    let double = x.mapv(f64::from);
    let expected = fit(&Data { x: double, ..data }, &SoftmaxTraining::default()).0;
    let labels = noisy_labels(&noise(1, 500, 10), 4);
    for solver in SOLVERS {
        let mut regression = SoftmaxRegression::<f32>::new(10, 4).unwrap();
        let training = SoftmaxTraining { solver, ..SoftmaxTraining::default() };
        let history = regression.fit(Samples::new(&x, Targets::Classes(&labels)), &training).unwrap();
        assert!(history.last().relative_gradient < 1e-5, "{history}");
        let worst = regression
            .weights()
            .iter()
            .zip(&expected.weights())
            .fold(0.0_f64, |worst, (&a, b)| worst.max((f64::from(a) - b).abs()));
        assert!(worst < 1e-4, "{solver}: {worst}");
    }
}

#[test]
fn a_warm_start_saves_steps_and_changes_nothing() {
    let data = noisy("", 400, 10, 4);
    let samples = Samples::new(&data.x, Targets::Classes(&data.labels));
    let training = SoftmaxTraining { tolerance: 1e-9, ..SoftmaxTraining::default() };
    let (mut regression, cold) = fit(&data, &training);
    let weights = regression.weights().to_owned();
    let again = regression.fit(samples, &training).unwrap();
    assert!(again.iterations.len() == 1 && again.has_converged(), "{again}");
    assert!((&regression.weights() - &weights).iter().all(|d| d.abs() < 1e-14));

    let path = regression.fit_path(samples, &[100.0, 10.0, 1.0], &training).unwrap();
    assert!(path.iter().all(|point| point.history.has_converged()));
    let end = &path[2];
    assert!((end.history.last().objective - cold.last().objective).abs() < 1e-9);
    assert!(end.history.iterations.len() <= cold.iterations.len());
    assert!((&end.regression.weights() - &weights).iter().all(|d| d.abs() < 1e-6));
    assert_eq!(path.iter().map(|point| point.l2).collect::<Vec<_>>(), [100.0, 10.0, 1.0]);
}

/// A row of weight 2 counts as two rows, and a class of weight 2 as if its rows stood there twice.
#[test]
fn weights_are_repetitions() {
    let data = noisy("", 90, 4, 3);
    let weights: Vec<f64> = (0..90).map(|i| f64::from(i % 3)).collect();
    let class_weights = [1.0, 3.0, 2.0];
    let repeated: Vec<usize> = (0..90)
        .flat_map(|i| std::iter::repeat_n(i, i % 3 * class_weights[data.labels[i]] as usize))
        .collect();
    let training = SoftmaxTraining {
        tolerance: 1e-10,
        class_weights: Some(ClassWeights::Given(class_weights.to_vec())),
        ..SoftmaxTraining::default()
    };
    let mut weighted = SoftmaxRegression::<f64>::new(4, 3).unwrap();
    let targets = Targets::Classes(&data.labels).weighted(&weights);
    let found = weighted.fit(Samples::new(&data.x, targets), &training).unwrap();
    let rows = Data {
        x: data.x.select(Axis(0), &repeated),
        labels: repeated.iter().map(|&i| data.labels[i]).collect(),
        ..data
    };
    let (plain, expected) = fit(&rows, &SoftmaxTraining { class_weights: None, ..training });
    assert!((found.last().objective - expected.last().objective).abs() < 1e-10 * expected.last().objective);
    assert!((&weighted.weights() - &plain.weights()).iter().all(|d| d.abs() < 1e-8));
}

#[test]
fn the_head_of_a_trained_network_goes_to_its_optimum() {
    let data = noisy("", 300, 6, 3);
    let samples = Samples::new(&data.x, Targets::Classes(&data.labels));
    let mut classifier = Classifier::<f64>::builder(6, 3).hidden(&[12]).build().unwrap();
    classifier.fit(samples, &chainrule_models::Training { epochs: 3, ..Default::default() }).unwrap();
    let hidden = classifier.network().parameters()[..6 * 12 + 12].to_vec();
    let before = classifier.evaluate(samples).unwrap().loss;
    let training = SoftmaxTraining { l2: 1e-3, tolerance: 1e-8, ..SoftmaxTraining::default() };
    let history = classifier.refit_head(samples, &training).unwrap();
    assert!(history.has_converged(), "{history}");
    assert!(classifier.evaluate(samples).unwrap().loss < before);
    assert_eq!(classifier.network().parameters()[..6 * 12 + 12], hidden[..]);

    // The features by hand: ReLU of the first layer.
    let (weights, bias) = hidden.split_at(6 * 12);
    let weights = Array2::from_shape_vec((6, 12), weights.to_vec()).unwrap();
    let features = (data.x.dot(&weights) + ndarray::aview1(bias)).mapv(|x| x.max(0.0));
    let (_, expected) = fit(&Data { x: features, ..data }, &training);
    assert!((history.last().objective - expected.last().objective).abs() < 1e-8 * expected.last().objective);
}

#[test]
fn files_are_those_of_classifiers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("regression.safetensors");
    let data = noisy("", 60, 3, 3);
    let (regression, _) = fit(&data, &SoftmaxTraining::default());
    regression.save(&path).unwrap();
    let loaded = SoftmaxRegression::<f64>::load(&path).unwrap();
    assert_eq!(loaded.weights(), regression.weights());
    assert_eq!(loaded.predict_proba(&data.x).unwrap(), regression.predict_proba(&data.x).unwrap());
    assert_eq!(
        Classifier::<f64>::load(&path).unwrap().predict(&data.x).unwrap(),
        regression.predict(&data.x).unwrap()
    );

    Classifier::<f64>::builder(3, 3).hidden(&[4]).build().unwrap().save(&path).unwrap();
    let error = SoftmaxRegression::<f64>::load(&path).unwrap_err();
    assert!(error.to_string().contains("regression.safetensors"), "{error}");
}

#[test]
fn it_can_be_watched_and_ended() {
    let data = noisy("", 60, 3, 3);
    let samples = Samples::new(&data.x, Targets::Classes(&data.labels));
    let mut regression = SoftmaxRegression::<f64>::new(3, 3).unwrap();
    let mut seen = 0;
    let mut watch = |iteration: &chainrule_models::Iteration| {
        assert_eq!(iteration.iteration, seen);
        seen += 1;
        if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let training = SoftmaxTraining { tolerance: 1e-12, ..SoftmaxTraining::default() };
    let history = regression.fit_with(samples, &training, &mut watch).unwrap();
    assert_eq!((history.iterations.len(), history.ending), (3, SolverEnding::Callback));
    // What was reached is kept.
    assert!(regression.weights().iter().any(|&w| w != 0.0));

    let few = SoftmaxTraining { max_iterations: 1, tolerance: 1e-12, ..SoftmaxTraining::default() };
    let mut regression = SoftmaxRegression::<f64>::new(3, 3).unwrap();
    let mut seen = Vec::new();
    let mut watch = |iteration: &chainrule_models::Iteration| {
        seen.push(iteration.iteration);
        if iteration.iteration == 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let history = regression.fit_with(samples, &few, &mut watch).unwrap();
    // The last iteration is the end whatever anybody says, so nobody is asked.
    assert_eq!((history.iterations.len(), history.ending), (2, SolverEnding::Iterations));
    assert_eq!(seen, [0]);
}

#[test]
fn what_is_wrong_is_named_and_changes_nothing() {
    let x = noise(1, 4, 2);
    let fit = |rows: &Array2<f64>, labels: &[usize], training: SoftmaxTraining| {
        let mut regression = SoftmaxRegression::<f64>::new(2, 2).unwrap();
        let error = regression.fit(Samples::new(rows, Targets::Classes(labels)), &training).unwrap_err();
        assert!(regression.weights().iter().all(|&w| w == 0.0));
        error
    };
    let default = SoftmaxTraining::default;
    for l2 in [-1.0, f64::NAN, f64::INFINITY] {
        let error = fit(&x, &[0, 1, 0, 1], SoftmaxTraining { l2, ..default() });
        assert!(matches!(error, Error::Setting { name: "l2", .. }));
    }
    for tolerance in [0.0, -1.0, f64::NAN] {
        let error = fit(&x, &[0, 1, 0, 1], SoftmaxTraining { tolerance, ..default() });
        assert!(matches!(error, Error::Setting { name: "tolerance", .. }));
    }
    let error = fit(&x, &[0, 1, 0, 1], SoftmaxTraining { max_iterations: 0, ..default() });
    assert!(matches!(error, Error::Setting { name: "max_iterations", .. }));
    let class_weights = Some(ClassWeights::Given(vec![1.0]));
    fit(&x, &[0, 1, 0, 1], SoftmaxTraining { class_weights, ..default() });
    let class_weights = Some(ClassWeights::Given(vec![0.0, 0.0]));
    let error = fit(&x, &[0, 1, 0, 1], SoftmaxTraining { class_weights, ..default() });
    assert!(matches!(error, Error::Setting { name: "sum of the class weights", .. }), "{error}");
    assert!(matches!(fit(&x, &[0, 1, 0], default()), Error::RowCount { .. }));
    assert!(matches!(fit(&x, &[0, 1, 0, 2], default()), Error::LabelOutOfRange { row: 3, label: 2, .. }));
    assert!(matches!(fit(&noise(1, 4, 3), &[0, 1, 0, 1], default()), Error::Width { .. }));
    assert!(matches!(fit(&Array2::zeros((0, 2)), &[], default()), Error::Empty { .. }));
    let mut broken = x.clone();
    broken[[2, 1]] = f64::NAN;
    assert!(matches!(fit(&broken, &[0, 1, 0, 1], default()), Error::NotFinite { row: 2, column: 1, .. }));
    broken[[2, 1]] = 1e308;
    broken[[1, 1]] = -1e308;
    assert!(matches!(fit(&broken, &[0, 1, 0, 1], default()), Error::GradientOverflow));

    let hidden = Classifier::<f64>::builder(2, 2).hidden(&[3]).build().unwrap();
    assert!(matches!(SoftmaxRegression::try_from(hidden), Err(Error::LastLayers { .. })));
}

#[test]
fn a_hessian_beyond_all_memory_is_refused() {
    // Seven million numbers to find, and matrices beyond 2⁴⁷ bytes, which no machine overcommits.
    let x = Array2::<f64>::zeros((2, 70_000));
    let mut regression = SoftmaxRegression::new(70_000, 100).unwrap();
    let training = SoftmaxTraining { solver: Solver::NewtonCholesky, ..SoftmaxTraining::default() };
    let error = regression.fit(Samples::new(&x, Targets::Classes(&[0, 1])), &training).unwrap_err();
    let name = "the size of newton-cholesky's matrices";
    assert!(matches!(error, Error::Setting { name: found, .. } if found == name), "{error}");
}
