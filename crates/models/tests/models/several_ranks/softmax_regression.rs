//! Softmax regressions are fitted by several ranks, each sum over the rows one sum over the ranks.

use super::failures::Torn;
use super::threads::on_ranks;
use chainrule_core::{Alone, Error, Purpose, Random, Targets};
use chainrule_models::{
    ClassWeights, Classifier, Samples, SoftmaxRegression, SoftmaxTraining, Solver, SolverEnding,
    SolverHistory,
};
use ndarray::{Array2, array};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

const SOLVERS: [Solver; 3] = [Solver::NewtonCg, Solver::NewtonCholesky, Solver::Lbfgs];

fn draws(seed: u64, rows: usize, columns: usize) -> Array2<f64> {
    let draw = |(i, j): (usize, usize)| 2.0 * Random::new(seed, Purpose::Check, i).uniform(j as u64) - 1.0;
    Array2::from_shape_fn((rows, columns), draw)
}

/// 203 rows, which do not divide, of 6 inputs, which are told apart in 4 classes with some noise.
fn rows() -> (Array2<f64>, Vec<usize>, Vec<f64>) {
    let x = draws(1, 203, 6);
    let scores = x.dot(&draws(2, 6, 4)) + draws(3, 203, 4);
    let labels = scores.outer_iter().map(chainrule_kernels::argmax).collect();
    (x, labels, (0..203).map(|i| f64::from(i % 3)).collect())
}

fn training(solver: Solver) -> SoftmaxTraining {
    let class_weights = Some(ClassWeights::Balanced);
    SoftmaxTraining {
        solver,
        l2: 0.01,
        tolerance: 1e-10,
        threads: 1,
        class_weights,
        ..SoftmaxTraining::default()
    }
}

fn fit(training: &SoftmaxTraining) -> (Vec<f64>, SolverHistory) {
    let (x, labels, weights) = rows();
    let mut regression = SoftmaxRegression::<f64>::new(6, 4).unwrap();
    let samples = Samples::new(&x, Targets::Classes(&labels).weighted(&weights));
    let history = regression.fit(samples, training).unwrap();
    (regression.into_classifier().network().parameters().to_vec(), history)
}

#[test]
fn the_same_optimum_on_any_number_of_ranks() {
    for solver in SOLVERS {
        let (alone, _) = fit(&training(solver));
        for ranks in 1..=4 {
            let fits =
                || on_ranks(ranks, |communicator| fit(&SoftmaxTraining { communicator, ..training(solver) }));
            let (first, again) = (fits(), fits());
            for (parameters, history) in first.iter().chain(&again) {
                assert!(history.has_converged(), "{solver}, {ranks} ranks: {history}");
                assert_eq!(*parameters, first[0].0, "{solver}, {ranks} ranks");
            }
            let worst = first[0].0.iter().zip(&alone).fold(0.0_f64, |worst, (a, b)| worst.max((a - b).abs()));
            assert!(worst < 1e-8, "{solver}, {ranks} ranks: {worst}");
        }
    }
}

/// Columns of which most nearly repeat others: directions take so many products that the blocks are made. The rows of two ranks are told
/// apart beyond doubt, so that by these alone blocks would cost next to nothing.
#[test]
fn the_blocks_of_the_hessian_are_sums_over_the_ranks() {
    let mut mixed = draws(4, 300, 4).dot(&draws(5, 4, 24)) + draws(6, 300, 24) * 0.01;
    mixed.outer_iter_mut().skip(100).for_each(|mut row| row *= 30.0);
    let scores = mixed.dot(&draws(7, 24, 6)) + draws(8, 300, 6);
    let labels: Vec<usize> = scores.outer_iter().map(chainrule_kernels::argmax).collect();
    let fit = |communicator| {
        let mut regression = SoftmaxRegression::<f64>::new(24, 6).unwrap();
        let training =
            SoftmaxTraining { communicator, l2: 1e-2, class_weights: None, ..training(Solver::NewtonCg) };
        let history = regression.fit(Samples::new(&mixed, Targets::Classes(&labels)), &training).unwrap();
        assert!(history.has_converged(), "{history}");
        (regression.into_classifier().network().parameters().to_vec(), history)
    };
    let (alone, expected) = fit(Arc::new(Alone));
    for (parameters, history) in on_ranks(3, fit) {
        assert!(parameters.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-4));
        // As good a preconditioner takes as many products, but for rounding.
        let (found, expected) = (history.last().products as f64, expected.last().products as f64);
        assert!((found - expected).abs() <= 0.1 * expected, "{found} and {expected} products");
        // 185; by the bound alone 508.
        assert!(expected < 400.0, "{expected} products");
    }
}

#[test]
fn the_head_of_a_network() {
    let (x, labels, _) = rows();
    let fit = |training: &SoftmaxTraining| {
        let mut classifier = Classifier::<f64>::builder(6, 4).hidden(&[10]).build().unwrap();
        let samples = Samples::new(&x, Targets::Classes(&labels));
        assert!(classifier.refit_head(samples, training).unwrap().has_converged());
        classifier.network().parameters().to_vec()
    };
    let alone = fit(&training(Solver::Auto));
    for parameters in
        on_ranks(3, |communicator| fit(&SoftmaxTraining { communicator, ..training(Solver::Auto) }))
    {
        assert!(parameters.iter().zip(&alone).all(|(a, b)| (a - b).abs() < 1e-7));
    }
}

/// What each of three ranks says, the last of which was changed.
fn with_another_last(
    change: impl Fn(&mut Array2<f64>, &mut Vec<usize>, &mut SoftmaxTraining) + Sync,
) -> Vec<String> {
    on_ranks(3, |communicator| {
        let (mut x, mut labels, _) = rows();
        let mut training = training(Solver::NewtonCg);
        if communicator.rank() == 2 {
            change(&mut x, &mut labels, &mut training);
        }
        let mut regression = SoftmaxRegression::<f64>::new(6, 4).unwrap();
        let samples = Samples::new(&x, Targets::Classes(&labels));
        regression.fit(samples, &SoftmaxTraining { communicator, ..training }).unwrap_err().to_string()
    })
}

#[test]
fn what_is_wrong_on_one_rank_ends_all() {
    let told = |errors: Vec<String>, words: &str| {
        assert!(errors[2].contains(words) && !errors[2].starts_with("rank"), "{errors:?}");
        assert!(
            errors[..2].iter().all(|error| error.starts_with("rank 2: ") && error.contains(words)),
            "{errors:?}"
        );
    };
    told(with_another_last(|x, _, _| x[[50, 1]] = f64::NAN), "row 50, column 1");
    told(with_another_last(|x, _, _| x[[50, 1]] += 1.0), "SHA-256 of the training data");
    told(with_another_last(|_, labels, _| labels[7] = 9), "label of row 7");
    told(with_another_last(|_, _, training| training.l2 = -1.0), "l2");
    told(with_another_last(|_, _, training| training.l2 = 2.0), "l2 0.01");
}

/// The row is counted among all ranks' rows.
#[test]
fn hidden_outputs_that_overflow_on_one_rank() {
    let (mut x, labels, _) = rows();
    x.row_mut(150).fill(f64::MAX);
    let errors = on_ranks(3, |communicator| {
        let mut classifier = Classifier::<f64>::builder(6, 4).hidden(&[64]).build().unwrap();
        let training = SoftmaxTraining { communicator, ..training(Solver::NewtonCg) };
        classifier.refit_head(Samples::new(&x, Targets::Classes(&labels)), &training).unwrap_err().to_string()
    });
    let told = "outputs of the hidden layers: row 150, column ";
    assert!(errors[2].starts_with(told), "{errors:?}");
    assert!(errors[..2].iter().all(|error| error.starts_with(&format!("rank 2: {told}"))), "{errors:?}");
}

/// From the first evaluation to the products with the Hessian.
#[test]
fn rows_that_can_no_longer_be_read() {
    let (x, labels, _) = rows();
    for times in [4, 6, 9, 15, 30] {
        let errors = on_ranks(3, |communicator| {
            let left = if communicator.rank() == 1 { times } else { usize::MAX };
            let torn = Torn { rows: x.mapv(|x| x as f32), left: AtomicUsize::new(left) };
            let mut regression = SoftmaxRegression::<f32>::new(6, 4).unwrap();
            let training = SoftmaxTraining { communicator, tolerance: 1e-5, ..training(Solver::NewtonCg) };
            let error =
                regression.fit(Samples::new(&torn, Targets::Classes(&labels)), &training).unwrap_err();
            assert!(regression.weights().iter().all(|&w| w == 0.0));
            error.to_string()
        });
        let told = "rank 1: reading rows failed: the disk is gone";
        assert_eq!(errors, [told, "reading rows failed", told], "{times}");
    }
}

#[test]
fn one_rank_that_stops_stops_all() {
    let (x, labels, _) = rows();
    let ends = on_ranks(3, |communicator| {
        let mut regression = SoftmaxRegression::<f64>::new(6, 4).unwrap();
        let stops = communicator.rank() == 1;
        let samples = Samples::new(&x, Targets::Classes(&labels));
        let training = SoftmaxTraining { communicator, ..training(Solver::NewtonCg) };
        let mut watch = |iteration: &chainrule_models::Iteration| {
            if stops && iteration.iteration == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let history = regression.fit_with(samples, &training, &mut watch).unwrap();
        (history.ending, history.iterations.len())
    });
    assert_eq!(ends, [(SolverEnding::Callback, 3); 3]);
}

#[test]
fn more_ranks_than_rows() {
    let x = array![[0.0, 1.0], [1.0, 0.0]];
    let errors = on_ranks(3, |communicator| {
        let mut regression = SoftmaxRegression::<f64>::new(2, 2).unwrap();
        let training = SoftmaxTraining { communicator, threads: 1, ..SoftmaxTraining::default() };
        regression.fit(Samples::new(&x, Targets::Classes(&[0, 1])), &training).unwrap_err()
    });
    assert!(
        errors.iter().all(|error| matches!(error, Error::MoreRanksThanRows { ranks: 3, rows: 2 })),
        "{errors:?}"
    );
}
