//! Several ranks train what one process would, stop together, and fail together.

mod failures;
mod softmax_regression;
mod stopping;
mod threads;

use crate::trainings::{Case, KINDS, Outcome};
use chainrule_core::{Communicator, Error, Penalty, Purpose, Random, Real, Targets};
use chainrule_models::{
    Accuracy, Clipping, Dropout, Every, History, MeanSquaredError, Network, Samples, Summed, Tanh, Trainer,
    Training,
};
use ndarray::Array2;
use std::path::Path;
use std::sync::Arc;
use threads::on_ranks;

/// A training of one kind, without checkpoints.
fn case<F: Real>(kind: usize, epochs: usize, batch_size: usize) -> Case<F> {
    let mut case = Case::new(kind, epochs, Path::new(""), Every::Epochs(1));
    case.training.checkpoints = None;
    case.training.batch_size = batch_size;
    case
}

/// Fits on so many ranks.
fn fit<F: Real>(ranks: usize, case: impl Fn() -> Case<F> + Sync) -> Vec<Result<Outcome, Error>> {
    on_ranks(ranks, |communicator| {
        let mut case = case();
        case.training.communicator = communicator;
        case.fit(&mut ())
    })
}

fn numbers<F: Real>(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(F::BYTES).map(|bytes| F::read_le(bytes).as_f64()).collect()
}

/// ‖a - b‖ / ‖b‖
fn difference<F: Real>(a: &[u8], b: &[u8]) -> f64 {
    let norm = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>().sqrt();
    let (a, b) = (numbers::<F>(a), numbers::<F>(b));
    norm(&mut a.iter().zip(&b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied())
}

/// Batches of 16 out of 90 or 72 rows leave one that is smaller; those of 3 leave a rank without rows, and those of 71 and 89 a last
/// one of 1 row.
const BATCHES: [usize; 4] = [16, 3, 71, 89];

fn ranks_train_what_one_process_would<F: Real>(tolerance: f64) {
    for kind in 0..KINDS {
        for batch_size in BATCHES {
            let alone = case::<F>(kind, 3, batch_size).fit(&mut ()).unwrap();
            for ranks in 1..=4 {
                let outcomes = fit(ranks, || case::<F>(kind, 3, batch_size));
                let first = outcomes[0].as_ref().unwrap();
                let named = format!("kind {kind}, batches of {batch_size}, {ranks} ranks");
                for other in &outcomes {
                    assert_eq!(other.as_ref().unwrap(), first, "{named}");
                }
                let again = fit(ranks, || case::<F>(kind, 3, batch_size));
                assert_eq!(again[0].as_ref().unwrap(), first, "{named}, again");
                let difference = difference::<F>(&first.parameters, &alone.parameters);
                assert!(difference <= tolerance, "{named}: {difference:e}");
                if ranks == 1 {
                    assert_eq!(first, &alone, "{named}");
                }
                assert_close(&first.history, &alone.history, &named);
            }
        }
    }
}

fn assert_close(found: &History, expected: &History, named: &str) {
    assert_eq!(found.epochs.len(), expected.epochs.len(), "{named}");
    assert_eq!((found.best_epoch, found.ending), (expected.best_epoch, expected.ending), "{named}");
    for (found, expected) in found.epochs.iter().zip(&expected.epochs) {
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-4 * b.abs();
        assert!(close(found.loss, expected.loss), "{named}: {found:?} {expected:?}");
        assert!(close(found.accuracy, expected.accuracy), "{named}: {found:?} {expected:?}");
        let pair = found.validation_loss.zip(expected.validation_loss);
        assert!(pair.is_none_or(|(a, b)| close(a, b)), "{named}: {found:?} {expected:?}");
        assert_eq!(found.validation_accuracy, expected.validation_accuracy, "{named}");
    }
}

#[test]
fn ranks_train_what_one_process_would_in_f32() {
    ranks_train_what_one_process_would::<f32>(1e-4);
}

#[test]
fn ranks_train_what_one_process_would_in_f64() {
    ranks_train_what_one_process_would::<f64>(1e-11);
}

/// A regression with a sum for a loss, penalties, a bound on norms, residual blocks and what draws.
fn network(seed: u64) -> Network<f64> {
    Network::builder(4)
        .seed(seed)
        .weight_penalty(Penalty { l1: 0.01, l2: 0.1 })
        .bias_penalty(Penalty { l1: 0.0, l2: 0.1 })
        .max_norm(Some(0.9))
        .dense(12)
        .activation(Tanh)
        .residual(|block| block.dense(7).layer_norm().layer(Dropout::new(7, 0.3, 1)).dense(12))
        .dense(2)
        .build()
        .unwrap()
}

fn inputs_and_values() -> (Array2<f64>, Array2<f64>) {
    let random = Random::new(8, Purpose::Generate, 0);
    let x = Array2::from_shape_fn((2500, 4), |(i, j)| random.normal((4 * i + j) as u64));
    let values = Array2::from_shape_fn((2500, 2), |(i, j)| x[[i, j]] * x[[i, j + 1]]);
    (x, values)
}

fn regression(communicator: Arc<dyn Communicator>) -> Training<f64> {
    Training {
        epochs: 2,
        batch_size: 33,
        loss: Arc::new(Summed(MeanSquaredError)),
        accuracy: Accuracy::Regression { tolerance: 0.2 },
        clipping: Some(Clipping::Norm(20.0)),
        validation_fraction: 0.5,
        threads: 1,
        communicator,
        ..Training::default()
    }
}

/// Also where ranks begin with other parameters: those of rank 0 are taken.
#[test]
fn penalties_count_once_and_sums_are_of_all_rows() {
    let (x, values) = inputs_and_values();
    // 1250 rows go in several chunks, as do halves of them.
    for batch_size in [33, 1250] {
        let fit = |communicator: Arc<dyn Communicator>| {
            let mut network = network(communicator.rank() as u64);
            let samples = Samples::new(&x, Targets::Values(values.view()));
            let training = Training { batch_size, ..regression(communicator) };
            let history = network.fit(samples, &training).unwrap();
            (network.parameters().to_vec(), history)
        };
        let (expected, history) = on_ranks(1, fit).remove(0);
        for ranks in 2..=4 {
            for (found, of_rank) in on_ranks(ranks, fit) {
                let largest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(largest < 1e-11, "{ranks} ranks: {largest:e}");
                assert_close(&of_rank, &history, &format!("batches of {batch_size}, {ranks} ranks"));
            }
        }
    }
}

#[test]
fn portions_are_taken_together() {
    let (x, values) = inputs_and_values();
    let fit = |communicator: Arc<dyn Communicator>| {
        let mut network = network(communicator.rank() as u64);
        let mut trainer = Trainer::new(&network, &regression(communicator)).unwrap();
        let samples = Samples::new(&x, Targets::Values(values.view()));
        let scores = [(); 2].map(|()| network.partial_fit(samples, &mut trainer).unwrap());
        (network.parameters().to_vec(), scores)
    };
    let (expected, scores) = on_ranks(1, fit).remove(0);
    for (found, of_rank) in on_ranks(3, fit) {
        let largest = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(largest < 1e-11, "{largest:e}");
        for (a, b) in of_rank.iter().zip(&scores) {
            assert!((a.loss - b.loss).abs() < 1e-9 * b.loss && (a.accuracy - b.accuracy).abs() < 1e-12);
        }
    }
}
