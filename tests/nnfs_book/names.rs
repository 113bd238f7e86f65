//! The book's layers, activations, losses, optimisers, accuracies and data, name by name.

use super::{PATHS, assert_close, assert_near, book, step};
use chainrule::core::{Draw, Kept, Penalty};
use chainrule::data::{sine, spiral, vertical};
use chainrule::models::{
    Accuracy, AdaGrad, BinaryCrossEntropy, Dropout, EpochRecord, Initializer, Linear, MeanAbsoluteError,
    MeanSquaredError, RmsProp, Schedule, Sigmoid,
};
use chainrule::prelude::*;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, array};
use std::sync::Arc;

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

    fn forward(&self, _y: ArrayView2<f64>, _targets: Targets<f64>, mut losses: ArrayViewMut1<f64>) {
        losses.fill(0.0);
    }

    fn backward(&self, _y: ArrayView2<f64>, _targets: Targets<f64>, _scale: f64, mut dy: ArrayViewMut2<f64>) {
        dy.fill(0.0);
    }
}
