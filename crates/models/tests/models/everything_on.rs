//! A network of every kind of layer, with penalties, a bound on norms, a schedule, clipping, weights and an ignored label: the
//! same bits by every route, on any number of threads.

use chainrule_core::{OwnedTargets, Penalty, Purpose, Random, Real, Targets};
use chainrule_kernels::pool;
use chainrule_models::{
    Accuracy, Adam, Batch, BinaryCrossEntropy, CategoricalCrossEntropy, Clipping, Gelu, Initializer,
    MeanSquaredError, Network, NetworkBuilder, OptimizerState, Samples, Schedule, Sigmoid, Tanh, Training,
};
use ndarray::{Array2, Axis};
use std::sync::Arc;

const IGNORED: usize = 77;

fn inputs<F: Real>(rows: usize, width: usize) -> Array2<F> {
    let random = Random::new(3, Purpose::Generate, 0);
    Array2::from_shape_fn((rows, width), |(i, j)| F::of(random.normal((i * width + j) as u64)))
}

fn builder<F: Real>() -> NetworkBuilder<F> {
    Network::builder(20)
        .seed(6)
        .initializer(Initializer::GlorotUniform)
        .weight_penalty(Penalty { l1: 1e-4, l2: 1e-3 })
        .bias_penalty(Penalty { l1: 1e-3, l2: 0.0 })
        .max_norm(Some(1.2))
        .dense(130)
        .layer_norm()
        .relu()
        .dropout(0.3)
        .residual(|block| block.dense(40).activation(Gelu).dropout(0.2).dense_without_bias(130))
        .dense(30)
        .activation(Tanh)
}

fn network<F: Real>() -> Network<F> {
    builder().dense(4).softmax().build().unwrap()
}

fn labels(rows: usize) -> Vec<usize> {
    (0..rows).map(|row| if row % 7 == 3 { IGNORED } else { row % 4 }).collect()
}

fn weights<F: Real>(rows: usize) -> Vec<F> {
    (0..rows).map(|row| F::of((row % 3) as f64)).collect()
}

fn loss() -> CategoricalCrossEntropy {
    CategoricalCrossEntropy::new()
        .class_weights([1.0, 2.0, 0.5, 1.5])
        .label_smoothing(0.1)
        .ignored_label(IGNORED)
}

fn state<F: Real>(network: &Network<F>, clipping: Option<Clipping>) -> OptimizerState<F> {
    let rule = Adam { learning_rate: 0.01, amsgrad: true, ..Adam::default() };
    let warmup = Schedule::Warmup { steps: 3, then: Box::new(Schedule::Cosine { steps: 9, end: 0.1 }) };
    let state = OptimizerState::new(rule, network).unwrap().with_schedule(warmup).unwrap();
    match clipping {
        None => state,
        Some(clipping) => state.with_clipping(clipping).unwrap(),
    }
}

fn bits<F: Real>(network: &Network<F>) -> Vec<u8> {
    let mut bytes = Vec::new();
    network.parameters().iter().for_each(|p| p.write_le(&mut bytes));
    bytes
}

fn explicit<F: Real>(rows: usize, clipping: Option<Clipping>) -> Vec<u8> {
    let (x, labels, weights) = (inputs::<F>(rows, 20), labels(rows), weights::<F>(rows));
    let mut network = network::<F>();
    let mut optimizer = state(&network, clipping);
    let mut tape = network.tape(rows);
    for _ in 0..6 {
        let pass = network.forward_training(x.view(), optimizer.steps(), &mut tape).unwrap();
        let (_, gradient) = pass.backward(&loss(), Targets::Classes(&labels).weighted(&weights)).unwrap();
        optimizer.step(network.parameters_mut(), gradient).unwrap();
        network.constrain();
    }
    bits(&network)
}

fn joint<F: Real>(rows: usize, clipping: Option<Clipping>) -> Vec<u8> {
    let (x, labels, weights) = (inputs::<F>(rows, 20), labels(rows), weights::<F>(rows));
    let indices: Vec<usize> = (0..rows).collect();
    let mut network = network::<F>();
    let mut optimizer = state(&network, clipping);
    let mut tape = network.tape(rows);
    for _ in 0..6 {
        let batch = Batch::new(&x, &indices, Targets::Classes(&labels).weighted(&weights));
        network.train_step(batch, &loss(), &mut optimizer, &mut tape).unwrap();
    }
    bits(&network)
}

fn every_route_gives_the_same_bits<F: Real>() {
    for clipping in [None, Some(Clipping::Value(0.01)), Some(Clipping::Norm(0.05))] {
        // 1100 rows go in three chunks.
        for rows in [1, 9, 150, 1100] {
            let expected = explicit::<F>(rows, clipping);
            for threads in [1, 2, 3] {
                let pool = pool(threads).unwrap();
                let same = pool.install(|| joint::<F>(rows, clipping)) == expected;
                assert!(same, "{clipping:?}, {rows} rows, {threads} threads, joint");
                let same = pool.install(|| explicit::<F>(rows, clipping)) == expected;
                assert!(same, "{clipping:?}, {rows} rows, {threads} threads, explicit");
            }
        }
    }
}

#[test]
fn every_route_gives_the_same_bits_in_f32() {
    every_route_gives_the_same_bits::<f32>();
}

#[test]
fn every_route_gives_the_same_bits_in_f64() {
    every_route_gives_the_same_bits::<f64>();
}

/// The loss and the gradient of a batch of several chunks are the means of those of its parts.
#[test]
fn chunks_add_up() {
    let network = Network::<f64>::builder(20).seed(1).dense(30).activation(Gelu).dense(4).softmax();
    let network = network.build().unwrap();
    let (x, labels) = (inputs::<f64>(1100, 20), Vec::from_iter((0..1100).map(|row| row * row % 4)));
    let of_rows = |rows: std::ops::Range<usize>| {
        let mut tape = network.tape(rows.len());
        let pass = network.forward(x.slice_axis(Axis(0), rows.clone().into()), &mut tape).unwrap();
        let (loss, gradient) =
            pass.backward(&CategoricalCrossEntropy::new(), Targets::Classes(&labels[rows])).unwrap();
        (loss, gradient.to_vec())
    };
    let (mut expected_loss, mut expected) = (0.0, vec![0.0; network.parameters().len()]);
    for first in (0..1100).step_by(100) {
        let (loss, gradient) = of_rows(first..first + 100);
        expected_loss += loss / 11.0;
        expected.iter_mut().zip(gradient).for_each(|(sum, part)| *sum += part / 11.0);
    }
    let (loss, gradient) = of_rows(0..1100);
    assert!((loss - expected_loss).abs() < 1e-14);
    let off = gradient.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(off < 1e-15 && gradient.iter().any(|g| g.abs() > 1e-3), "{off:e}");

    let indices = Vec::from_iter(0..1100);
    let mut optimizer = OptimizerState::new(Adam::default(), &network).unwrap();
    let (mut stepped, mut tape) = (network.clone(), network.tape(1100));
    let batch = Batch::new(&x, &indices, Targets::Classes(&labels));
    let stepped = stepped.train_step(batch, &CategoricalCrossEntropy::new(), &mut optimizer, &mut tape);
    assert_eq!(stepped.unwrap().to_bits(), loss.to_bits());
}

#[test]
fn the_bound_on_norms_holds_after_a_step() {
    let network = {
        let (x, labels) = (inputs::<f64>(60, 20), labels(60));
        let mut network = network::<f64>();
        let training = Training {
            epochs: 3,
            batch_size: 20,
            loss: Arc::new(loss()),
            optimizer: Arc::new(Adam { learning_rate: 0.05, ..Adam::default() }),
            ..Training::default()
        };
        network.fit(Samples::new(&x, Targets::Classes(&labels)), &training).unwrap();
        network
    };
    let weight = Array2::from_shape_vec((20, 130), network.parameters()[..20 * 130].to_vec()).unwrap();
    let norms = weight.columns().into_iter().map(|column| column.dot(&column).sqrt());
    let largest = norms.fold(0.0_f64, f64::max);
    assert!((1.2 - 1e-12..1.2 + 1e-12).contains(&largest), "{largest}");
}

/// Dropout draws anew at every step, for every row and layer, and not at all in a prediction.
#[test]
fn dropout_draws_by_step_and_rests_in_predictions() {
    let network = Network::<f64>::builder(50).seed(2).dropout(0.5).dropout(0.5).build().unwrap();
    let x = Array2::<f64>::ones((64, 50));
    let mut tape = network.tape(64);
    let mut at = |step| network.forward_training(x.view(), step, &mut tape).unwrap().output().to_owned();
    let (first, second) = (at(0), at(1));
    assert_eq!(first, at(0));
    assert_ne!(first, second);
    let kept = first.iter().filter(|&&y| y == 4.0).count() as f64 / 3200.0;
    assert!(first.iter().all(|&y| y == 0.0 || y == 4.0));
    // Two layers of one half each: a quarter is left, five standard errors of it 0.038.
    assert!((kept - 0.25).abs() < 0.04, "{kept}");
    assert!((0..63).all(|row| first.row(row) != first.row(row + 1)));
    assert_eq!(network.outputs_for(&x).unwrap(), x);
    let mut tape = network.tape(64);
    assert_eq!(network.forward(x.view(), &mut tape).unwrap().output(), x);
}

/// A batch in which nothing counts teaches nothing; a whole set of which that is true is an error.
#[test]
fn a_batch_in_which_nothing_counts_has_loss_and_gradient_0() {
    let network = Network::<f64>::builder(3).dense(4).softmax().build().unwrap();
    let x = inputs::<f64>(2, 3);
    let loss = CategoricalCrossEntropy::new().ignored_label(IGNORED);
    let (ignored, weightless) = ([IGNORED, IGNORED], [0.0, 0.0]);
    let cases = [Targets::Classes(&ignored).into(), Targets::Classes(&[0, 1]).weighted(&weightless)];
    for targets in cases {
        let mut tape = network.tape(2);
        let pass = network.forward(x.view(), &mut tape).unwrap();
        let (mean, gradient) = pass.backward(&loss, targets).unwrap();
        assert_eq!(mean, 0.0);
        assert!(gradient.iter().all(|&g| g == 0.0));
        let training = Training { loss: Arc::new(loss.clone()), ..Training::default() };
        let error = network.clone().fit(Samples::new(&x, targets), &training).unwrap_err();
        let message = "every row is ignored or has weight 0, expected at least one that counts";
        assert_eq!(error.to_string(), format!("training rows: {message}"));
        let error = network.evaluate(Samples::new(&x, targets), &loss, Accuracy::Categorical).unwrap_err();
        assert_eq!(error.to_string(), format!("evaluated rows: {message}"));
    }
}

/// Several yes-or-no answers, and several numbers, through the same network and the same loop.
#[test]
fn multi_label_and_regression_learn() {
    let x = inputs::<f32>(400, 20);
    let answers = Array2::from_shape_fn((400, 3), |(i, j)| f32::from(u8::from(x[[i, j]] > x[[i, j + 3]])));
    let values = Array2::from_shape_fn((400, 2), |(i, j)| x[[i, j]] * x[[i, j + 2]]);
    let mut network =
        Network::<f32>::builder(20).dense(64).relu().dense(3).activation(Sigmoid).build().unwrap();
    let training = Training {
        epochs: 60,
        batch_size: 32,
        loss: Arc::new(BinaryCrossEntropy),
        accuracy: Accuracy::Binary { threshold: 0.5 },
        optimizer: Arc::new(Adam { learning_rate: 0.005, ..Adam::default() }),
        ..Training::default()
    };
    let samples = Samples::new(&x, Targets::Values(answers.view()));
    let history = network.fit(samples, &training).unwrap();
    let score = network.evaluate(samples, &BinaryCrossEntropy, training.accuracy).unwrap();
    assert!(score.accuracy > 0.97 && history.epochs[59].accuracy > 0.97, "{score:?}");

    let mut network = Network::<f32>::builder(20).dense(64).activation(Tanh).dense(2).build().unwrap();
    let targets = OwnedTargets::Values(values);
    let samples = Samples::new(&x, targets.view());
    let training = Training {
        epochs: 150,
        loss: Arc::new(MeanSquaredError),
        accuracy: Accuracy::Regression { tolerance: 0.3 },
        ..training
    };
    let before = network.evaluate(samples, &MeanSquaredError, training.accuracy).unwrap();
    network.fit(samples, &training).unwrap();
    let after = network.evaluate(samples, &MeanSquaredError, training.accuracy).unwrap();
    assert!(after.loss < 0.1 * before.loss && after.accuracy > 0.9, "{before:?} {after:?}");
    assert_eq!(network.outputs_for(&x).unwrap().len_of(Axis(1)), 2);
}
