//! The book's trainings, and what its model object does.

use super::{assert_close, assert_near, book};
use chainrule::core::{OwnedTargets, Penalty};
use chainrule::data::{sine, spiral};
use chainrule::models::{
    Accuracy, BinaryCrossEntropy, LayerSpec, Linear, MeanSquaredError, PenaltySpec, Progress, Schedule,
    Sigmoid,
};
use chainrule::prelude::*;
use ndarray::{Array2, ArrayView1, ArrayView2, array};
use std::ops::ControlFlow;
use std::sync::Arc;

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
