//! Training is a function of data and seed alone: the same bits by the explicit route and the joint step, on any number of
//! threads, in one fit or two.

use chainrule_core::{Loss, Purpose, Random, Real, Rows, Targets};
use chainrule_models::{
    Accuracy, Adam, Batch, BinaryCrossEntropy, CategoricalCrossEntropy, Classifier, GradientPath, LogSoftmax,
    MeanSquaredError, NegativeLogLikelihood, Network, NetworkBuilder, OptimizerState, Progress, Samples, Sgd,
    Sigmoid, Summed, Training,
};
use ndarray::{Array2, Axis, array};
use std::ops::ControlFlow;
use std::sync::Arc;

fn data<F: Real>(rows: usize, inputs: usize, classes: usize) -> (Array2<F>, Vec<usize>) {
    let random = Random::new(11, Purpose::Generate, 0);
    let x = Array2::from_shape_fn((rows, inputs), |(i, j)| F::of(random.normal((i * inputs + j) as u64)));
    // A rule that can be learned: which of the first columns is largest.
    let labels =
        x.outer_iter().map(|row| (0..classes).max_by(|&a, &b| row[a].partial_cmp(&row[b]).unwrap()).unwrap());
    let labels = labels.collect();
    (x, labels)
}

fn bits<F: Real>(parameters: &[F]) -> Vec<u8> {
    let mut bytes = Vec::new();
    parameters.iter().for_each(|p| p.write_le(&mut bytes));
    bytes
}

fn network<F: Real>(inputs: usize, path: GradientPath) -> Network<F> {
    Network::builder(inputs).dense(150).relu().dense(20).relu().dense(5).softmax_by(path).build().unwrap()
}

const PATHS: [GradientPath; 4] =
    [GradientPath::Fused, GradientPath::Product, GradientPath::Jacobian, GradientPath::StoredJacobian];

fn the_routes_agree<F: Real>(inputs: usize, path: GradientPath, rows: usize) {
    let (x, labels) = data::<F>(rows, inputs, 5);
    let indices: Vec<usize> = (0..rows).rev().collect();
    let x_batch = x.select(Axis(0), &indices);
    let labels: Vec<usize> = indices.iter().map(|&i| labels[i]).collect();
    let targets = Targets::Classes(&labels);
    let (mut explicit, mut joint) = (network::<F>(inputs, path), network::<F>(inputs, path));
    let mut explicit_optimizer = OptimizerState::new(Adam::default(), &explicit).unwrap();
    let mut joint_optimizer = OptimizerState::new(Adam::default(), &joint).unwrap();
    let (mut explicit_tape, mut joint_tape) = (explicit.tape(rows), joint.tape(rows + 3));
    for step in 0..5 {
        let pass = explicit.forward(x_batch.view(), &mut explicit_tape).unwrap();
        let (explicit_loss, gradient) = pass.backward(&CategoricalCrossEntropy::new(), targets).unwrap();
        explicit_optimizer.step(explicit.parameters_mut(), gradient).unwrap();
        let batch = Batch::new(&x, &indices, targets);
        let joint_loss = joint
            .train_step(batch, &CategoricalCrossEntropy::new(), &mut joint_optimizer, &mut joint_tape)
            .unwrap();
        assert_eq!(explicit_loss, joint_loss, "{path:?}, {rows} rows, step {step}");
        assert!(
            bits(explicit.parameters()) == bits(joint.parameters()),
            "{path:?}, {rows} rows, step {step}"
        );
    }
}

#[test]
fn the_explicit_route_and_the_joint_step_give_the_same_bits() {
    for path in PATHS {
        for rows in [1, 17, 128, 150] {
            the_routes_agree::<f32>(30, path, rows);
            the_routes_agree::<f64>(30, path, rows);
        }
    }
}

/// Room for a chunk is enough for a step of many rows, and no less.
#[test]
fn a_large_batch_goes_through_the_tape_of_a_chunk() {
    let (x, labels) = data::<f32>(1300, 30, 5);
    let indices: Vec<usize> = (0..1300).collect();
    let batch = || Batch::new(&x, &indices, Targets::Classes(&labels));
    let step = |rows: usize| {
        let mut network = network::<f32>(30, GradientPath::Fused);
        let mut optimizer = OptimizerState::new(Adam::default(), &network).unwrap();
        let mut tape = network.tape(rows);
        network.train_step(batch(), &CategoricalCrossEntropy::new(), &mut optimizer, &mut tape)?;
        Ok::<_, chainrule_core::Error>(bits(network.parameters()))
    };
    assert!(step(512).unwrap() == step(1300).unwrap());
    let error = step(511).unwrap_err().to_string();
    assert_eq!(error, "tape: it holds 511 rows, expected room for 512");
}

/// So many inputs that few rows go through the first layer by halves.
const MANY_INPUTS: usize = 700;

#[test]
fn the_routes_agree_where_the_first_layer_goes_by_halves() {
    // The last in two chunks.
    for (inputs, rows) in [(MANY_INPUTS, 1), (MANY_INPUTS, 17), (MANY_INPUTS, 100), (1300, 603)] {
        the_routes_agree::<f32>(inputs, GradientPath::Fused, rows);
        the_routes_agree::<f64>(inputs, GradientPath::Fused, rows);
    }
}

#[test]
fn a_first_layer_by_halves_is_the_layer() {
    let (x, _) = data::<f64>(20, MANY_INPUTS, 5);
    let mut network = network::<f64>(MANY_INPUTS, GradientPath::Fused);
    let biases = network.parameter_range(0).end - 150..network.parameter_range(0).end;
    network.parameters_mut()[biases].iter_mut().enumerate().for_each(|(i, b)| *b = i as f64 * 0.01);
    let mut tape = network.tape(20);
    let outputs = network.forward(x.view(), &mut tape).unwrap().output().to_owned();
    let mut scratch = network.scratch(20);
    let predicted = network.predict(&x, &(0..20).collect::<Vec<_>>(), &mut scratch).unwrap();
    let apart = (&outputs - &predicted).iter().fold(0.0_f64, |worst, d| worst.max(d.abs()));
    assert!(apart < 1e-14, "{apart:e}");
    // Not the same: it was another sum.
    assert!(apart > 0.0);
}

#[test]
fn a_weight_that_is_one_block_has_no_halves() {
    let (x, labels) = data::<f32>(2, 12, 5);
    let mut network = Network::<f32>::builder(12).dense(20_000).relu().dense(5).softmax().build().unwrap();
    let mut optimizer = OptimizerState::new(Sgd::default(), &network).unwrap();
    let mut tape = network.tape(2);
    let batch = Batch::new(&x, &[0, 1], Targets::Classes(&labels));
    let loss = network.train_step(batch, &CategoricalCrossEntropy::new(), &mut optimizer, &mut tape).unwrap();
    assert!(loss.is_finite());
}

#[test]
fn a_residual_block_around_a_first_layer_by_halves() {
    let build = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut network = Network::<f64>::builder(300)
            .residual(|block| block.dense(300))
            .dense(4)
            .softmax()
            .build()
            .unwrap();
        let (x, labels) = data::<f64>(9, 300, 4);
        let mut optimizer = OptimizerState::new(Sgd::default(), &network).unwrap();
        let mut tape = network.tape(9);
        let indices: Vec<usize> = (0..9).collect();
        pool.install(|| {
            for _ in 0..3 {
                let batch = Batch::new(&x, &indices, Targets::Classes(&labels));
                network
                    .train_step(batch, &CategoricalCrossEntropy::new(), &mut optimizer, &mut tape)
                    .unwrap();
            }
            let outputs = network.forward(x.view(), &mut tape).unwrap().output().to_owned();
            let mut scratch = network.scratch(9);
            let apart = &outputs - &network.predict(&x, &indices, &mut scratch).unwrap();
            assert!(apart.iter().all(|d| d.abs() < 1e-13), "{apart}");
        });
        bits(network.parameters())
    };
    let one = build(1);
    assert!([2, 3, 4].into_iter().all(|threads| build(threads) == one));
}

#[test]
fn the_paths_give_the_same_gradient() {
    let (x, labels) = data::<f64>(100, 30, 5);
    let gradients = PATHS.map(|path| {
        let network = network::<f64>(30, path);
        let mut tape = network.tape(100);
        let pass = network.forward(x.view(), &mut tape).unwrap();
        let (loss, gradient) =
            pass.backward(&CategoricalCrossEntropy::new(), Targets::Classes(&labels)).unwrap();
        (loss, gradient.to_vec())
    });
    let (loss, gradient) = &gradients[0];
    for (path, (other_loss, other)) in PATHS.iter().zip(&gradients) {
        assert!((loss - other_loss).abs() < 1e-12, "{path:?}");
        assert!(gradient.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-12), "{path:?}");
    }
}

fn fitted<F: Real>(
    inputs: usize,
    threads: usize,
    batch_size: usize,
    optimizer: Arc<dyn chainrule_core::Optimizer<F>>,
) -> Vec<u8> {
    let (x, labels) = data::<F>(333, inputs, 5);
    let mut classifier = Classifier::builder(inputs, 5).hidden(&[150, 20]).seed(4).build().unwrap();
    let training = Training { epochs: 2, batch_size, seed: 8, threads, optimizer, ..Training::default() };
    classifier.fit(Samples::new(&x, Targets::Classes(&labels)), &training).unwrap();
    bits(classifier.network().parameters())
}

fn any_number_of_threads_gives_the_same_bits<F: Real>() {
    // Of more than 650 inputs, a batch of up to 100 rows goes by halves of the first layer; of 1,300, all do.
    for (inputs, batch_size) in [
        (30, 1),
        (30, 32),
        (30, 100),
        (30, 1000),
        (MANY_INPUTS, 32),
        (MANY_INPUTS, 100),
        (MANY_INPUTS, 333),
        (1300, 333),
    ] {
        let adam = fitted::<F>(inputs, 1, batch_size, Arc::new(Adam::default()));
        let sgd = fitted::<F>(inputs, 1, batch_size, Arc::new(Sgd::default()));
        assert!(adam != sgd);
        for threads in [0, 1, 2, 3, 8] {
            let of = |optimizer| fitted::<F>(inputs, threads, batch_size, optimizer);
            let case = format!("{inputs} inputs, batch {batch_size}, {threads} threads");
            assert!(of(Arc::new(Adam::default())) == adam, "{case}");
            assert!(of(Arc::new(Sgd::default())) == sgd, "{case}");
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits_and_so_do_two_runs() {
    any_number_of_threads_gives_the_same_bits::<f32>();
    any_number_of_threads_gives_the_same_bits::<f64>();
}

#[test]
fn every_path_learns_and_so_do_soft_targets() {
    let (x, labels) = data::<f64>(600, 6, 3);
    let one_hot = Array2::from_shape_fn((600, 3), |(i, j)| if labels[i] == j { 0.9 } else { 0.05 });
    for path in PATHS {
        for targets in [Targets::Classes(&labels), Targets::Probabilities(one_hot.view())] {
            let mut classifier = Classifier::builder(6, 3).hidden(&[32]).gradient(path).build().unwrap();
            let optimizer = Arc::new(Adam { learning_rate: 0.01, ..Adam::default() });
            let training = Training { epochs: 20, optimizer, batch_size: 32, ..Training::default() };
            let samples = Samples::new(&x, targets);
            let history = classifier.fit(samples, &training).unwrap();
            let (first, last) = (history.epochs[0], history.epochs[19]);
            assert!(last.loss < first.loss && last.accuracy > 0.95, "{path:?}: {history}");
            let evaluation = classifier.evaluate(samples).unwrap();
            assert!(evaluation.accuracy > 0.95);
            assert_eq!(evaluation.confusion.sum(), 600);
            let predicted = classifier.predict(&x).unwrap();
            let correct = predicted.iter().zip(&labels).filter(|(a, b)| a == b).count();
            assert_eq!(correct as f64 / 600.0, evaluation.accuracy);
        }
    }
}

#[test]
fn an_evaluation_is_the_loss_of_the_predicted_probabilities() {
    let (x, labels) = data::<f64>(2500, 6, 3);
    let classifier = Classifier::builder(6, 3).hidden(&[8]).build().unwrap();
    let probabilities = classifier.predict_proba(&x).unwrap();
    assert!(probabilities.sum_axis(Axis(1)).iter().all(|sum| (sum - 1.0).abs() < 1e-14));
    let expected =
        CategoricalCrossEntropy::new().mean(probabilities.view(), Targets::Classes(&labels)).unwrap();
    let evaluation = classifier.evaluate(Samples::new(&x, Targets::Classes(&labels))).unwrap();
    assert!((evaluation.loss - expected).abs() < 1e-12);
}

#[test]
fn scaling_is_part_of_the_classifier() {
    let (x, labels) = data::<f64>(200, 6, 3);
    let raw = x.mapv(|x| 50.0 * x + 7.0);
    let training = Training { epochs: 2, ..Training::default() };
    let targets = Targets::Classes(&labels);
    let mut plain = Classifier::builder(6, 3).build().unwrap();
    plain.fit(Samples::new(&x, targets), &training).unwrap();
    let scaling = chainrule_core::Scaling::new(7.0, 1.0 / 50.0).unwrap();
    let mut scaled = Classifier::builder(6, 3).scaling(&scaling).build().unwrap();
    scaled.fit(Samples::new(&raw, targets), &training).unwrap();
    let (plain, scaled) = (plain.predict_proba(&x).unwrap(), scaled.predict_proba(&raw).unwrap());
    assert!((plain - scaled).iter().all(|difference| difference.abs() < 1e-10));
}

#[test]
fn progress_tells_of_every_step_and_can_end_the_training() {
    let (x, labels) = data::<f32>(100, 6, 3);
    let samples = Samples::new(&x, Targets::Classes(&labels));
    let training = Training { epochs: 3, batch_size: 30, ..Training::default() };
    let (mut steps, mut epochs) = (Vec::new(), Vec::new());
    let mut classifier = Classifier::builder(6, 3).build().unwrap();
    let history = classifier
        .fit_with(samples, Some(samples), &training, &mut |progress: Progress| {
            match progress {
                Progress::Batch(step) => steps.push((step.epoch, step.batch, step.batches)),
                Progress::Epoch(record) => epochs.push(*record),
                _ => {}
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    let expected: Vec<_> = (1..=3).flat_map(|epoch| (1..=4).map(move |batch| (epoch, batch, 4))).collect();
    assert_eq!(steps, expected);
    assert_eq!(epochs, history.epochs);
    let last = epochs[2];
    let evaluation = classifier.evaluate(samples).unwrap();
    assert_eq!(last.validation_loss, Some(evaluation.loss));
    assert_eq!(last.validation_accuracy, Some(evaluation.accuracy));

    let mut count = 0;
    let history = classifier.fit_with(samples, None, &training, &mut |_: Progress| {
        count += 1;
        if count == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(history.unwrap().epochs.len(), 1);
    assert_eq!(count, 2);
}

/// Rows that fail once they are asked for too often.
struct Failing(Array2<f32>, std::sync::atomic::AtomicUsize);

impl Rows<f32> for Failing {
    fn len(&self) -> usize {
        self.0.nrows()
    }
    fn width(&self) -> usize {
        self.0.ncols()
    }
    fn gather(
        &self,
        indices: &[usize],
        tile: ndarray::ArrayViewMut2<f32>,
    ) -> Result<(), chainrule_core::Error> {
        if self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 9 {
            return Err(chainrule_core::Error::Source("the disk is gone".into()));
        }
        self.0.gather(indices, tile)
    }
    fn check_finite(&self) -> Result<(), chainrule_core::Error> {
        Ok(())
    }
}

#[test]
fn a_training_that_fails_keeps_the_last_whole_epoch() {
    let (x, labels) = data::<f32>(100, 6, 3);
    let targets = Targets::Classes(&labels);
    let training = |epochs| Training { epochs, batch_size: 20, threads: 1, ..Training::default() };
    let mut good = Classifier::builder(6, 3).build().unwrap();
    let mut failed = good.clone();
    good.fit(Samples::new(&x, targets), &training(1)).unwrap();
    // Two tiles a batch of 20 rows, so the first epoch just gets through.
    let rows = Failing(x.clone(), 0.into());
    let error = failed.fit(Samples::new(&rows, targets), &training(2)).unwrap_err();
    assert!(matches!(error, chainrule_core::Error::Source(_)), "{error}");
    assert!(bits(failed.network().parameters()) == bits(good.network().parameters()));

    let diverging = Arc::new(Sgd { learning_rate: 1e39, ..Sgd::default() });
    let before = bits(good.network().parameters());
    let error =
        good.fit(Samples::new(&x, targets), &Training { optimizer: diverging, ..training(2) }).unwrap_err();
    assert!(matches!(error, chainrule_core::Error::Diverged { epoch: 1, .. }), "{error}");
    assert!(bits(good.network().parameters()) == before);
}

#[test]
fn a_summed_loss_is_the_sum_however_many_rows_there_are() {
    let (x, labels) = data::<f64>(2500, 4, 3);
    let samples = Samples::new(&x, Targets::Classes(&labels));
    let network = network::<f64>(4, GradientPath::Fused);
    let mean = CategoricalCrossEntropy::new();
    let score = |loss: &dyn Loss<f64>| network.evaluate(samples, loss, Accuracy::Categorical).unwrap().loss;
    let (summed, of_mean) = (score(&Summed(mean.clone())), score(&mean));
    assert!((summed / (2500.0 * of_mean) - 1.0).abs() < 1e-12, "{summed} {of_mean}");

    // It takes class weights where the loss within does, also one chosen at run time.
    let weights = [0.5, 1.0, 2.0, 1.0, 1.0];
    let inner: Arc<dyn Loss<f64>> = Arc::new(mean.clone());
    let weighted = Loss::<f64>::with_class_weights(&Summed(inner), &weights).unwrap();
    let total: f64 = labels.iter().map(|&label| weights[label]).sum();
    let of_mean = score(&mean.class_weights(weights));
    assert!((score(&*weighted) / (total * of_mean) - 1.0).abs() < 1e-12);
    assert!(Loss::<f64>::with_class_weights(&Summed(MeanSquaredError), &weights).is_none());
}

#[test]
fn an_accuracy_sees_what_comes_out_also_where_the_loss_takes_the_head_over() {
    // One weight of 1, so that outputs are those of the head.
    let accuracy_of = |activation: fn(NetworkBuilder<f64>) -> NetworkBuilder<f64>,
                       loss: &dyn Loss<f64>,
                       accuracy,
                       x: &Array2<f64>,
                       targets| {
        let mut network = activation(Network::builder(x.ncols()).dense(x.ncols())).build().unwrap();
        let (inputs, parameters) = (x.ncols(), network.parameters_mut());
        parameters.fill(0.0);
        (0..inputs).for_each(|i| parameters[i * inputs + i] = 1.0);
        network.evaluate(Samples::new(x, targets), loss, accuracy).unwrap().accuracy
    };
    // σ(10) = 0.99995 and σ(2) = 0.88.
    let (x, answers) = (array![[10.0], [2.0]], array![[1.0], [1.0]]);
    let close = Accuracy::Regression { tolerance: 0.05 };
    let sigmoid = |builder: NetworkBuilder<f64>| builder.activation(Sigmoid);
    let targets = Targets::Probabilities(answers.view());
    assert_eq!(accuracy_of(sigmoid, &BinaryCrossEntropy, close, &x, targets), 0.5);
    // softmax(0.4, -3) = (0.968, 0.032), and of (0.4, 0.2) the first is 0.55.
    let (x, soft) = (array![[0.4, -3.0], [0.4, 0.2]], array![[1.0, 0.0], [0.0, 1.0]]);
    let targets = Targets::Probabilities(soft.view());
    let above = Accuracy::Binary { threshold: 0.5 };
    let fused = |builder: NetworkBuilder<f64>| builder.softmax();
    let apart = |builder: NetworkBuilder<f64>| builder.softmax_by(GradientPath::Product);
    for softmax in [fused, apart] {
        assert_eq!(accuracy_of(softmax, &CategoricalCrossEntropy::new(), above, &x, targets), 0.5);
    }
    let log_softmax = |builder: NetworkBuilder<f64>| builder.activation(LogSoftmax);
    let negative = Accuracy::Binary { threshold: (0.5_f64).ln() };
    assert_eq!(accuracy_of(log_softmax, &NegativeLogLikelihood::new(), negative, &x, targets), 0.5);
}
