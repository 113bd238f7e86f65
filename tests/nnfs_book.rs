//! *Neural Networks from Scratch in Python*, name by name as in `docs/nnfs.md`: what the book's formulas give, each written
//! down here in a few lines, beside what chainrule gives; the book's trainings; then everything that is unsafe in the book,
//! in both its behaviours.

#![allow(clippy::unwrap_used)]

use chainrule::core::{Draw, Kept, OwnedTargets, Penalty};
use chainrule::data::{sine, spiral, vertical};
use chainrule::models::{
    Accuracy, AdaGrad, BinaryCrossEntropy, Dropout, EpochRecord, Initializer, LayerSpec, Linear,
    MeanAbsoluteError, MeanSquaredError, ModelFileError, PenaltySpec, Progress, RmsProp, Schedule, Sigmoid,
};
use chainrule::prelude::*;
use ndarray::{Array1, Array2, ArrayRef, ArrayView1, ArrayView2, ArrayViewMut2, Axis, Dimension, array};
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

const PATHS: [GradientPath; 4] =
    [GradientPath::Fused, GradientPath::Product, GradientPath::Jacobian, GradientPath::StoredJacobian];

/// The book's formulas, also where they go wrong. Rows are samples.
mod book {
    use super::{Array1, Array2, ArrayView1, Axis};

    pub(crate) fn clip(p: f64) -> f64 {
        p.clamp(1e-7, 1.0 - 1e-7)
    }

    /// The sign of an L1 penalty's gradient: 1 wherever a weight is not negative.
    pub(crate) fn l1_sign(weight: f64) -> f64 {
        if weight < 0.0 { -1.0 } else { 1.0 }
    }

    pub(crate) fn softmax(logits: ArrayView1<f64>) -> Array1<f64> {
        let largest = logits.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        let exponentials = logits.mapv(|x| (x - largest).exp());
        &exponentials / exponentials.sum()
    }

    /// (diag(s) - s sᵀ) dvalues
    pub(crate) fn softmax_dinputs(s: ArrayView1<f64>, dvalues: ArrayView1<f64>) -> Array1<f64> {
        let column = s.insert_axis(Axis(1));
        let jacobian = Array2::from_diag(&s) - column.dot(&column.t());
        jacobian.dot(&dvalues)
    }

    /// Loss_CategoricalCrossentropy.forward for labels.
    pub(crate) fn cross_entropy(probabilities: &Array2<f64>, labels: &[usize]) -> Array1<f64> {
        labels.iter().enumerate().map(|(row, &label)| -clip(probabilities[[row, label]]).ln()).collect()
    }

    /// Loss_CategoricalCrossentropy.forward for rows of targets.
    pub(crate) fn cross_entropy_of_rows(probabilities: &Array2<f64>, y: &Array2<f64>) -> Array1<f64> {
        (probabilities.mapv(clip) * y).sum_axis(Axis(1)).mapv(|confidence| -confidence.ln())
    }

    /// Loss_CategoricalCrossentropy.backward: nothing clips here.
    pub(crate) fn cross_entropy_dinputs(probabilities: &Array2<f64>, y: &Array2<f64>) -> Array2<f64> {
        -y / probabilities / y.nrows() as f64
    }

    /// Activation_Softmax_Loss_CategoricalCrossentropy.backward for rows of targets.
    pub(crate) fn softmax_cross_entropy_dinputs(probabilities: &Array2<f64>, y: &Array2<f64>) -> Array2<f64> {
        let mut dinputs = probabilities.clone();
        for (row, targets) in y.outer_iter().enumerate() {
            dinputs[[row, argmax(targets)]] -= 1.0;
        }
        dinputs / y.nrows() as f64
    }

    pub(crate) fn binary_cross_entropy(p: f64, y: f64) -> f64 {
        -(y * clip(p).ln() + (1.0 - y) * (1.0 - clip(p)).ln())
    }

    /// Not divided by outputs and samples yet.
    pub(crate) fn binary_cross_entropy_dinput(p: f64, y: f64) -> f64 {
        -(y / clip(p) - (1.0 - y) / (1.0 - clip(p)))
    }

    /// numpy's: the first of the largest.
    pub(crate) fn argmax(row: ArrayView1<f64>) -> usize {
        (0..row.len()).rev().max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap()
    }

    /// `array[index]` in Python, where -1 is the last one.
    pub(crate) fn wrap(index: isize, len: usize) -> usize {
        index.rem_euclid(len as isize) as usize
    }

    pub(crate) fn std(values: &Array2<f64>) -> f64 {
        let mean = values.mean().unwrap();
        values.mapv(|value| (value - mean).powi(2)).mean().unwrap().sqrt()
    }
}

// Layers

#[test]
fn layer_dense_and_its_regularizers() {
    let (weight, bias) = (Penalty { l1: 0.03, l2: 0.02 }, Penalty { l1: 0.05, l2: 0.07 });
    let builder = Network::<f64>::builder(3).weight_penalty(weight).bias_penalty(bias);
    let mut network = builder.dense(2).build().unwrap();
    let w = array![[0.2, -0.8], [0.0, 0.26], [-0.5, 1.0]];
    let b = array![[2.0, -3.0]];
    let parameters: Vec<f64> = w.iter().chain(&b).copied().collect();
    network.parameters_mut().copy_from_slice(&parameters);
    let x = array![[1.0, 2.0, 3.0], [-1.5, 2.7, 3.3]];
    let t = array![[1.0, 0.0], [0.5, -0.5]];

    let output = x.dot(&w) + &b;
    let dvalues = -2.0 * (&t - &output) / 2.0 / 2.0;
    let dweights = x.t().dot(&dvalues) + weight.l1 * w.mapv(book::l1_sign) + 2.0 * weight.l2 * &w;
    let dbiases =
        dvalues.sum_axis(Axis(0)).insert_axis(Axis(0)) + bias.l1 * b.mapv(book::l1_sign) + 2.0 * bias.l2 * &b;
    let regularization_loss = weight.l1 * w.mapv(f64::abs).sum()
        + weight.l2 * (&w * &w).sum()
        + bias.l1 * b.mapv(f64::abs).sum()
        + bias.l2 * (&b * &b).sum();

    let mut tape = network.tape(2);
    let pass = network.forward(x.view(), &mut tape).unwrap();
    assert_near(&pass.output(), &output);
    let (loss, gradient) = pass.backward(&MeanSquaredError, Targets::Values(t.view())).unwrap();
    // The data loss, to which the book adds the other.
    assert_close(loss, (&t - &output).mapv(|d| d * d).mean().unwrap());
    assert_close(network.penalty(), regularization_loss);
    let mut expected: Vec<f64> = dweights.iter().chain(&dbiases).copied().collect();
    // The one weight that is 0 has no sign here, and 1 in the book.
    expected[2] -= weight.l1;
    assert_near(&ArrayView1::from(&*gradient), &Array1::from(expected));
}

#[test]
fn layer_dense_begins_as_in_the_book() {
    let network = Network::<f64>::builder(50).initializer(Initializer::NNFS).dense(40).build().unwrap();
    let (weights, biases) = network.parameters().split_at(50 * 40);
    let deviation = (weights.iter().map(|w| w * w).sum::<f64>() / 2000.0).sqrt();
    assert!((deviation - 0.01).abs() < 0.001, "{deviation}");
    assert!(biases.iter().all(|&bias| bias == 0.0));
}

#[test]
fn layer_dropout() {
    let rate = 0.1;
    let (layer, x) = (Dropout::new(50, rate, 3), Array2::from_elem((200, 50), 3.0_f64));
    let draw = Draw { step: 4, layer: 0, first_row: 0 };
    let mut output = x.clone();
    layer.forward_training(&[], x.view(), output.view_mut(), draw);
    // binary_mask: 0, or 1 by the share that is kept
    let binary_mask = &output / &x;
    assert!(binary_mask.iter().all(|&m| m == 0.0 || (m - 1.0 / (1.0 - rate)).abs() < 1e-15));
    let dropped = binary_mask.iter().filter(|&&m| m == 0.0).count() as f64 / 10_000.0;
    // Five standard errors of 10,000 draws.
    assert!((dropped - rate).abs() < 5.0 * (rate * (1.0 - rate) / 10_000.0).sqrt(), "{dropped}");

    let dvalues = Array2::from_shape_fn((200, 50), |(i, j)| (i + 2 * j) as f64);
    let mut dinputs = x.clone();
    let kept = Kept { x: x.view(), y: output.view(), draw: Some(draw) };
    layer.backward_input(&[], kept, dvalues.view(), dinputs.view_mut());
    assert_near(&dinputs, &(&dvalues * &binary_mask));

    // Not training: the inputs.
    layer.forward(&[], x.view(), output.view_mut());
    assert_eq!(output, x);
}

/// Layer_Input only hands the inputs on: a network without such a layer does.
#[test]
fn layer_input_and_activation_linear() {
    let network = Network::<f64>::builder(2).activation(Linear).build().unwrap();
    let x = array![[1.0, -2.0], [0.5, 4.0]];
    assert_eq!(network.outputs_for(&x).unwrap(), x);
    let dvalues = array![[3.0, 4.0], [5.0, 6.0]];
    assert_eq!(Linear.input_gradient(x.view(), x.view(), dvalues.view()), dvalues);
}

// Activations

#[test]
fn activation_relu_softmax_and_sigmoid() {
    let x = array![[1.0, -2.0, 3.0], [0.0, 0.5, -1.0]];
    let dvalues = array![[0.3, -0.7, 0.2], [1.0, 2.0, -3.0]];

    let output = Relu.output(x.view());
    assert_eq!(output, x.mapv(|x: f64| x.max(0.0)));
    let dinputs = Relu.input_gradient(x.view(), output.view(), dvalues.view());
    assert_eq!(dinputs, array![[0.3, 0.0, 0.2], [0.0, 2.0, 0.0]]);

    for gradient in PATHS {
        let softmax = Softmax { gradient };
        let output = softmax.output(x.view());
        let dinputs = softmax.input_gradient(x.view(), output.view(), dvalues.view());
        for row in 0..2 {
            let s = book::softmax(x.row(row));
            assert_near(&output.row(row), &s);
            assert_near(&dinputs.row(row), &book::softmax_dinputs(s.view(), dvalues.row(row)));
        }
    }

    let output = Sigmoid.output(x.view());
    assert_near(&output, &x.mapv(|x| 1.0 / (1.0 + (-x).exp())));
    let dinputs = Sigmoid.input_gradient(x.view(), output.view(), dvalues.view());
    assert_near(&dinputs, &(&dvalues * (1.0 - &output) * &output));
}

// Losses

#[test]
fn loss_categorical_crossentropy_alone_and_with_softmax() {
    let logits = array![[0.3, -1.2, 2.0], [1.5, 0.1, 0.2], [-0.5, 0.0, 0.4]];
    let (labels, y) = ([2, 0, 0], array![[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]);
    let mut probabilities = logits.clone();
    for (row, mut p) in probabilities.outer_iter_mut().enumerate() {
        p.assign(&book::softmax(logits.row(row)));
    }
    let losses = book::cross_entropy(&probabilities, &labels);
    assert_near(&book::cross_entropy_of_rows(&probabilities, &y), &losses);
    let dvalues = book::cross_entropy_dinputs(&probabilities, &y);
    let dlogits = book::softmax_cross_entropy_dinputs(&probabilities, &y);
    let (separate, joint) = (CategoricalCrossEntropy::new(), SoftmaxCrossEntropy::new());
    for targets in [Targets::Classes(&labels), Targets::Probabilities(y.view())] {
        assert_near(&separate.losses(probabilities.view(), targets).unwrap(), &losses);
        assert_close(separate.mean(probabilities.view(), targets).unwrap(), losses.mean().unwrap());
        assert_near(&separate.gradient(probabilities.view(), targets).unwrap(), &dvalues);
        assert_close(joint.mean(logits.view(), targets).unwrap(), losses.mean().unwrap());
        assert_near(&joint.gradient(logits.view(), targets).unwrap(), &dlogits);
    }
}

#[test]
fn loss_binary_crossentropy() {
    // A certain answer that is right, and one that is wrong, are clipped.
    let p = array![[0.3, 0.9], [1.0, 1.0], [0.0, 0.6]];
    let y = array![[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]];
    let pairs = |f: fn(f64, f64) -> f64| Array2::from_shape_fn(p.raw_dim(), |at| f(p[at], y[at]));
    let targets = Targets::Values(y.view());
    let losses = pairs(book::binary_cross_entropy).mean_axis(Axis(1)).unwrap();
    assert_near(&BinaryCrossEntropy.losses(p.view(), targets).unwrap(), &losses);
    let dinputs = pairs(book::binary_cross_entropy_dinput) / 2.0 / 3.0;
    assert_near(&BinaryCrossEntropy.gradient(p.view(), targets).unwrap(), &dinputs);
}

#[test]
fn loss_mean_squared_and_mean_absolute_error() {
    let (y, t) = (array![[1.0, 5.0], [-2.0, 0.5]], array![[0.5, 7.0], [-2.0, 0.0]]);
    let targets = Targets::Values(t.view());
    let losses = (&t - &y).mapv(|d| d * d).mean_axis(Axis(1)).unwrap();
    assert_near(&MeanSquaredError.losses(y.view(), targets).unwrap(), &losses);
    let dinputs = -2.0 * (&t - &y) / 2.0 / 2.0;
    assert_near(&MeanSquaredError.gradient(y.view(), targets).unwrap(), &dinputs);

    let losses = (&t - &y).mapv(f64::abs).mean_axis(Axis(1)).unwrap();
    assert_near(&MeanAbsoluteError.losses(y.view(), targets).unwrap(), &losses);
}

/// new_pass, calculate and calculate_accumulated: what the batches of an epoch sum up to is the mean over all rows, and the
/// next epoch starts from nothing.
#[test]
fn loss_calculate_accumulated_and_new_pass() {
    let data = vertical(100, 3, 1).unwrap();
    let mut network = Network::<f64>::builder(2).dense(8).relu().dense(3).softmax().build().unwrap();
    let samples = Samples::new(&data, data.targets());
    let probabilities = network.outputs_for(&data).unwrap();
    let losses = book::cross_entropy(&probabilities, data.labels());
    let right = probabilities.outer_iter().zip(data.labels()).filter(|(p, y)| book::argmax(p.view()) == **y);
    let accuracy = right.count() as f64 / 300.0;

    let loss = CategoricalCrossEntropy::new();
    let score = network.evaluate(samples, &loss, Accuracy::Categorical).unwrap();
    assert_close(score.loss, losses.mean().unwrap());
    assert_close(score.accuracy, accuracy);

    // So small a rate moves nothing; the last batch has 44 rows.
    let optimizer = Arc::new(Sgd { learning_rate: 1e-300, momentum: 0.0, nesterov: false });
    let history = network.fit(samples, &Training { epochs: 2, optimizer, ..Training::default() }).unwrap();
    for EpochRecord { loss, accuracy: found, .. } in history.epochs {
        assert_close(loss, losses.mean().unwrap());
        assert_close(found, accuracy);
    }
}

// Optimisers

#[test]
fn optimizers_step_by_step() {
    /// iterations, current_learning_rate, gradient, momentum and cache of a number → what is added to it
    type Update = fn(i32, f64, f64, &mut [f64; 2]) -> f64;
    let sgd = |momentum| Sgd { learning_rate: 0.05, momentum, nesterov: false };
    let adam = Adam { learning_rate: 0.05, epsilon: 1e-7, ..Adam::default() };
    let cases: [(Arc<dyn Optimizer<f64>>, Update); 5] = [
        (Arc::new(sgd(0.0)), |_, rate, g, _| -rate * g),
        (Arc::new(sgd(0.9)), |_, rate, g, [momentum, _]| {
            *momentum = 0.9 * *momentum - rate * g;
            *momentum
        }),
        (Arc::new(AdaGrad { learning_rate: 0.05, epsilon: 1e-7 }), |_, rate, g, [_, cache]| {
            *cache += g * g;
            -rate * g / (cache.sqrt() + 1e-7)
        }),
        (Arc::new(RmsProp { learning_rate: 0.05, rho: 0.9, epsilon: 1e-7 }), |_, rate, g, [_, cache]| {
            *cache = 0.9 * *cache + (1.0 - 0.9) * g * g;
            -rate * g / (cache.sqrt() + 1e-7)
        }),
        (Arc::new(adam), |iterations, rate, g, [momentum, cache]| {
            *momentum = 0.9 * *momentum + (1.0 - 0.9) * g;
            *cache = 0.999 * *cache + (1.0 - 0.999) * g * g;
            let momentum_corrected = *momentum / (1.0 - 0.9_f64.powi(iterations + 1));
            let cache_corrected = *cache / (1.0 - 0.999_f64.powi(iterations + 1));
            -rate * momentum_corrected / (cache_corrected.sqrt() + 1e-7)
        }),
    ];
    for ((rule, update), decay) in cases.iter().flat_map(|case| [(case, 0.0), (case, 0.3)]) {
        let mut network = Network::<f64>::builder(1).dense(2).build().unwrap();
        let mut expected = Array1::from(network.parameters().to_vec());
        let mut state = [[0.0; 2]; 4];
        let mut optimizer = OptimizerState::new(rule.clone(), &network).unwrap();
        optimizer = optimizer.with_schedule(Schedule::InverseTime { decay }).unwrap();
        for iterations in 0..6 {
            let gradient = [1.0, -0.5, 1e-3, 0.0].map(|g| g * (1.0 + f64::from(iterations).cos()));
            let current_learning_rate = 0.05 * (1.0 / (1.0 + decay * f64::from(iterations)));
            for ((p, g), state) in expected.iter_mut().zip(gradient).zip(&mut state) {
                *p += update(iterations, current_learning_rate, g, state);
            }
            step(&mut network, &mut optimizer, &gradient);
            assert_near(&ArrayView1::from(network.parameters()), &expected);
        }
    }
}

// Accuracies

#[test]
fn accuracies() {
    let found = |outputs: &Array2<f64>, targets: Targets<f64>, accuracy| {
        let network = Network::builder(outputs.ncols()).activation(Linear).build().unwrap();
        network.evaluate(Samples::new(outputs, targets), &AnyTargets, accuracy).unwrap().accuracy
    };
    let outputs = array![[0.7, 0.1, 0.2], [0.5, 0.1, 0.4], [0.02, 0.9, 0.08], [0.4, 0.4, 0.2]];
    let one_hot = array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]];
    for targets in [Targets::Classes(&[0, 1, 1, 1]), Targets::Probabilities(one_hot.view())] {
        assert_close(found(&outputs, targets, Accuracy::Categorical), 0.5);
    }

    // binary=True: (output > 0.5) == y, answer by answer
    let (outputs, y) = (array![[0.9, 0.5], [0.2, 0.6]], array![[1.0, 0.0], [1.0, 0.0]]);
    let right = outputs.iter().zip(&y).filter(|(p, y)| f64::from(**p > 0.5) == **y).count();
    let binary = Accuracy::Binary { threshold: 0.5 };
    assert_close(found(&outputs, Targets::Values(y.view()), binary), right as f64 / 4.0);
    assert_close(found(&array![[0.9], [0.5], [0.2]], Targets::Classes(&[1, 0, 1]), binary), 2.0 / 3.0);

    let y = array![[1.0], [3.0], [-2.0], [0.5]];
    let precision = book::std(&y) / 250.0;
    let regression = Accuracy::regression(Targets::Values(y.view())).unwrap();
    assert!(
        matches!(regression, Accuracy::Regression { tolerance } if (tolerance - precision).abs() < 1e-15)
    );
    let outputs = &y + &array![[0.9], [-1.1], [1.1], [-0.9]] * precision;
    let right = (&outputs - &y).iter().filter(|d| d.abs() < precision).count();
    assert_eq!(right, 2);
    assert_close(found(&outputs, Targets::Values(y.view()), regression), right as f64 / 4.0);
}

// Data sets

#[test]
fn spiral_vertical_and_sine_data() {
    for (data, name) in [(spiral(100, 3, 0).unwrap(), "spiral"), (vertical(100, 3, 0).unwrap(), "vertical")] {
        assert_eq!((data.name(), data.len(), data.width()), (name, 300, 2));
        assert!(data.labels().iter().enumerate().all(|(row, &label)| label == row / 100));
    }
    let (x, y) = sine::<f64>(1000).unwrap();
    let expected = Array2::from_shape_fn((1000, 1), |(i, _)| i as f64 / 1000.0);
    assert_eq!(x, expected);
    assert_near(&y, &expected.mapv(|x| (2.0 * std::f64::consts::PI * x).sin()));
}

// Models

/// The categorical model of the chapters on dropout and on the model object, with validation data, to its file and back.
#[test]
fn categorical_model_with_dropout_on_spiral_data() {
    let (train, validation) = (spiral(1000, 3, 0).unwrap(), spiral(100, 3, 1).unwrap());
    let l2 = PenaltySpec { l1: 0.0, l2: 5e-4 };
    let dense =
        LayerSpec::Dense { outputs: 256, bias: true, weight_penalty: l2, bias_penalty: l2, max_norm: None };
    let hidden = [dense, LayerSpec::Relu, LayerSpec::Dropout { rate: 0.1, seed: 0 }];
    let mut model = Classifier::<f32>::builder(2, 3).hidden_layers(hidden).build().unwrap();
    let training = Training {
        epochs: 60,
        batch_size: 100,
        optimizer: Arc::new(Adam { learning_rate: 0.02, epsilon: 1e-7, ..Adam::default() }),
        schedule: Schedule::InverseTime { decay: 5e-5 },
        ..Training::default()
    };
    let validation = Samples::new(&validation, validation.targets());
    let (mut steps, mut epochs) = (0, 0);
    let history = model.fit_with(
        Samples::new(&train, train.targets()),
        Some(validation),
        &training,
        &mut |news: Progress| {
            match news {
                Progress::Batch(record) => {
                    assert_eq!(record.batches, 30);
                    steps += 1;
                }
                _ => epochs += 1,
            }
            ControlFlow::Continue(())
        },
    );
    let last = *history.unwrap().epochs.last().unwrap();
    assert_eq!((steps, epochs), (60 * 30, 60));
    assert!(model.network().penalty() > 0.0);

    let evaluation = model.evaluate(validation).unwrap();
    assert_eq!(last.validation_accuracy, Some(evaluation.accuracy));
    assert!((last.validation_loss.unwrap() - evaluation.loss).abs() < 1e-6);
    // The arms of two classes lie closer than two deviations of their noise.
    assert!(evaluation.accuracy > 0.72, "{evaluation:?}");

    // predict gives confidences, and output_layer_activation.predictions the classes.
    let confidences = model.predict_proba(validation.rows).unwrap();
    let classes = model.predict(validation.rows).unwrap();
    for (confidences, class) in confidences.outer_iter().zip(classes) {
        assert_eq!(book::argmax(confidences.mapv(f64::from).view()), class);
    }

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("spiral.safetensors");
    model.save(&path).unwrap();
    let loaded = Classifier::<f32>::load(&path).unwrap();
    assert_eq!(loaded.architecture(), model.architecture());
    assert_eq!(loaded.predict_proba(validation.rows).unwrap(), confidences);
}

/// The model of binary logistic regression: 64 neurons, one answer.
#[test]
fn binary_model_on_spiral_data() {
    let (train, validation) = (spiral(100, 2, 0).unwrap(), spiral(100, 2, 1).unwrap());
    let l2 = Penalty { l1: 0.0, l2: 5e-4 };
    let none = Penalty::NONE;
    let builder = Network::<f32>::builder(2).weight_penalty(l2).bias_penalty(l2).dense(64).relu();
    let builder = builder.weight_penalty(none).bias_penalty(none).dense(1).activation(Sigmoid);
    let mut network = builder.build().unwrap();
    let training = Training {
        epochs: 1000,
        batch_size: train.len(),
        loss: Arc::new(BinaryCrossEntropy),
        accuracy: Accuracy::Binary { threshold: 0.5 },
        optimizer: Arc::new(Adam { learning_rate: 0.03, epsilon: 1e-7, ..Adam::default() }),
        schedule: Schedule::InverseTime { decay: 5e-7 },
        ..Training::default()
    };
    let history = network.fit(Samples::new(&train, train.targets()), &training).unwrap();
    let last = history.epochs.last().unwrap();
    assert!(last.accuracy > 0.95, "{last}");
    let validation = Samples::new(&validation, validation.targets());
    let score = network.evaluate(validation, &BinaryCrossEntropy, training.accuracy).unwrap();
    assert!(score.accuracy > 0.9, "{score:?}");
}

/// The regression model: 64 and 64 neurons, one value.
#[test]
fn regression_model_on_sine_data() {
    let (x, y) = sine::<f32>(1000).unwrap();
    let targets = Targets::Values(y.view());
    let builder = Network::<f32>::builder(1).dense(64).relu().dense(64).relu().dense(1).activation(Linear);
    let mut network = builder.build().unwrap();
    let training = Training {
        epochs: 500,
        batch_size: 100,
        loss: Arc::new(MeanSquaredError),
        accuracy: Accuracy::regression(targets).unwrap(),
        optimizer: Arc::new(Adam { learning_rate: 0.005, epsilon: 1e-7, ..Adam::default() }),
        schedule: Schedule::InverseTime { decay: 1e-3 },
        ..Training::default()
    };
    network.fit(Samples::new(&x, targets), &training).unwrap();
    let score = network.evaluate(Samples::new(&x, targets), &MeanSquaredError, training.accuracy).unwrap();
    // An answer is right within 0.003.
    assert!(score.loss < 1e-4 && score.accuracy > 0.3, "{score:?}");
}

/// The Fashion-MNIST chapters' preparation and training, on the digits: from -1 to 1, batches, an order for every epoch.
#[test]
fn image_model_with_scaling_and_batches() {
    let book = Scaling::new(127.5, 1.0 / 127.5).unwrap();
    for pixel in [0.0, 1.0, 200.0, 255.0] {
        assert_close(book.apply(0, pixel), (pixel - 127.5) / 127.5);
    }
    let (train, test) = chainrule::data::digits().split(0.2, 0).unwrap();
    let builder = Classifier::<f32>::builder(train.width(), 10).hidden(&[64, 64]);
    let mut model = builder.scaling(&Scaling::new(8.0, 1.0 / 8.0).unwrap()).build().unwrap();
    let training = Training {
        optimizer: Arc::new(Adam { learning_rate: 0.005, epsilon: 1e-7, ..Adam::default() }),
        schedule: Schedule::InverseTime { decay: 1e-3 },
        ..Training::default()
    };
    model.fit(Samples::new(&train, train.targets()), &training).unwrap();
    let evaluation = model.evaluate(Samples::new(&test, test.targets())).unwrap();
    assert!(evaluation.accuracy > 0.93, "{evaluation:?}");
}

/// forward, backward and the optimiser by hand are what fit does.
#[test]
fn model_forward_and_backward() {
    let data = spiral(50, 3, 0).unwrap();
    let build =
        || Network::<f64>::builder(2).dense(8).relu().dropout(0.2).dense(3).softmax().build().unwrap();
    let loss = CategoricalCrossEntropy::new();
    let (mut by_hand, mut by_fit) = (build(), build());

    let mut x = Array2::zeros((150, 2));
    let mut gathered = OwnedTargets::with_capacity(data.targets(), 150);
    let mut optimizer = OptimizerState::new(Adam::default(), &by_hand).unwrap();
    let mut tape = by_hand.tape(150);
    for epoch in 0..3 {
        let mut order: Vec<usize> = (0..150).collect();
        chainrule::core::Random::new(0, chainrule::core::Purpose::Shuffle, epoch).shuffle(&mut order);
        data.gather(&order, x.view_mut()).unwrap();
        let pass = by_hand.forward_training(x.view(), optimizer.steps(), &mut tape).unwrap();
        let (_, gradient) = pass.backward(&loss, gathered.gather(data.targets(), &order)).unwrap();
        optimizer.step(by_hand.parameters_mut(), gradient).unwrap();
    }

    let training = Training { epochs: 3, batch_size: 150, ..Training::default() };
    by_fit.fit(Samples::new(&data, data.targets()), &training).unwrap();
    assert_eq!(by_hand.parameters(), by_fit.parameters());
}

#[test]
fn model_parameters_get_set_save_load() {
    let build = |seed| Network::<f64>::builder(2).seed(seed).dense(4).relu().dense(3).build().unwrap();
    let (trained, mut other) = (build(1), build(2));
    let x = array![[0.3, -0.7], [1.0, 2.0]];
    let output = trained.outputs_for(&x).unwrap();
    assert_ne!(other.outputs_for(&x).unwrap(), output);
    other.parameters_mut().copy_from_slice(trained.parameters());
    assert_eq!(other.outputs_for(&x).unwrap(), output);

    // Weights of the second dense layer, (4, 3), then its biases.
    let layer = &trained.parameters()[trained.parameter_range(2)];
    let weights = ArrayView2::from_shape((4, 3), &layer[..12]).unwrap();
    let hidden = Network::<f64>::builder(2).seed(1).dense(4).relu().build().unwrap().outputs_for(&x).unwrap();
    assert_near(&output, &(hidden.dot(&weights) + ArrayView1::from(&layer[12..])));

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("parameters.safetensors");
    trained.save_parameters(&path).unwrap();
    let mut another = build(3);
    another.load_parameters(&path).unwrap();
    assert_eq!(another.parameters(), trained.parameters());
}

// Unsafe in the book

/// The loss clips a probability of 0, the book's gradient does not.
#[test]
fn unsafe_gradient_of_a_probability_of_zero() {
    let (p, y) = (array![[0.0, 1.0]], array![[1.0, 0.0]]);
    let dvalues = book::cross_entropy_dinputs(&p, &y);
    assert_eq!(dvalues[[0, 0]], f64::NEG_INFINITY);
    assert!(book::cross_entropy(&p, &[0])[0].is_finite());
    assert!(book::softmax_dinputs(p.row(0), dvalues.row(0)).iter().all(|d| d.is_nan()));
    // And where neither the answer nor its target is: -0 / 0.
    assert!(book::cross_entropy_dinputs(&array![[0.0, 1.0]], &array![[0.0, 1.0]])[[0, 0]].is_nan());

    let loss = CategoricalCrossEntropy::new();
    let dvalues = loss.gradient(p.view(), Targets::Probabilities(y.view())).unwrap();
    // -1 divided by no less than 2⁻⁹⁹⁶.
    assert_eq!(dvalues, array![[-(2.0_f64.powi(996)), 0.0]]);
    // In a network whose softmax gives 0 and 1.
    for gradient in PATHS {
        let mut network = Network::<f64>::builder(2).dense(2).softmax_by(gradient).build().unwrap();
        network.parameters_mut().copy_from_slice(&[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        let mut tape = network.tape(1);
        let pass = network.forward(array![[0.0, 2000.0]].view(), &mut tape).unwrap();
        assert_eq!(pass.output(), p);
        let (loss, gradient) = pass.backward(&loss, Targets::Classes(&[0])).unwrap();
        assert!(loss.is_finite() && gradient.iter().all(|g| g.is_finite()), "{loss} {gradient:?}");
    }
    // Both as one are exact: ŷ - y.
    let dlogits = SoftmaxCrossEntropy::new().gradient(array![[0.0, 2000.0]].view(), Targets::Classes(&[0]));
    assert_eq!(dlogits.unwrap(), array![[-1.0, 1.0]]);
}

/// Soft labels: the book's joint gradient makes them hard, and its loss is the logarithm of a mean, not the mean logarithm.
#[test]
fn unsafe_soft_labels() {
    let (logits, y) = (array![[0.3, -1.2, 2.0]], array![[0.5, 0.2, 0.3]]);
    let p = book::softmax(logits.row(0)).insert_axis(Axis(0));
    let hard = array![[1.0, 0.0, 0.0]];
    assert_near(&book::softmax_cross_entropy_dinputs(&p, &y), &(&p - &hard));

    let targets = Targets::Probabilities(y.view());
    let joint = SoftmaxCrossEntropy::new();
    let dlogits = joint.gradient(logits.view(), targets).unwrap();
    assert_near(&dlogits, &(&p - &y));
    // -Σ y log ŷ, by differences of which the gradient is right, too.
    let cross_entropy = |logits: &Array2<f64>| -(&y * book::softmax(logits.row(0)).mapv(f64::ln)).sum();
    for class in 0..3 {
        let at = |step: f64| {
            let mut moved = logits.clone();
            moved[[0, class]] += step;
            cross_entropy(&moved)
        };
        let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!((slope - dlogits[[0, class]]).abs() < 1e-9, "{class}: {slope}");
    }

    let of_the_book = book::cross_entropy_of_rows(&p, &y)[0];
    assert!(cross_entropy(&logits) - of_the_book > 0.5, "{of_the_book}");
    let separate = CategoricalCrossEntropy::new().mean(p.view(), targets).unwrap();
    assert_close(separate, cross_entropy(&logits));
    assert_close(joint.mean(logits.view(), targets).unwrap(), cross_entropy(&logits));
}

/// -1 is the last class in Python.
#[test]
fn unsafe_negative_labels() {
    let p = array![[0.7, 0.1, 0.2]];
    let label = -1_isize;
    assert_close(book::cross_entropy(&p, &[book::wrap(label, 3)])[0], -0.2_f64.ln());

    // A negative number is no label here; forced into one, it is out of range.
    assert!(usize::try_from(label).is_err());
    for label in [label as usize, 3] {
        let error = CategoricalCrossEntropy::new().mean(p.view(), Targets::Classes(&[label])).unwrap_err();
        assert!(
            matches!(error, Error::LabelOutOfRange { row: 0, label: l, classes: 3 } if l == label),
            "{error}"
        );
    }
}

/// Labels as one column are rows of targets to the book, whose argmax is always 0.
#[test]
fn unsafe_column_of_labels() {
    let (p, column) = (array![[0.7, 0.1, 0.2], [0.1, 0.5, 0.4]], array![[2.0], [1.0]]);
    let as_class_0 = array![[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]];
    let found = book::softmax_cross_entropy_dinputs(&p, &column);
    assert_eq!(found, book::softmax_cross_entropy_dinputs(&p, &as_class_0));

    let error =
        SoftmaxCrossEntropy::new().gradient(p.view(), Targets::Probabilities(column.view())).unwrap_err();
    assert!(matches!(error, Error::Width { place: "targets", expected: 3, found: 1 }), "{error}");
    let error = SoftmaxCrossEntropy::new().gradient(p.view(), Targets::Values(column.view())).unwrap_err();
    assert!(matches!(error, Error::TargetKind { .. }), "{error}");
}

/// Labels as one row, (N), beside outputs (N, 1): numpy compares every output with every label.
#[test]
fn unsafe_broadcast_of_labels() {
    let (predictions, y) = (array![[1.0], [0.0], [1.0]], array![[1.0, 0.0, 1.0]]);
    let compared = |prediction: f64, y: f64| f64::from(prediction == y);
    let all_pairs = Array2::from_shape_fn((3, 3), |(i, j)| compared(predictions[[i, 0]], y[[0, j]]));
    // All are right, and count as 5 of 9.
    assert_close(all_pairs.mean().unwrap(), 5.0 / 9.0);
    let loss =
        Array2::from_shape_fn((3, 3), |(i, j)| book::binary_cross_entropy(predictions[[i, 0]], y[[0, j]]));
    assert!(loss.mean().unwrap() > 7.0, "{loss}");

    let network = Network::<f64>::builder(1).activation(Linear).build().unwrap();
    let binary = Accuracy::Binary { threshold: 0.5 };
    let evaluate =
        |targets| network.evaluate(Samples::new(&predictions, targets), &BinaryCrossEntropy, binary);
    let error = evaluate(Targets::Values(y.view())).unwrap_err();
    assert!(matches!(error, Error::RowCount { place: "targets", expected: 3, found: 1 }), "{error}");
    for targets in [Targets::Values(y.t()), Targets::Classes(&[1, 0, 1])] {
        let score = evaluate(targets).unwrap();
        assert_eq!(score.accuracy, 1.0);
        assert!(score.loss < 1e-6, "{score:?}");
    }
}

/// The mean of nothing, and a count of rows where the sum is one of outputs.
#[test]
fn unsafe_means() {
    let (sum, count) = (0.0_f64, 0.0);
    assert!((sum / count).is_nan());
    let none = Array2::<f64>::zeros((0, 2));
    let error = CategoricalCrossEntropy::new().mean(none.view(), Targets::Classes(&[])).unwrap_err();
    assert!(matches!(error, Error::Empty { place: "outputs" }), "{error}");
    let network = Network::<f64>::builder(2).activation(Linear).build().unwrap();
    let samples = Samples::new(&none, Targets::Values(none.view()));
    let error = network.evaluate(samples, &MeanSquaredError, Accuracy::Categorical).unwrap_err();
    assert!(matches!(error, Error::Empty { .. }), "{error}");

    let y = array![[1.0, 0.0], [0.0, 1.0]];
    let (accumulated_sum, accumulated_count) = (y.iter().filter(|&y| *y == *y).count(), y.nrows());
    assert_eq!(accumulated_sum as f64 / accumulated_count as f64, 2.0);
    let samples = Samples::new(&y, Targets::Values(y.view()));
    for accuracy in [Accuracy::Binary { threshold: 0.5 }, Accuracy::Regression { tolerance: 0.1 }] {
        assert_eq!(network.evaluate(samples, &MeanSquaredError, accuracy).unwrap().accuracy, 1.0);
    }
}

/// d|t - y| / dy is sign(y - t); the book has sign(t - y), with which a step goes up.
#[test]
fn unsafe_sign_of_the_absolute_error() {
    let (y, t) = (array![[1.0, 5.0], [-2.0, 0.5]], array![[0.5, 7.0], [-2.0, 0.0]]);
    let error_at = |y: &Array2<f64>| (&t - y).mapv(f64::abs).mean().unwrap();
    let sign = |d: f64| if d == 0.0 { 0.0 } else { d.signum() };
    let of_the_book = (&t - &y).mapv(sign) / 2.0 / 2.0;
    let found = MeanAbsoluteError.gradient(y.view(), Targets::Values(t.view())).unwrap();
    assert_eq!(found, -&of_the_book);
    assert!(error_at(&(&y - 0.1 * of_the_book)) > error_at(&y));
    assert!(error_at(&(&y - 0.1 * found)) < error_at(&y));
}

/// A sigmoid that rounds to 1 has the derivative 0 in the book, so a certain wrong answer is never unlearnt.
#[test]
fn unsafe_saturated_sigmoid() {
    let (logit, y) = (40.0_f64, 0.0);
    let p = 1.0 / (1.0 + (-logit).exp());
    assert_eq!(p, 1.0);
    assert_eq!(book::binary_cross_entropy_dinput(p, y) * (1.0 - p) * p, 0.0);

    let mut network = Network::<f64>::builder(1).dense(1).activation(Sigmoid).build().unwrap();
    network.parameters_mut().copy_from_slice(&[1.0, 0.0]);
    let mut tape = network.tape(1);
    let pass = network.forward(array![[logit]].view(), &mut tape).unwrap();
    let (loss, gradient) = pass.backward(&BinaryCrossEntropy, Targets::Classes(&[0])).unwrap();
    assert_close(loss, logit);
    assert_near(&ArrayView1::from(&*gradient), &array![logit, 1.0]);
}

/// Targets that are all the same have the precision 0, within which nothing is right.
#[test]
fn unsafe_precision_of_constant_targets() {
    let y = array![[2.0], [2.0]];
    let precision = book::std(&y) / 250.0;
    let right = (&y - &y).iter().filter(|d| d.abs() < precision).count();
    assert_eq!(right, 0);

    let error = Accuracy::regression(Targets::Values(y.view())).unwrap_err();
    assert!(matches!(error, Error::Setting { value: 0.0, .. }), "{error}");
}

/// Moments live in the book's layers: SGD takes Adam's mean gradient for its own velocity, and goes up.
#[test]
fn unsafe_moments_of_another_optimizer() {
    let g = 2.0;
    let weight_momentums = (0..3).fold(0.0, |m, _| 0.9 * m + (1.0 - 0.9) * g);
    assert!(0.9 * weight_momentums - 0.1 * g > 0.2);

    let mut network = Network::<f64>::builder(1).dense_without_bias(1).build().unwrap();
    let mut adam = OptimizerState::new(Adam::default(), &network).unwrap();
    (0..3).for_each(|_| step(&mut network, &mut adam, &[g]));
    let before = network.parameters()[0];
    let sgd = Sgd { learning_rate: 0.1, momentum: 0.9, nesterov: false };
    let mut sgd = OptimizerState::new(sgd, &network).unwrap();
    step(&mut network, &mut sgd, &[g]);
    assert_close(network.parameters()[0] - before, -0.1 * g);
}

/// To drop everything divides by 0.
#[test]
fn unsafe_dropout_rate_of_one() {
    let rate = 1.0;
    assert!((0.0_f64 / (1.0 - rate)).is_nan());
    for rate in [rate, 1.5, -0.1, f64::NAN] {
        let error = Network::<f64>::builder(2).dropout(rate).build().unwrap_err();
        assert!(matches!(error, Error::Setting { name: "dropout rate", .. }), "{error}");
    }
}

/// Nothing in the book looks for NaN: it trains on, and so does every parameter.
#[test]
fn unsafe_not_a_number() {
    let (weight, x, t) = (0.5_f64, f64::NAN, 1.0);
    assert!((weight - 0.1 * -2.0 * (t - weight * x) * x).is_nan());

    let build = || Network::<f64>::builder(1).dense(1).build().unwrap();
    let training = |epochs| Training {
        epochs,
        loss: Arc::new(MeanSquaredError),
        accuracy: Accuracy::Regression { tolerance: 0.1 },
        optimizer: Arc::new(Sgd { learning_rate: 10.0, ..Sgd::default() }),
        ..Training::default()
    };
    let targets = array![[t], [t]];
    let targets = Targets::Values(targets.view());
    let error = build().fit(Samples::new(&array![[1.0], [x]], targets), &training(1)).unwrap_err();
    assert!(matches!(error, Error::NotFinite { place: "inputs", row: 1, column: 0, .. }), "{error}");
    let not_finite = array![[t], [x]];
    let not_finite = Targets::Values(not_finite.view());
    let error = build().fit(Samples::new(&array![[1.0], [3.0]], not_finite), &training(1)).unwrap_err();
    assert!(matches!(error, Error::TargetValue { row: 1, column: 0, .. }), "{error}");

    let mut diverged = build();
    let inputs = array![[1.0], [3.0]];
    let samples = Samples::new(&inputs, targets);
    let error = diverged.fit(samples, &training(2000)).unwrap_err();
    let Error::Diverged { epoch, .. } = error else { panic!("{error}") };
    let mut before = build();
    before.fit(samples, &training(epoch - 1)).unwrap();
    assert_eq!(diverged.parameters(), before.parameters());
}

/// set_parameters pairs layers with what it is given, and stops where either ends; load_parameters and load unpickle.
#[test]
fn unsafe_parameters_of_another_model() {
    let (layers, given) = (["first", "second"], ["first"]);
    assert_eq!(layers.iter().zip(given).count(), 1);

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("parameters.safetensors");
    let mut network = Network::<f64>::builder(2).dense(4).relu().dense(3).build().unwrap();
    let before = network.parameters().to_vec();
    Network::<f64>::builder(2).dense(4).build().unwrap().save_parameters(&path).unwrap();
    assert!(matches!(network.load_parameters(&path), Err(ModelFileError::Tensors { .. })));
    Network::<f64>::builder(2).dense(5).relu().dense(3).build().unwrap().save_parameters(&path).unwrap();
    assert!(matches!(network.load_parameters(&path), Err(ModelFileError::Tensor { .. })));

    // A pickle that would run a command when it is read.
    std::fs::write(&path, b"cos\nsystem\n(S'false'\ntR.").unwrap();
    assert!(matches!(network.load_parameters(&path), Err(ModelFileError::NotSafetensors { .. })));
    assert!(matches!(Classifier::<f64>::load(&path), Err(ModelFileError::NotSafetensors { .. })));
    assert_eq!(network.parameters(), before);
}

/// get_parameters and set_parameters hand arrays on, not copies: a step of one model is a step of the other, too.
#[test]
fn unsafe_shared_parameters() {
    let of_one_model = Rc::new(RefCell::new(array![1.0, 2.0]));
    let of_another = Rc::clone(&of_one_model);
    *of_another.borrow_mut() += 1.0;
    assert_eq!(*of_one_model.borrow(), array![2.0, 3.0]);

    // Here they are a slice, which the compiler does not let live on over a step, and setting copies.
    let build = |seed| Network::<f64>::builder(1).seed(seed).dense_without_bias(2).build().unwrap();
    let (one, mut other) = (build(1), build(2));
    let before = one.parameters().to_vec();
    other.parameters_mut().copy_from_slice(one.parameters());
    let mut optimizer = OptimizerState::new(Sgd::default(), &other).unwrap();
    step(&mut other, &mut optimizer, &[1.0, 1.0]);
    assert_eq!(one.parameters(), before);
    assert_ne!(other.parameters(), before);
}

/// The book cuts the same batches every epoch; rows that come class after class make batches of one class.
#[test]
fn unsafe_batches_in_the_order_of_the_rows() {
    let data = spiral(16, 2, 0).unwrap();
    let of_the_book: Vec<usize> = (0..32).collect();
    assert!(of_the_book.chunks(8).all(|batch| batch.iter().all(|&row| row / 16 == batch[0] / 16)));

    let rows = Watched { rows: &data, seen: Mutex::default() };
    let mut network = Network::<f64>::builder(2).dense(2).softmax().build().unwrap();
    let training = Training { epochs: 2, batch_size: 8, threads: 1, ..Training::default() };
    network.fit(Samples::new(&rows, data.targets()), &training).unwrap();
    let seen = rows.seen.into_inner().unwrap();
    let (first, second) = seen.split_at(32);
    assert_ne!(first, second);
    for epoch in [first, second] {
        assert!(epoch.chunks(8).any(|batch| batch.iter().any(|&row| row / 16 != batch[0] / 16)));
        let mut sorted = epoch.to_vec();
        sorted.sort();
        assert_eq!(sorted, of_the_book);
    }
}

/// Rows that write down which of them were asked for.
struct Watched<'a> {
    rows: &'a DataSet,
    seen: Mutex<Vec<usize>>,
}

impl Rows<f64> for Watched<'_> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn width(&self) -> usize {
        self.rows.width()
    }

    fn gather(&self, indices: &[usize], tile: ArrayViewMut2<f64>) -> Result<(), Error> {
        self.seen.lock().unwrap().extend(indices);
        self.rows.gather(indices, tile)
    }

    fn check_finite(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// A loss that takes any targets: only the accuracy beside it is looked at.
#[derive(Debug)]
struct AnyTargets;

impl Loss<f64> for AnyTargets {
    fn name(&self) -> &'static str {
        "any targets"
    }

    fn check(&self, _width: usize, _targets: Targets<f64>) -> Result<(), Error> {
        Ok(())
    }

    fn forward(&self, _y: ArrayView2<f64>, _targets: Targets<f64>, mut losses: ndarray::ArrayViewMut1<f64>) {
        losses.fill(0.0);
    }

    fn backward(&self, _y: ArrayView2<f64>, _targets: Targets<f64>, _scale: f64, mut dy: ArrayViewMut2<f64>) {
        dy.fill(0.0);
    }
}

/// One step with a gradient of one's own.
fn step(network: &mut Network<f64>, optimizer: &mut OptimizerState<f64>, values: &[f64]) {
    let (x, t) = (Array2::zeros((1, network.inputs())), Array2::zeros((1, network.outputs())));
    let mut tape = network.tape(1);
    let pass = network.forward(x.view(), &mut tape).unwrap();
    let (_, mut gradient) = pass.backward(&MeanSquaredError, Targets::Values(t.view())).unwrap();
    gradient.copy_from_slice(values);
    optimizer.step(network.parameters_mut(), gradient).unwrap();
}

#[track_caller]
fn assert_close(found: f64, expected: f64) {
    let error = (found - expected).abs();
    assert!(error <= 1e-13 * expected.abs().max(1.0), "found {found}, expected {expected}");
}

#[track_caller]
fn assert_near<D: Dimension>(found: &ArrayRef<f64, D>, expected: &ArrayRef<f64, D>) {
    assert_eq!(found.shape(), expected.shape());
    for (&found, &expected) in found.iter().zip(expected) {
        assert_close(found, expected);
    }
}
