//! What goes wrong in the book without a word, in both its behaviours.

use super::{PATHS, assert_close, assert_near, book, step};
use chainrule::data::spiral;
use chainrule::models::{
    Accuracy, BinaryCrossEntropy, Linear, MeanAbsoluteError, MeanSquaredError, ModelFileError, Sigmoid,
};
use chainrule::prelude::*;
use ndarray::{Array2, ArrayView1, ArrayViewMut2, Axis, array};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

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
        let Error::Layer { layer: 0, source, .. } = error else { panic!("{error}") };
        assert!(matches!(*source, Error::Setting { name: "dropout rate", .. }), "{source}");
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
