//! Under mpirun: each test starts itself again as several ranks.

#![allow(clippy::unwrap_used)]

use chainrule_core::{Alone, Communicator, Error, Numbers, Purpose, Random, Real, Targets};
use chainrule_models::{Adam, ClassWeights, Classifier, Clipping, LayerSpec, Samples, Training};
use chainrule_mpi::{StartError, World};
use ndarray::Array2;
use std::env;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs this program's test `name` on so many ranks.
fn mpirun(ranks: usize, name: &str) -> Output {
    Command::new("mpirun")
        .args(["--oversubscribe", "--bind-to", "none", "-n", &ranks.to_string()])
        .arg(env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env("OMPI_ALLOW_RUN_AS_ROOT", "1")
        .env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The lines that ranks printed to be looked at, sorted.
#[track_caller]
fn said(output: &Output) -> Vec<String> {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    let lines = out.lines().filter_map(|line| Some(line.split_once("said: ")?.1.to_owned()));
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    lines
}

fn is_rank() -> bool {
    env::var_os("OMPI_COMM_WORLD_SIZE").is_some()
}

/// Runs `body` on each rank where this is one, and else starts 1 to 4 of them, twice, who must say the same.
#[track_caller]
fn on_ranks(name: &str, body: impl FnOnce(World)) {
    if is_rank() {
        return body(World::start().unwrap());
    }
    for ranks in 1..=4 {
        let first = said(&mpirun(ranks, name));
        assert_eq!(first.len(), ranks, "{first:?}");
        assert_eq!(first, said(&mpirun(ranks, name)), "{ranks} ranks");
    }
}

/// What does not depend on the order of additions, and what does.
fn numbers<F: Real>(rank: usize, len: usize) -> (Vec<F>, Vec<F>) {
    let random = Random::new(1, Purpose::Generate, rank);
    let whole = (0..len).map(|i| F::of(((i + rank) % 100) as f64)).collect();
    (whole, (0..len).map(|i| F::of(random.normal(i as u64))).collect())
}

fn check_sums<F: Real>(ranks: &dyn Communicator) -> u64 {
    let mut bits = 0_u64;
    for len in [0, 1, 7, 1000, 100_000, (1 << 22) + 5] {
        let (mut whole, mut real) = numbers::<F>(ranks.rank(), len);
        ranks.sum(F::numbers(&mut whole)).unwrap();
        ranks.sum(F::numbers(&mut real)).unwrap();
        let sum = |i: usize| (0..ranks.size()).map(|rank| ((i + rank) % 100) as f64).sum::<f64>();
        assert!(whole.iter().enumerate().all(|(i, number)| number.as_f64() == sum(i)), "{len}");
        for number in real {
            bits = bits.rotate_left(5) ^ number.as_f64().to_bits();
        }
    }
    bits
}

/// The lines say the bits of sums that depend on their order: all ranks the same, and again in another run.
#[test]
#[ignore = "needs mpirun: make test-mpi"]
fn sums_are_the_same_bits_everywhere() {
    on_ranks("sums_are_the_same_bits_everywhere", |world| {
        let ranks = world.communicator();
        let bits = [check_sums::<f32>(&*ranks), check_sums::<f64>(&*ranks)];
        let own = format!("{bits:?}");
        let first = ranks.broadcast_bytes(0, own.as_bytes()).unwrap();
        assert_eq!(own.as_bytes(), first);
        println!("said: {own}");
        world.finish();
    });
}

#[test]
#[ignore = "needs mpirun: make test-mpi"]
fn bytes_and_failures_come_to_all() {
    on_ranks("bytes_and_failures_come_to_all", |world| {
        let ranks = world.communicator();
        let (rank, last) = (ranks.rank(), ranks.size() - 1);
        ranks.barrier().unwrap();
        let own = vec![rank as u8; 5_000_000 + rank];
        assert_eq!(ranks.broadcast_bytes(last, &own).unwrap(), vec![last as u8; 5_000_000 + last]);
        assert_eq!(ranks.first(false).unwrap(), None);
        assert_eq!(ranks.first(rank == last).unwrap(), Some(last));
        assert_eq!(ranks.first_failure(None).unwrap(), None);
        let failure = (rank == last).then_some("no rows");
        assert_eq!(ranks.first_failure(failure).unwrap(), Some((last, "no rows".to_owned())));
        println!("said: all");
        world.finish();
    });
}

#[test]
#[ignore = "needs mpirun: make test-mpi"]
fn a_world_begins_once_and_has_an_end() {
    on_ranks("a_world_begins_once_and_has_an_end", |world| {
        assert!(matches!(World::start(), Err(StartError::AlreadyStarted)));
        let ranks = world.communicator();
        world.finish();
        let error = ranks.sum(Numbers::Double(&mut [1.0])).unwrap_err();
        assert!(matches!(error, Error::Communication { operation: "sum", .. }), "{error:?}");
        assert!(matches!(ranks.broadcast(0, &mut [1]), Err(Error::Communication { .. })));
        assert!(matches!(ranks.barrier(), Err(Error::Communication { .. })));
        println!("said: over");
    });
}

/// Fails on rank 1 alone, in one way or another, before the others' barrier.
fn leave(name: &str, words: &str, rank: impl FnOnce()) {
    if is_rank() {
        return rank();
    }
    let start = Instant::now();
    let output = mpirun(3, name);
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains(words), "{message}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
#[ignore = "needs mpirun: make test-mpi"]
fn a_panic_on_one_rank_ends_all() {
    leave("a_panic_on_one_rank_ends_all", "rank 1 panics", || {
        let world = World::start().unwrap();
        let ranks = world.communicator();
        assert!(ranks.rank() != 1, "rank 1 panics");
        ranks.barrier().unwrap();
    });
}

#[test]
#[ignore = "needs mpirun: make test-mpi"]
fn an_error_on_one_rank_ends_all() {
    leave("an_error_on_one_rank_ends_all", "error: rank 1: none.csv: it is not there", || {
        let never: Result<(), Box<dyn std::error::Error>> = World::run(|world| {
            if world.communicator().rank() == 1 {
                return Err("none.csv: it is not there".into());
            }
            Ok(world.communicator().barrier()?)
        });
        println!("after it: {never:?}");
    });
}

#[test]
#[ignore = "needs mpirun: make test-mpi"]
fn a_world_that_is_left_ends_all() {
    leave("a_world_that_is_left_ends_all", "error: rank 1: it left before World::finish", || {
        let world = World::start().unwrap();
        let ranks = world.communicator();
        if ranks.rank() == 1 {
            return;
        }
        ranks.barrier().unwrap();
    });
}

/// Nobody binds them here.
#[test]
#[ignore = "needs mpirun: make test-mpi"]
fn all_ranks_together_have_a_thread_for_each_core() {
    on_ranks("all_ranks_together_have_a_thread_for_each_core", |world| {
        let ranks = world.communicator();
        let mut threads = [world.threads() as f64];
        ranks.sum(Numbers::Double(&mut threads)).unwrap();
        let cores = std::thread::available_parallelism().unwrap().get();
        let each = (cores / ranks.size()).max(1);
        assert_eq!(threads, [(each * ranks.size()) as f64]);
        println!("said: {} threads", world.threads());
        world.finish();
    });
}

/// Everything at once: dropout, clipping, weights, a validation part; batches that leave a rest, or a rank without rows.
fn train<F: Real>(communicator: Arc<dyn Communicator>, batch_size: usize) -> (Vec<F>, f64) {
    let random = Random::new(17, Purpose::Generate, 0);
    let labels: Vec<usize> = (0..90).map(|i| [0, 0, 0, 1, 1, 2][i % 6]).collect();
    let number = |(i, j)| random.normal((i * 5 + j) as u64) + if labels[i] == j { 1.5 } else { 0.0 };
    let x = Array2::from_shape_fn((90, 5), |place| F::of(number(place)));
    let weights: Vec<F> = (0..90).map(|i| F::of(0.5 + (i % 4) as f64)).collect();
    let hidden = [LayerSpec::dense(40), LayerSpec::Relu, LayerSpec::Dropout { rate: 0.3, seed: 4 }];
    let mut classifier = Classifier::<F>::builder(5, 3).hidden_layers(hidden.to_vec()).build().unwrap();
    let training = Training {
        epochs: 3,
        batch_size,
        optimizer: Arc::new(Adam { learning_rate: 0.01, ..Adam::default() }),
        clipping: Some(Clipping::Norm(0.5)),
        class_weights: Some(ClassWeights::Balanced),
        validation_fraction: 0.2,
        threads: 1,
        communicator,
        ..Training::default()
    };
    let samples = Samples::new(&x, Targets::Classes(&labels).weighted(&weights));
    let history = classifier.fit(samples, &training).unwrap();
    let accuracy = history.epochs[2].validation_accuracy.unwrap();
    (classifier.network().parameters().to_vec(), accuracy)
}

fn check_training<F: Real>(ranks: &Arc<dyn Communicator>, tolerance: f64) -> u64 {
    let mut bits = 0_u64;
    for batch_size in [16, 3, 71] {
        let (found, accuracy) = train::<F>(ranks.clone(), batch_size);
        let (expected, expected_accuracy) = train::<F>(Arc::new(Alone), batch_size);
        assert_eq!(accuracy, expected_accuracy, "batches of {batch_size}");
        let norm = |numbers: &mut dyn Iterator<Item = f64>| numbers.map(|x| x * x).sum::<f64>().sqrt();
        let pairs = found.iter().zip(&expected);
        let difference = norm(&mut pairs.map(|(a, b)| a.as_f64() - b.as_f64()))
            / norm(&mut expected.iter().map(|number| number.as_f64()));
        assert!(difference <= tolerance, "batches of {batch_size}: {difference:e}");
        for number in found {
            bits = bits.rotate_left(5) ^ number.as_f64().to_bits();
        }
    }
    bits
}

#[test]
#[ignore = "needs mpirun: make test-mpi"]
fn ranks_train_what_one_process_would() {
    on_ranks("ranks_train_what_one_process_would", |world| {
        let ranks = world.communicator();
        println!("said: {} {}", check_training::<f32>(&ranks, 1e-4), check_training::<f64>(&ranks, 1e-11));
        world.finish();
    });
}
