//! Settings and targets out of range, in tables: each a typed error that names what is wrong, what was expected and what was
//! found.

use chainrule_core::{Error, Layer, Loss, Optimizer, Penalty, Targets, WeightedTargets};
use chainrule_models::{
    Accuracy, AdaGrad, Adam, BinaryCrossEntropy, CategoricalCrossEntropy, Clipping, Dense, Dropout, Elu,
    Focal, Huber, Initializer, LayerNorm, LeakyRelu, Lion, MeanAbsoluteError, MeanSquaredError,
    NegativeLogLikelihood, Network, OptimizerState, RmsProp, Samples, Schedule, Sgd, SigmoidCrossEntropy,
    SigmoidFocal, SoftmaxCrossEntropy, SoftmaxFocal, Trainer, Training,
};
use ndarray::{Array2, array};
use std::sync::Arc;

const POSITIVE: &str = "expected a finite number above 0";
const NOT_NEGATIVE: &str = "expected a finite number, at least 0";
const FRACTION: &str = "expected at least 0 and below 1";

#[track_caller]
fn assert_error<T>(result: Result<T, Error>, message: &str) {
    match result {
        Ok(_) => panic!("no error, expected: {message}"),
        Err(error) => assert_eq!(error.to_string(), message),
    }
}

fn not_positive() -> [f64; 4] {
    [0.0, -1.0, f64::NAN, f64::INFINITY]
}

fn negative() -> [f64; 3] {
    [-1e-9, f64::NAN, f64::INFINITY]
}

fn no_fraction() -> [f64; 4] {
    [-0.1, 1.0, f64::NAN, f64::INFINITY]
}

#[test]
fn losses_of_classes() {
    let y = array![[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]];
    let with = |change: &dyn Fn(CategoricalCrossEntropy) -> CategoricalCrossEntropy, message: &str| {
        let targets = Targets::Classes(&[0, 2]);
        let loss = change(CategoricalCrossEntropy::new());
        assert_error(loss.mean(y.view(), targets), message);
        assert_error(loss.gradient(y.view(), targets), message);
        assert_error(loss.losses(y.view(), targets), message);
        // Through every door.
        let network = Network::<f64>::builder(3).dense(3).softmax().build().unwrap();
        let mut tape = network.tape(2);
        let pass = network.forward(y.view(), &mut tape).unwrap();
        assert_error(pass.backward(&loss, targets).map(|_| ()), message);
        let training = Training { loss: Arc::new(loss.clone()), ..Training::default() };
        assert_error(network.clone().fit(Samples::new(&y, targets), &training), message);
        assert_error(network.evaluate(Samples::new(&y, targets), &loss, Accuracy::Categorical), message);
    };
    for epsilon in no_fraction() {
        with(&|loss| loss.label_smoothing(epsilon), &format!("label_smoothing is {epsilon}, {FRACTION}"));
    }
    for weight in [-1.0, f64::NAN, f64::INFINITY] {
        let message = format!("class weights: class 1 has the weight {weight}, {NOT_NEGATIVE}");
        with(&|loss| loss.class_weights([1.0, weight, 1.0]), &message);
    }
    with(&|loss| loss.class_weights([0.0; 3]), &format!("sum of the class weights is 0, {POSITIVE}"));
    with(&|loss| loss.class_weights([1.0; 2]), "class weights: expected 3, one for each class, found 2");
    with(&|loss| loss.ignored_label(2), "ignored label: 2 is a class, expected a label of 3 or more");
    // An ignored label lets no other pass.
    let loss = CategoricalCrossEntropy::new().ignored_label(7);
    assert_error(
        loss.mean(y.view(), Targets::Classes(&[7, 8])),
        "targets: the label of row 1 is 8, expected 0 to 2",
    );
    // The other losses of classes ask the same.
    let message = format!("label_smoothing is 1, {FRACTION}");
    let losses: [Box<dyn Loss<f64>>; 4] = [
        Box::new(SoftmaxCrossEntropy::new().label_smoothing(1.0)),
        Box::new(NegativeLogLikelihood::new().label_smoothing(1.0)),
        Box::new(Focal::new(2.0).label_smoothing(1.0)),
        Box::new(SoftmaxFocal::new(2.0).label_smoothing(1.0)),
    ];
    for loss in losses {
        assert_error(loss.mean(y.view(), Targets::Classes(&[0, 1])), &message);
    }
    for gamma in negative() {
        let message = format!("gamma is {gamma}, {NOT_NEGATIVE}");
        assert_error(Focal::new(gamma).mean(y.view(), Targets::Classes(&[0, 1])), &message);
    }
}

#[test]
fn losses_of_numbers_and_answers() {
    let y = array![[0.2, 0.5], [0.1, 0.9]];
    let values = Targets::Values(y.view());
    for delta in not_positive() {
        assert_error(Huber { delta }.mean(y.view(), values), &format!("delta is {delta}, {POSITIVE}"));
    }
    for gamma in negative() {
        let loss = SigmoidFocal { gamma, alpha: None };
        assert_error(loss.mean(y.view(), values), &format!("gamma is {gamma}, {NOT_NEGATIVE}"));
    }
    for alpha in [-0.1, 1.1, f64::NAN] {
        let loss = SigmoidFocal { gamma: 2.0, alpha: Some(alpha) };
        assert_error(loss.mean(y.view(), values), &format!("alpha is {alpha}, expected 0 to 1"));
    }
}

#[test]
fn targets_of_the_wrong_kind_or_shape() {
    let y = array![[0.2, 0.5], [0.1, 0.9]];
    let wide = Array2::<f64>::zeros((2, 3));
    let (above, below, nan) = (
        array![[0.0, 1.1], [0.0, 1.0]],
        array![[0.0, 1.0], [-0.1, 1.0]],
        array![[0.0, 1.0], [f64::NAN, 1.0]],
    );
    let half = array![[0.25, 0.25], [1.0, 0.0]];
    type Case<'a> = (Vec<Box<dyn Loss<f64>>>, Targets<'a, f64>, &'a str);
    let of_classes = || -> Vec<Box<dyn Loss<f64>>> {
        vec![
            Box::new(CategoricalCrossEntropy::new()),
            Box::new(SoftmaxCrossEntropy::new()),
            Box::new(NegativeLogLikelihood::new()),
            Box::new(Focal::new(2.0)),
            Box::new(SoftmaxFocal::new(2.0)),
        ]
    };
    let of_answers = || -> Vec<Box<dyn Loss<f64>>> {
        vec![Box::new(BinaryCrossEntropy), Box::new(SigmoidCrossEntropy), Box::new(SigmoidFocal::default())]
    };
    let of_numbers = || -> Vec<Box<dyn Loss<f64>>> {
        vec![Box::new(MeanSquaredError), Box::new(MeanAbsoluteError), Box::new(Huber::default())]
    };
    let cases: Vec<Case> = vec![
        (of_classes(), Targets::Classes(&[0]), "targets: expected 2 rows, found 1"),
        (of_classes(), Targets::Classes(&[0, 2]), "targets: the label of row 1 is 2, expected 0 to 1"),
        (of_classes(), Targets::Probabilities(wide.view()), "targets: expected 2 columns, found 3"),
        (
            of_classes(),
            Targets::Probabilities(above.view()),
            "targets: row 0 gives class 1 the probability 1.1, expected 0 to 1",
        ),
        (
            of_classes(),
            Targets::Probabilities(nan.view()),
            "targets: row 1 gives class 0 the probability NaN, expected 0 to 1",
        ),
        (
            of_classes(),
            Targets::Probabilities(half.view()),
            "targets: the probabilities of row 0 sum to 0.5, expected 1",
        ),
        (
            of_classes(),
            Targets::Values(y.view()),
            "targets: expected class labels or probabilities, found values",
        ),
        (of_answers(), Targets::Classes(&[0, 1]), "targets: expected values, found class labels"),
        (of_answers(), Targets::Values(wide.view()), "targets: expected 2 columns, found 3"),
        (of_answers(), Targets::Values(above.view()), "targets: row 0, column 1 holds 1.1, expected 0 to 1"),
        (of_answers(), Targets::Values(below.view()), "targets: row 1, column 0 holds -0.1, expected 0 to 1"),
        (of_answers(), Targets::Values(nan.view()), "targets: row 1, column 0 holds NaN, expected 0 to 1"),
        (of_numbers(), Targets::Classes(&[0, 1]), "targets: expected values, found class labels"),
        (of_numbers(), Targets::Values(wide.view()), "targets: expected 2 columns, found 3"),
        (
            of_numbers(),
            Targets::Values(nan.view()),
            "targets: row 1, column 0 holds NaN, expected a finite number",
        ),
    ];
    for (losses, targets, message) in cases {
        for loss in losses {
            assert_error(loss.mean(y.view(), targets), message);
            assert_error(loss.gradient(y.view(), targets), message);
            let network = Network::<f64>::builder(2).dense(2).build().unwrap();
            let mut tape = network.tape(2);
            let pass = network.forward(y.view(), &mut tape).unwrap();
            assert_error(pass.backward(&*loss, targets).map(|_| ()), message);
        }
    }
    // Labels are answers for a single output, but only 0 and 1 are.
    let single = array![[0.2], [0.7]];
    assert!(BinaryCrossEntropy.mean(single.view(), Targets::Classes(&[0, 1])).is_ok());
    assert_error(
        BinaryCrossEntropy.mean(single.view(), Targets::Classes(&[0, 2])),
        "targets: the label of row 1 is 2, expected 0 to 1",
    );
    let same = Array2::<f64>::ones((3, 1));
    assert_error(
        Accuracy::regression(Targets::Values(same.view())),
        &format!("tolerance, a 250th of the targets' deviation, is 0, {POSITIVE}"),
    );
    assert_error(
        Accuracy::regression(Targets::<f64>::Classes(&[1])),
        "targets: expected values, found class labels",
    );
}

#[test]
fn sample_weights() {
    fn check(targets: WeightedTargets<f64>, message: &str) {
        let x = array![[1.0, 2.0], [3.0, 4.0]];
        let loss = CategoricalCrossEntropy::new();
        let network = Network::<f64>::builder(2).dense(2).softmax().build().unwrap();
        let mut tape = network.tape(2);
        let pass = network.forward(x.view(), &mut tape).unwrap();
        assert_error(pass.backward(&loss, targets).map(|_| ()), message);
        assert_error(network.clone().fit(Samples::new(&x, targets), &Training::default()), message);
        assert_error(network.evaluate(Samples::new(&x, targets), &loss, Accuracy::Categorical), message);
        assert_error(loss.weighted_mean(x.view(), targets), message);
        assert_error(loss.weighted_gradient(x.view(), targets), message);
    }
    let labels = Targets::Classes(&[0, 1]);
    for weight in [-1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let message = format!("sample weights: row 1 has the weight {weight}, {NOT_NEGATIVE}");
        let weights = [1.0, weight];
        check(labels.weighted(&weights), &message);
    }
    check(labels.weighted(&[1.0]), "sample weights: expected 2 rows, found 1");
    check(labels.weighted(&[1.0, 1.0, 1.0]), "sample weights: expected 2 rows, found 3");
}

#[test]
fn optimizers() {
    let network = Network::<f32>::builder(2).dense(2).build().unwrap();
    let check = |rule: Arc<dyn Optimizer<f32>>, message: String| {
        assert_error(rule.check(), &message);
        assert_error(OptimizerState::new(rule.clone(), &network), &message);
        let x = Array2::<f32>::zeros((1, 2));
        let samples = Samples::new(&x, Targets::Classes(&[0]));
        let training = Training { optimizer: rule, ..Training::default() };
        assert_error(network.clone().fit(samples, &training), &message);
    };
    for learning_rate in not_positive() {
        let message = || format!("learning_rate is {learning_rate}, {POSITIVE}");
        check(Arc::new(Sgd { learning_rate, ..Sgd::default() }), message());
        check(Arc::new(AdaGrad { learning_rate, ..AdaGrad::default() }), message());
        check(Arc::new(RmsProp { learning_rate, ..RmsProp::default() }), message());
        check(Arc::new(Adam { learning_rate, ..Adam::default() }), message());
        check(Arc::new(Lion { learning_rate, ..Lion::default() }), message());
    }
    for epsilon in not_positive() {
        let message = || format!("epsilon is {epsilon}, {POSITIVE}");
        check(Arc::new(AdaGrad { epsilon, ..AdaGrad::default() }), message());
        check(Arc::new(RmsProp { epsilon, ..RmsProp::default() }), message());
        check(Arc::new(Adam { epsilon, ..Adam::default() }), message());
    }
    // Above 0, but not in f32, where an input that is always 0 would divide 0 by 0.
    let epsilon = 1e-50;
    let message = || {
        "epsilon is 1e-50, expected a number that is above 0 in the precision of the parameters".to_owned()
    };
    check(Arc::new(AdaGrad { epsilon, ..AdaGrad::default() }), message());
    check(Arc::new(RmsProp { epsilon, ..RmsProp::default() }), message());
    check(Arc::new(Adam { epsilon, ..Adam::default() }), message());
    assert!(Optimizer::<f64>::check(&Adam { epsilon, ..Adam::default() }).is_ok());
    let nesterov = Sgd { momentum: 0.0, nesterov: true, ..Sgd::default() };
    check(Arc::new(nesterov), "momentum is 0, expected above 0 for Nesterov's".to_owned());
    for value in no_fraction() {
        let message = |name| format!("{name} is {value}, {FRACTION}");
        check(Arc::new(Sgd { momentum: value, ..Sgd::default() }), message("momentum"));
        check(Arc::new(RmsProp { rho: value, ..RmsProp::default() }), message("rho"));
        check(Arc::new(Adam { beta1: value, ..Adam::default() }), message("beta1"));
        check(Arc::new(Adam { beta2: value, ..Adam::default() }), message("beta2"));
        check(Arc::new(Lion { beta1: value, ..Lion::default() }), message("beta1"));
        check(Arc::new(Lion { beta2: value, ..Lion::default() }), message("beta2"));
    }
    for weight_decay in negative() {
        let message = || format!("weight_decay is {weight_decay}, {NOT_NEGATIVE}");
        check(Arc::new(Adam { weight_decay, ..Adam::default() }), message());
        check(Arc::new(Lion { weight_decay, ..Lion::default() }), message());
    }
}

#[test]
fn schedules_clipping_and_accuracies() {
    let network = Network::<f64>::builder(2).dense(2).softmax().build().unwrap();
    let x = Array2::<f64>::zeros((1, 2));
    let fit =
        |training: Training<f64>| network.clone().fit(Samples::new(&x, Targets::Classes(&[0])), &training);
    let one_cycle = |steps, rise, start, end| Schedule::OneCycle { steps, rise, start, end };
    let warmup = |steps, then| Schedule::Warmup { steps, then: Box::new(then) };
    let mut cases = vec![
        (Schedule::Step { every: 0, factor: 0.5 }, "schedule every is 0, expected at least 1".to_owned()),
        (Schedule::Cosine { steps: 0, end: 0.0 }, "schedule steps is 0, expected at least 1".to_owned()),
        (warmup(0, Schedule::Constant), "schedule steps is 0, expected at least 1".to_owned()),
        (one_cycle(1, 0.3, 0.1, 0.0), "schedule steps is 1, expected at least 2".to_owned()),
    ];
    for value in negative() {
        cases.push((
            Schedule::InverseTime { decay: value },
            format!("schedule decay is {value}, {NOT_NEGATIVE}"),
        ));
        let end = format!("schedule end is {value}, {NOT_NEGATIVE}");
        cases.push((Schedule::Cosine { steps: 5, end: value }, end.clone()));
        cases.push((one_cycle(5, 0.3, 0.1, value), end.clone()));
        cases.push((warmup(2, Schedule::Cosine { steps: 5, end: value }), end));
        cases.push((one_cycle(5, 0.3, value, 0.1), format!("schedule start is {value}, {NOT_NEGATIVE}")));
    }
    for value in not_positive() {
        let message = format!("schedule factor is {value}, {POSITIVE}");
        cases.push((Schedule::Exponential { factor: value }, message.clone()));
        cases.push((Schedule::Step { every: 3, factor: value }, message));
    }
    for value in no_fraction() {
        cases.push((one_cycle(5, value, 0.1, 0.1), format!("schedule rise is {value}, {FRACTION}")));
    }
    for (schedule, message) in cases {
        assert_error(schedule.check(), &message);
        // Some number, but no panic.
        schedule.factor(3);
        let state = OptimizerState::new(Sgd::default(), &network).unwrap();
        assert_error(state.with_schedule(schedule.clone()), &message);
        assert_error(fit(Training { schedule, ..Training::default() }), &message);
    }
    for limit in not_positive() {
        for clipping in [Clipping::Value(limit), Clipping::Norm(limit)] {
            let message = format!("clipping limit is {limit}, {POSITIVE}");
            let state = OptimizerState::new(Sgd::default(), &network).unwrap();
            assert_error(state.with_clipping(clipping), &message);
            assert_error(fit(Training { clipping: Some(clipping), ..Training::default() }), &message);
        }
        let accuracy = Accuracy::Regression { tolerance: limit };
        let message = format!("tolerance is {limit}, {POSITIVE}");
        assert_error(fit(Training { accuracy, ..Training::default() }), &message);
    }
    let accuracy = Accuracy::Binary { threshold: f64::NAN };
    let message = "threshold is NaN, expected a finite number";
    assert_error(fit(Training { accuracy, ..Training::default() }), message);
}

#[test]
fn accuracies_that_say_nothing() {
    let x = array![[0.5], [1.0]];
    let (values, one_class) = (array![[0.0], [1.0]], array![[1.0], [1.0]]);
    let check = |outputs,
                 loss: Arc<dyn Loss<f64>>,
                 accuracy,
                 targets: Targets<f64>,
                 message: Option<&str>| {
        let network = Network::<f64>::builder(1).dense(outputs).build().unwrap();
        let samples = Samples::new(&x, targets);
        let training = Training { loss: loss.clone(), accuracy, ..Training::default() };
        let results = [
            network.evaluate(samples, &*loss, accuracy).map(drop),
            network.clone().fit(samples, &training).map(drop),
            network.clone().partial_fit(samples, &mut Trainer::new(&network, &training).unwrap()).map(drop),
        ];
        for result in results {
            match message {
                None => assert!(result.is_ok(), "{result:?}"),
                Some(message) => assert_error(result, &format!("accuracy: {message}")),
            }
        }
    };
    let squared = || Arc::new(MeanSquaredError);
    let one = "categorical accuracy says nothing about a single output, which is always the largest, expected binary or regression";
    check(1, squared(), Accuracy::Categorical, Targets::Values(values.view()), Some(one));
    check(1, Arc::new(SigmoidCrossEntropy), Accuracy::Categorical, Targets::Classes(&[0, 1]), Some(one));
    check(1, squared(), Accuracy::Regression { tolerance: 0.1 }, Targets::Values(values.view()), None);
    check(
        1,
        Arc::new(SigmoidCrossEntropy),
        Accuracy::Binary { threshold: 0.5 },
        Targets::Classes(&[0, 1]),
        None,
    );
    // A classifier of one class is right.
    let softmax = || Arc::new(SoftmaxCrossEntropy::new());
    check(1, softmax(), Accuracy::Categorical, Targets::Classes(&[0, 0]), None);
    check(1, softmax(), Accuracy::Categorical, Targets::Probabilities(one_class.view()), None);
    let labels = Targets::Classes(&[0, 1]);
    for (name, accuracy) in [
        ("binary", Accuracy::Binary { threshold: 0.5 }),
        ("regression", Accuracy::Regression { tolerance: 0.1 }),
    ] {
        let message = format!(
            "{name} accuracy says nothing about one label for several outputs, expected categorical, or a target for each output"
        );
        check(2, softmax(), accuracy, labels, Some(&message));
    }
    check(2, softmax(), Accuracy::Categorical, labels, None);
    let (several, one_hot) = (array![[1.0, 1.0], [0.0, 1.0]], array![[1.0, 0.0], [0.0, 1.0]]);
    let message = "categorical accuracy says nothing about values for several outputs, expected binary or regression (Accuracy::Binary, Accuracy::Regression), or targets that are probabilities";
    check(2, squared(), Accuracy::Categorical, Targets::Values(several.view()), Some(message));
    check(2, squared(), Accuracy::Categorical, Targets::Probabilities(one_hot.view()), None);
    let binary = Accuracy::Binary { threshold: 0.5 };
    check(2, squared(), binary, Targets::Values(several.view()), None);
}

#[test]
fn layers() {
    let dense = || Dense::new(2, 2, Initializer::He);
    let mut cases: Vec<(Arc<dyn Layer<f32>>, String)> = Vec::new();
    for rate in no_fraction() {
        cases.push((Arc::new(Dropout::new(2, rate, 0)), format!("dropout rate is {rate}, {FRACTION}")));
    }
    for epsilon in not_positive() {
        let message = format!("layer norm epsilon is {epsilon}, {POSITIVE}");
        cases.push((Arc::new(LayerNorm::new(2, epsilon)), message));
        let message =
            format!("network: layer 0 (dense), parameter weight: max_norm is {epsilon}, {POSITIVE}");
        assert_error(Network::<f32>::builder(2).layer(dense().max_norm(epsilon)).build(), &message);
    }
    let in_f32 = "expected a number that is above 0 in the precision of the parameters";
    cases.push((Arc::new(LayerNorm::new(2, 1e-60)), format!("layer norm epsilon is 1e-60, {in_f32}")));
    for value in negative() {
        let l1 = Penalty { l1: value, l2: 0.0 };
        let l2 = Penalty { l1: 0.0, l2: value };
        for (dense, wrong) in
            [(dense().weight_penalty(l1), "weight: l1"), (dense().bias_penalty(l2), "bias: l2")]
        {
            let message = format!("network: layer 0 (dense), parameter {wrong} is {value}, {NOT_NEGATIVE}");
            assert_error(Network::<f32>::builder(2).layer(dense).build(), &message);
        }
        let initializers = [
            (Initializer::Normal { deviation: value }, "deviation"),
            #[cfg(feature = "blas")]
            (Initializer::Orthogonal { gain: value }, "gain"),
        ];
        for (initializer, name) in initializers {
            let message = format!("initializer {name} is {value}, {NOT_NEGATIVE}");
            cases.push((Arc::new(Dense::new(2, 2, initializer)), message));
        }
    }
    for (layer, message) in cases {
        assert_error(layer.check(), &message);
        let name = layer.name();
        let built = Network::builder(2).layer(layer).build();
        assert_error(built, &format!("network: layer 0 ({name}): {message}"));
    }
    for value in negative() {
        let slope = Network::<f64>::builder(2).activation(LeakyRelu { slope: value }).build();
        assert_error(slope, &format!("network: layer 0 (leaky_relu): slope is {value}, {NOT_NEGATIVE}"));
        let alpha = Network::<f64>::builder(2).activation(Elu { alpha: value }).build();
        assert_error(alpha, &format!("network: layer 0 (elu): alpha is {value}, {NOT_NEGATIVE}"));
    }
    let narrower = Network::<f64>::builder(4).residual(|block| block.dense(3)).build();
    let message = "network: the residual block before layer 1 takes 4 columns and gives 3, expected as many";
    assert_error(narrower, message);
}
