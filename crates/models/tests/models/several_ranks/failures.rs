//! What goes wrong on one rank ends all of them: the rank itself says what it was, the others whose it was.

use super::threads::on_ranks;
use super::{case, fit};
use crate::trainings::Case;
use chainrule_core::{Alone, Communicator, Error, Moments, Numbers, Optimizer, Real, Rows, Step, Targets};
use chainrule_models::{
    Checkpoints, Classifier, Every, LayerSpec, Network, Samples, Sgd, SoftmaxRegression, SoftmaxTraining,
    Solver, Trainer, Training,
};
use ndarray::{Array2, ArrayViewMut2, array};
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Fits on three ranks, after a change on the last of them.
fn with_another_last(change: impl Fn(&mut Case<f32>) + Sync) -> Vec<Error> {
    let outcomes = on_ranks(3, |communicator| {
        let mut case = case::<f32>(2, 3, 16);
        if communicator.rank() == 2 {
            change(&mut case);
        }
        case.training.communicator = communicator;
        case.fit(&mut ())
    });
    outcomes.into_iter().map(|outcome| outcome.unwrap_err()).collect()
}

#[track_caller]
fn assert_told(errors: &[Error], words: &str) {
    for error in &errors[..2] {
        let Error::OtherRank { rank: 2, message } = error else { panic!("{error:?}") };
        assert!(message.contains(words), "{message}");
        assert!(error.to_string().starts_with("rank 2: "), "{error}");
    }
    assert!(errors[2].to_string().contains(words), "{}", errors[2]);
}

#[test]
fn other_data_and_other_settings() {
    let errors = with_another_last(|case| case.x[[7, 1]] += 1.0);
    assert!(matches!(errors[2], Error::OtherOnRank { .. }), "{:?}", errors[2]);
    assert_told(&errors, "SHA-256 of the training data: expected ");
    assert_told(&with_another_last(|case| case.labels[3] = 2), "SHA-256 of the training data");
    assert_told(
        &with_another_last(|case| case.training.batch_size = 17),
        "batch_size: expected 16, as on rank 0, found 17",
    );
    assert_told(
        &with_another_last(|case| case.training.epochs = 4),
        "epochs: expected 3, as on rank 0, found 4",
    );
    assert_told(&with_another_last(|case| case.training.seed = 9), "seed: expected 5");
    assert_told(&with_another_last(|case| case.hidden.push(LayerSpec::dense(4))), "layers: expected ");
    assert_told(&with_another_last(|case| case.training.early_stopping = None), "early_stopping");
}

#[test]
fn what_is_wrong_on_one_rank_before_the_first_step() {
    let errors = with_another_last(|case| case.x[[7, 1]] = f32::NAN);
    assert!(matches!(errors[2], Error::NotFinite { row: 7, column: 1, .. }), "{:?}", errors[2]);
    assert_told(&errors, "row 7, column 1 holds NaN");
    assert_told(&with_another_last(|case| case.training.epochs = 0), "epochs is 0");
    assert_told(&with_another_last(|case| case.labels[3] = 3), "the label of row 3 is 3");
}

#[test]
fn more_ranks_than_rows() {
    let x = array![[0.0_f32, 1.0], [1.0, 0.0]];
    let errors = on_ranks(3, |communicator| {
        let mut classifier = Classifier::builder(2, 2).build().unwrap();
        let training = Training { communicator, threads: 1, ..Training::default() };
        classifier.fit(Samples::new(&x, Targets::Classes(&[0, 1])), &training).unwrap_err()
    });
    for error in &errors {
        assert!(matches!(error, Error::MoreRanksThanRows { ranks: 3, rows: 2 }), "{error:?}");
    }
}

/// Rows of which one can be gathered only so often.
pub(crate) struct Torn {
    pub(crate) rows: Array2<f32>,
    pub(crate) left: AtomicUsize,
}

impl Rows<f32> for Torn {
    fn len(&self) -> usize {
        self.rows.nrows()
    }
    fn width(&self) -> usize {
        self.rows.ncols()
    }
    fn gather(&self, indices: &[usize], tile: ArrayViewMut2<f32>) -> Result<(), Error> {
        if self.left.fetch_sub(1, Relaxed) == 0 {
            return Err(Error::Source("the disk is gone".into()));
        }
        self.rows.gather(indices, tile)
    }
    fn check_finite(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Also of validation rows; the parameters are then those of the last epoch.
#[test]
fn rows_that_can_no_longer_be_read() {
    let labels: Vec<usize> = (0..40).map(|i| i % 2).collect();
    let rows = Array2::from_shape_fn((40, 2), |(i, j)| ((i * 7 + j * 3) % 5) as f32 - 2.0);
    for (train, validate) in [(12, usize::MAX), (usize::MAX, 3)] {
        let errors = on_ranks(3, |communicator| {
            let is_torn = communicator.rank() == 1;
            let torn = |left| Torn {
                rows: rows.clone(),
                left: AtomicUsize::new(if is_torn { left } else { usize::MAX }),
            };
            let (train, validate) = (torn(train), torn(validate));
            let samples = |rows| Samples::new(rows, Targets::Classes(&labels));
            let mut classifier = Classifier::builder(2, 2).hidden(&[4]).build().unwrap();
            let training = Training { communicator, threads: 1, batch_size: 9, ..Training::default() };
            classifier.fit_with(samples(&train), Some(samples(&validate)), &training, &mut ()).unwrap_err()
        });
        let Error::Source(_) = errors[1] else { panic!("{:?}", errors[1]) };
        for error in [&errors[0], &errors[2]] {
            let Error::OtherRank { rank: 1, message } = error else { panic!("{error:?}") };
            assert_eq!(message, "reading rows failed: the disk is gone");
        }
    }
}

#[test]
fn a_checkpoint_that_cannot_be_written() {
    for every in [Every::Steps(2), Every::Epochs(1), Every::Epochs(1000)] {
        let errors = fit(3, || {
            let mut case = case::<f32>(1, 3, 16);
            case.training.checkpoints = Some(Checkpoints { path: "/nowhere/at/all".into(), every });
            case
        });
        let errors: Vec<Error> = errors.into_iter().map(|outcome| outcome.unwrap_err()).collect();
        assert!(matches!(errors[0], Error::Checkpoint(_)), "{:?}", errors[0]);
        for error in &errors[1..] {
            assert!(
                matches!(error, Error::OtherRank { rank: 0, message } if message.contains("/nowhere/at/all")),
                "{error:?}"
            );
        }
    }
}

#[test]
fn a_checkpoint_that_is_not_the_same_everywhere() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    // The same training, one epoch on and two.
    for (name, epochs) in [("a", 1), ("b", 2)] {
        Case::<f32>::new(4, epochs, &path(name), Every::Epochs(1)).fit(&mut ()).unwrap();
    }
    let with = |names: [&str; 2]| {
        on_ranks(2, |communicator| {
            let name = names[communicator.rank()];
            let mut case = case::<f32>(4, 3, 16);
            case.training.communicator = communicator;
            case.resume(&path(name), &mut ())
        })
    };
    assert!(with(["a", "a"]).iter().all(Result::is_ok));
    for (names, words) in [(["a", "b"], "SHA-256 of the checkpoint"), (["a", "c"], "/c")] {
        let found = with(names);
        let Err(Error::OtherRank { rank: 1, message }) = &found[0] else { panic!("{found:?}") };
        assert!(message.contains(words), "{message}");
        assert!(found[1].is_err());
    }
}

#[test]
fn numbers_that_left_the_finite_ones() {
    let outcomes = fit(4, || {
        let mut case = case::<f32>(1, 30, 16);
        case.training.optimizer = Arc::new(Sgd { learning_rate: 1e30, momentum: 0.0, nesterov: false });
        case
    });
    for outcome in outcomes {
        assert!(matches!(outcome, Err(Error::Diverged { .. })), "{outcome:?}");
    }
}

/// Steps that are larger on one rank, of which its settings say nothing.
struct Drifting {
    rank: usize,
}

impl Debug for Drifting {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("Drifting")
    }
}

impl<F: Real> Optimizer<F> for Drifting {
    fn name(&self) -> &'static str {
        "drifting"
    }
    fn learning_rate(&self) -> f64 {
        0.1
    }
    fn moments(&self) -> usize {
        0
    }
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }
    fn update(&self, _: Step, parameters: &mut [F], gradient: &[F], _: Moments<F>) {
        let rate = F::of(if self.rank == 2 { 0.11 } else { 0.1 });
        parameters.iter_mut().zip(gradient).for_each(|(p, &g)| *p -= rate * g);
    }
}

#[test]
fn parameters_that_are_no_longer_the_same() {
    let errors = on_ranks(3, |communicator| {
        let mut case = case::<f64>(2, 3, 16);
        case.training.optimizer = Arc::new(Drifting { rank: communicator.rank() });
        case.training.communicator = communicator;
        case.fit(&mut ()).unwrap_err()
    });
    for error in errors {
        assert!(matches!(&error, Error::RanksDrifted { place, rank: 2 } if place == "epoch 1"), "{error:?}");
    }
}

/// Rows are shuffled by the epochs that a classifier has lived, and dropout draws by the steps that an optimiser has taken.
#[test]
fn ranks_that_have_lived_longer() {
    let x = Array2::from_shape_fn((12, 2), |(i, j)| ((i * 7 + j * 3) % 5) as f64 - 2.0);
    let labels: Vec<usize> = (0..12).map(|i| i % 2).collect();
    let samples = Samples::new(&x, Targets::Classes(&labels));
    let training = Training { epochs: 3, threads: 1, ..Training::default() };
    let fitted = |communicator: Arc<dyn Communicator>| {
        let mut classifier = Classifier::builder(2, 2).build().unwrap();
        if communicator.rank() == 0 {
            classifier.fit(samples, &training).unwrap();
        }
        classifier.fit(samples, &Training { communicator, ..training.clone() }).unwrap_err()
    };
    for error in on_ranks(3, fitted).into_iter().skip(1) {
        let words = "epochs before: expected 3, as on rank 0, found 0";
        assert!(error.to_string().contains(words), "{error}");
    }
    let renewed = |communicator: Arc<dyn Communicator>| {
        let mut network = Network::builder(2).dense(2).softmax().build().unwrap();
        let is_last = communicator.rank() == 2;
        let training = Training { communicator, ..training.clone() };
        let mut trainer = Trainer::new(&network, &training).unwrap();
        network.partial_fit(samples, &mut trainer).unwrap();
        if is_last {
            trainer = Trainer::new(&network, &training).unwrap();
        }
        network.partial_fit(samples, &mut trainer).unwrap_err()
    };
    assert_told(&on_ranks(3, renewed), "portions before: expected 1, as on rank 0, found 0");
}

/// Sums that come to other numbers on one rank.
#[derive(Debug)]
struct Unequal(Arc<dyn Communicator>);

impl Communicator for Unequal {
    fn rank(&self) -> usize {
        self.0.rank()
    }
    fn size(&self) -> usize {
        self.0.size()
    }
    fn sum(&self, mut numbers: Numbers) -> Result<(), Error> {
        if let Numbers::Double(numbers) = &mut numbers {
            self.0.sum(Numbers::Double(numbers))?;
            if self.rank() == 1 && numbers.len() > 10 {
                numbers[3] *= 1.0 + 1e-12;
            }
            return Ok(());
        }
        self.0.sum(numbers)
    }
    fn broadcast(&self, root: usize, bytes: &mut [u8]) -> Result<(), Error> {
        self.0.broadcast(root, bytes)
    }
    fn barrier(&self) -> Result<(), Error> {
        self.0.barrier()
    }
}

#[test]
fn regressions_that_are_no_longer_the_same() {
    let x = Array2::from_shape_fn((60, 6), |(i, j)| ((i * 7 + j * 3 + i * j) % 11) as f64 - 5.0);
    let labels: Vec<usize> = (0..60).map(|i| i % 3).collect();
    let errors = on_ranks(3, |communicator| {
        let mut regression = SoftmaxRegression::<f64>::new(6, 3).unwrap();
        let communicator = Arc::new(Unequal(communicator));
        let training =
            SoftmaxTraining { communicator, threads: 1, solver: Solver::Lbfgs, ..SoftmaxTraining::default() };
        regression.fit(Samples::new(&x, Targets::Classes(&labels)), &training).unwrap_err()
    });
    for error in errors {
        assert!(
            matches!(&error, Error::RanksDrifted { place, rank: 1 } if place == "iteration 1"),
            "{error:?}"
        );
    }
}

/// Sums of weights that f32 cannot hold.
#[test]
fn weights_of_any_size() {
    let x = Array2::from_shape_fn((40, 2), |(i, j)| ((i * 7 + j * 3) % 5) as f32 - 2.0);
    let labels: Vec<usize> = (0..40).map(|i| i % 2).collect();
    for weight in [1e37, 1.0, 1e-37] {
        let weights = vec![weight; 40];
        let fit = |communicator: Arc<dyn Communicator>| {
            let mut classifier = Classifier::builder(2, 2).hidden(&[4]).build().unwrap();
            let training =
                Training { communicator, threads: 1, batch_size: 40, epochs: 2, ..Training::default() };
            let samples = Samples::new(&x, Targets::Classes(&labels).weighted(&weights));
            classifier.fit(samples, &training).unwrap().epochs
        };
        let alone = fit(Arc::new(Alone));
        for epochs in on_ranks(3, fit) {
            for (found, expected) in epochs.iter().zip(&alone) {
                assert!((found.loss - expected.loss).abs() < 1e-5, "{weight:e}: {found:?} {expected:?}");
                assert_eq!(found.accuracy, expected.accuracy, "{weight:e}");
            }
        }
    }
}
