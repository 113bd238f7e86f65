//! What a caller can get wrong, one line each: a typed error that says what was expected and what was found.

use chainrule_core::{Error, Loss, Targets};
use chainrule_models::{
    Accuracy, Adam, Batch, CategoricalCrossEntropy, Classifier, Focal, GradientPath, Initializer, LogSoftmax,
    NegativeLogLikelihood, Network, OptimizerState, Samples, Sgd, Sigmoid, SoftmaxCrossEntropy, SoftmaxFocal,
    Summed, Training,
};
use ndarray::{Array2, array};
use std::sync::Arc;

#[track_caller]
fn assert_error<T: std::fmt::Debug>(result: Result<T, Error>, message: &str) {
    assert_eq!(result.expect_err(message).to_string(), message);
}

fn classifier() -> Classifier<f32> {
    Classifier::builder(2, 3).hidden(&[4]).build().unwrap()
}

#[test]
fn networks_that_cannot_be() {
    let builder = Network::<f32>::builder;
    assert_error(builder(3).build(), "network: there are no layers, expected at least one");
    assert_error(
        builder(3).dense(4).relu().dense(0).build(),
        "network: layer 2 (dense) is 4 wide in and 0 out, expected at least 1",
    );
    assert_error(
        builder(0).dense(4).build(),
        "network: layer 0 (dense) is 0 wide in and 4 out, expected at least 1",
    );
    let dense = chainrule_models::Dense::new(5, 2, Initializer::He);
    assert_error(
        builder(3).dense(4).layer(dense).build(),
        "network: layer 1 (dense) takes 5 columns, expected 4 from the layer before",
    );
    for (inputs, outputs) in [(usize::MAX, 2), (1 << 40, 1 << 40), (1 << 33, 1 << 33)] {
        let message = "network: layer 0 (dense) has more parameters than this machine can hold";
        assert_error(builder(inputs).dense(outputs).build(), message);
    }
    assert_error(
        builder(usize::MAX).relu().build(),
        "network: layer 0 (relu) has more parameters than this machine can hold",
    );
    let deviation = Initializer::Normal { deviation: -1.0 };
    assert_error(
        builder(3).initializer(deviation).dense(4).build(),
        "network: layer 0 (dense): initializer deviation is -1, expected a finite number, at least 0",
    );
}

#[test]
fn classifiers_that_cannot_be() {
    let builder = || Classifier::<f32>::builder(2, 3);
    assert_error(
        builder().hidden(&[4, 0]).build(),
        "network: layer 2 (dense) is 4 wide in and 0 out, expected at least 1",
    );
    assert_error(
        builder().class_names(["a", "b"]).build(),
        "class names: expected 3, one for each class, found 2",
    );
    assert_error(
        builder().class_names(["a", "b", "a"]).build(),
        "class names: classes 0 and 2 are both named \"a\", expected a name of its own for each",
    );
    assert_error(
        builder().class_names(["a", "", "b"]).build(),
        "class names: the name of class 1 is empty, expected at least one character",
    );
}

#[test]
fn settings_out_of_range() {
    let x = array![[1.0_f32, 2.0]];
    let samples = Samples::new(&x, Targets::Classes(&[0]));
    let fit = |training: Training<f32>| classifier().fit(samples, &training);
    let adam = |adam: Adam| fit(Training { optimizer: Arc::new(adam), ..Training::default() });
    let sgd = |sgd: Sgd| fit(Training { optimizer: Arc::new(sgd), ..Training::default() });
    assert_error(fit(Training { epochs: 0, ..Training::default() }), "epochs is 0, expected at least 1");
    assert_error(
        fit(Training { batch_size: 0, ..Training::default() }),
        "batch_size is 0, expected at least 1",
    );
    let positive = "expected a finite number above 0";
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_error(
            adam(Adam { learning_rate: rate, ..Adam::default() }),
            &format!("learning_rate is {rate}, {positive}"),
        );
        assert_error(
            sgd(Sgd { learning_rate: rate, ..Sgd::default() }),
            &format!("learning_rate is {rate}, {positive}"),
        );
    }
    let below_one = "expected at least 0 and below 1";
    assert_error(adam(Adam { beta1: 1.0, ..Adam::default() }), &format!("beta1 is 1, {below_one}"));
    assert_error(adam(Adam { beta2: -0.1, ..Adam::default() }), &format!("beta2 is -0.1, {below_one}"));
    assert_error(sgd(Sgd { momentum: 1.5, ..Sgd::default() }), &format!("momentum is 1.5, {below_one}"));
    assert_error(adam(Adam { epsilon: 0.0, ..Adam::default() }), &format!("epsilon is 0, {positive}"));
    let not_negative = "expected a finite number, at least 0";
    assert_error(
        adam(Adam { weight_decay: -1.0, ..Adam::default() }),
        &format!("weight_decay is -1, {not_negative}"),
    );
}

/// Every way in checks its samples alike.
#[test]
fn samples_that_do_not_fit() {
    let good = array![[1.0_f32, 2.0], [3.0, 4.0]];
    let (wide, empty) = (Array2::<f32>::zeros((2, 5)), Array2::<f32>::zeros((0, 2)));
    let (nan, infinite) = (array![[1.0_f32, f32::NAN]], array![[1.0_f32, 2.0], [f32::INFINITY, 0.0]]);
    let (short, off, negative) =
        (array![[0.3_f32, 0.3, 0.3]], array![[1.0_f32, 0.0]], array![[1.5_f32, -0.5, 0.0]]);
    let no_labels: [usize; 0] = [];
    let cases: Vec<(&Array2<f32>, Targets<f32>, &str)> = vec![
        (&wide, Targets::Classes(&[0, 1]), "inputs: expected 2 columns, found 5"),
        (&empty, Targets::Classes(&no_labels), "inputs: there are no rows, expected at least one"),
        (&nan, Targets::Classes(&[0]), "inputs: row 0, column 1 holds NaN, expected a finite number"),
        (&infinite, Targets::Classes(&[0, 1]), "inputs: row 1, column 0 holds inf, expected a finite number"),
        (&good, Targets::Classes(&[0]), "targets: expected 2 rows, found 1"),
        (&good, Targets::Classes(&[0, 3]), "targets: the label of row 1 is 3, expected 0 to 2"),
    ];
    for (x, targets, message) in cases {
        let samples = Samples::new(x, targets);
        let (mut model, good_samples) = (classifier(), Samples::new(&good, Targets::Classes(&[0, 1])));
        assert_error(model.fit(samples, &Training::default()), message);
        assert_error(model.evaluate(samples), message);
        assert_error(model.fit_with(good_samples, Some(samples), &Training::default(), &mut ()), message);
        if !message.starts_with("targets") {
            assert_error(model.predict(x), message);
            assert_error(model.predict_proba(x), message);
        }
        let network = model.network();
        let mut tape = network.tape(2);
        let route = network.forward(x.view(), &mut tape);
        assert_error(
            route.and_then(|pass| pass.backward(&CategoricalCrossEntropy::new(), targets).map(|_| ())),
            message,
        );
    }
    let one = array![[1.0_f32, 2.0]];
    for (targets, message) in [
        (&short, "targets: the probabilities of row 0 sum to 0.9000000357627869, expected 1"),
        (&off, "targets: expected 3 columns, found 2"),
        (&negative, "targets: row 0 gives class 0 the probability 1.5, expected 0 to 1"),
    ] {
        let samples = Samples::new(&one, Targets::Probabilities(targets.view()));
        assert_error(classifier().fit(samples, &Training::default()), message);
    }
}

#[test]
fn buffers_of_another_network() {
    let mut network = Network::<f64>::builder(2).dense(3).softmax().build().unwrap();
    let other = Network::<f64>::builder(2).dense(4).relu().dense(3).softmax().build().unwrap();
    let (x, targets) = (Array2::<f64>::zeros((2, 2)), Targets::Classes(&[0, 1]));
    let widths = "it was made for layer widths [2, 4, 4, 3, 3], expected [2, 3, 3]";
    assert_error(network.forward(x.view(), &mut other.tape(2)).map(|_| ()), &format!("tape: {widths}"));
    assert_error(network.predict(&x, &[0], &mut other.scratch(2)).map(|_| ()), &format!("scratch: {widths}"));
    let small = "it holds 1 rows, expected room for 2";
    assert_error(network.forward(x.view(), &mut network.tape(1)).map(|_| ()), &format!("tape: {small}"));
    assert_error(
        network.predict(&x, &[0, 1], &mut network.scratch(1)).map(|_| ()),
        &format!("scratch: {small}"),
    );
    assert_error(
        network.predict(&x, &[2], &mut network.scratch(1)).map(|_| ()),
        "inputs: row 2 was asked for, but there are 2 rows",
    );
    assert_error(
        network.predict(&x, &[], &mut network.scratch(1)).map(|_| ()),
        "indices: there are no rows, expected at least one",
    );

    let mut tape = network.tape(2);
    let mut optimizer = OptimizerState::new(Adam::default(), &other).unwrap();
    let pass = network.forward(x.view(), &mut tape).unwrap();
    let (_, gradient) = pass.backward(&CategoricalCrossEntropy::new(), targets).unwrap();
    let message = "optimiser state: expected 9 numbers, found 27";
    assert_error(optimizer.step(network.parameters_mut(), gradient), message);
    let before = network.parameters().to_vec();
    let batch = Batch::new(&x, &[0, 1], targets);
    assert_error(
        network.train_step(batch, &CategoricalCrossEntropy::new(), &mut optimizer, &mut tape),
        message,
    );
    assert_eq!(network.parameters(), before);

    let pass = network.forward(x.view(), &mut tape).unwrap();
    let (_, gradient) = pass.backward(&CategoricalCrossEntropy::new(), targets).unwrap();
    let mut short = vec![0.0; 5];
    assert_error(optimizer.step(&mut short, gradient), "parameters: expected 9 numbers, found 5");
}

#[test]
fn losses_of_other_outputs_than_the_network_s() {
    type Losses = [(Arc<dyn Loss<f32>>, &'static str); 3];
    let of_logits: Losses = [
        (Arc::new(SoftmaxCrossEntropy::new()), "softmax cross-entropy expects logits"),
        (Arc::new(Summed(SoftmaxCrossEntropy::new())), "softmax cross-entropy expects logits"),
        (Arc::new(SoftmaxFocal::new(2.0)), "softmax focal expects logits"),
    ];
    let of_probabilities: Losses = [
        (Arc::new(CategoricalCrossEntropy::new()), "categorical cross-entropy expects probabilities"),
        (Arc::new(Summed(CategoricalCrossEntropy::new())), "categorical cross-entropy expects probabilities"),
        (Arc::new(Focal::new(2.0)), "focal expects probabilities"),
    ];
    let of_logarithms: [(Arc<dyn Loss<f32>>, &str); 1] = [(
        Arc::new(NegativeLogLikelihood::new()),
        "negative log-likelihood expects logarithms of probabilities",
    )];
    let with = || Network::<f32>::builder(2).dense(2);
    let softmax = |gradient| (with().softmax_by(gradient), "probabilities, as the network ends in softmax");
    let ends = [
        softmax(GradientPath::Fused),
        softmax(GradientPath::Product),
        softmax(GradientPath::StoredJacobian),
        (with().activation(Sigmoid), "probabilities, as the network ends in sigmoid"),
        (with(), "logits, as the network ends in dense"),
        (with().activation(LogSoftmax), "logarithms of probabilities, as the network ends in log_softmax"),
    ];
    let x = array![[0.0_f32, 1.0], [1.0, 0.0]];
    let targets = Targets::Classes(&[0, 1]);
    let mut refused = 0;
    for (builder, found) in ends {
        let mut network = builder.build().unwrap();
        for (loss, expected) in of_logits.iter().chain(&of_probabilities).chain(&of_logarithms) {
            let kind =
                |text: &str| ["logarithms", "logits", "prob"].iter().position(|kind| text.contains(kind));
            let result = network.evaluate(Samples::new(&x, targets), &**loss, Accuracy::Categorical);
            let is_right =
                kind(found) == kind(expected) || (kind(found), kind(expected)) == (Some(0), Some(1));
            if is_right {
                result.unwrap();
                continue;
            }
            refused += 1;
            let message = format!("loss: {expected}, found {found}");
            assert_error(result, &message);
            let before = network.parameters().to_vec();
            let training = Training { loss: loss.clone(), epochs: 1, ..Training::default() };
            assert_error(network.fit(Samples::new(&x, targets), &training), &message);
            let (mut tape, mut optimizer) =
                (network.tape(2), OptimizerState::new(Sgd::default(), &network).unwrap());
            let batch = Batch::new(&x, &[0, 1], targets);
            assert_error(network.train_step(batch, &**loss, &mut optimizer, &mut tape), &message);
            let pass = network.forward(x.view(), &mut tape).unwrap();
            assert_error(pass.backward(&**loss, targets).map(drop), &message);
            assert_eq!(network.parameters(), before);
        }
    }
    assert_eq!(refused, 4 * 4 + 4 + 3);
    // What a loss of one's own expects is not known, and what a layer of one's own gives is not either.
    let mut network = with().relu().build().unwrap();
    let training = Training { epochs: 1, ..Training::default() };
    network.fit(Samples::new(&x, targets), &training).unwrap();
}

#[test]
fn more_threads_than_any_machine_can_use() {
    let x = array![[0.0_f32, 1.0], [1.0, 0.0]];
    let training = Training { threads: 100_000, ..Training::default() };
    let result = classifier().fit(Samples::new(&x, Targets::Classes(&[0, 1])), &training);
    assert_error(result, "threads is 100000, expected at most 1024, or the machine's cores");
}

/// What makes an array of its own takes matrices of any layout.
#[test]
fn columns_may_lie_one_after_the_other() {
    use chainrule_core::Activation;
    use chainrule_models::{MeanSquaredError, Relu};
    let x = array![[1.0_f64, -2.0, 0.5], [3.0, 0.1, -1.0]];
    let turned = x.t().as_standard_layout().into_owned();
    let (by_rows, by_columns) = (x.view(), turned.t());
    let targets = Targets::Values(by_rows);
    assert_eq!(Relu.output(by_columns), Relu.output(by_rows));
    assert_eq!(
        Relu.input_gradient(by_columns, by_columns, by_columns),
        Relu.input_gradient(by_rows, by_rows, by_rows)
    );
    assert_eq!(MeanSquaredError.mean(by_columns, targets).unwrap(), 0.0);
    let loss = SoftmaxCrossEntropy::new();
    let gradient = |y| loss.gradient(y, Targets::Classes(&[0, 2])).unwrap();
    assert_eq!(gradient(by_columns), gradient(by_rows));
}
