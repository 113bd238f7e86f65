//! Hundreds of random networks of every kind of layer, under every loss: every parameter's derivative, forward to gradient
//! through the whole route, against finite differences.

use crate::inputs::{TOLERANCE, distributions, labels, normal};
use chainrule::core::{
    GradientCheck, OwnedTargets, Penalty, Purpose, Random, WeightedTargets, check_function,
};
use chainrule::models::{
    BinaryCrossEntropy, Elu, Focal, Gelu, Huber, Initializer, LayerNorm, LeakyRelu, Linear, LogSoftmax,
    MeanAbsoluteError, MeanSquaredError, NegativeLogLikelihood, NetworkBuilder, Sigmoid, SigmoidCrossEntropy,
    SigmoidFocal, Silu, SoftmaxFocal, Summed, Tanh,
};
use chainrule::prelude::*;
use ndarray::{Array2, ArrayView2, ArrayViewMut2};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const NETWORKS: usize = 240;

/// How near a number may come to a kink: what a parameter's move of 6e-4 makes of it must not reach.
const MARGIN: f64 = 0.03;

/// Choices, each drawn once.
struct Choices {
    random: Random,
    next: u64,
}

impl Choices {
    fn below(&mut self, n: usize) -> usize {
        self.next += 1;
        (self.random.uniform(self.next) * n as f64) as usize
    }

    fn chance(&mut self, probability: f64) -> bool {
        self.next += 1;
        self.random.uniform(self.next) < probability
    }
}

/// An activation with a kink at 0 that remembers how near to it its inputs came.
#[derive(Debug)]
struct Watched<A> {
    inner: A,
    nearest: Arc<Mutex<f64>>,
}

impl<A: Activation<f64>> Activation<f64> for Watched<A> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn forward(&self, x: ArrayView2<f64>, y: ArrayViewMut2<f64>) {
        let mut nearest = self.nearest.lock().unwrap();
        *nearest = x.iter().fold(*nearest, |nearest, x| nearest.min(x.abs()));
        self.inner.forward(x, y);
    }

    fn backward(&self, x: ArrayView2<f64>, y: ArrayView2<f64>, dy: ArrayView2<f64>, dx: ArrayViewMut2<f64>) {
        self.inner.backward(x, y, dy, dx);
    }
}

/// A network, what it is trained by, and on what.
struct Case {
    name: String,
    network: Network<f64>,
    loss: Box<dyn Loss<f64>>,
    x: Array2<f64>,
    targets: OwnedTargets<f64>,
    weights: Option<Vec<f64>>,
    nearest: Arc<Mutex<f64>>,
}

fn append_activation(
    builder: NetworkBuilder<f64>,
    choices: &mut Choices,
    nearest: &Arc<Mutex<f64>>,
    name: &mut String,
) -> NetworkBuilder<f64> {
    let nearest = nearest.clone();
    let (label, builder) = match choices.below(8) {
        0 => ("relu", builder.activation(Watched { inner: Relu, nearest })),
        1 => ("leaky", builder.activation(Watched { inner: LeakyRelu { slope: 0.2 }, nearest })),
        2 => ("elu", builder.activation(Watched { inner: Elu { alpha: 0.6 }, nearest })),
        3 => ("gelu", builder.activation(Gelu)),
        4 => ("silu", builder.activation(Silu)),
        5 => ("sigmoid", builder.activation(Sigmoid)),
        6 => ("tanh", builder.activation(Tanh)),
        _ => ("linear", builder.activation(Linear)),
    };
    *name += &format!(" {label}");
    builder
}

fn append_hidden(
    mut builder: NetworkBuilder<f64>,
    choices: &mut Choices,
    width: &mut usize,
    nearest: &Arc<Mutex<f64>>,
    name: &mut String,
) -> NetworkBuilder<f64> {
    match choices.below(6) {
        0 => {
            *name += " norm";
            builder.layer(LayerNorm::new(*width, 0.1))
        }
        1 => {
            *name += " dropout";
            builder.dropout(0.3)
        }
        2 => {
            *name += " residual(";
            let (inner, outer) = (2 + choices.below(4), *width);
            builder = builder
                .residual(|block| append_activation(block.dense(inner), choices, nearest, name).dense(outer));
            *name += ")";
            builder
        }
        kind => {
            *width = 1 + choices.below(6);
            *name += &format!(" {width}");
            let dense = if kind == 3 { builder.dense_without_bias(*width) } else { builder.dense(*width) };
            append_activation(dense, choices, nearest, name)
        }
    }
}

/// The last layers, the loss, and targets for it.
fn append_head(
    builder: NetworkBuilder<f64>,
    choices: &mut Choices,
    (rows, seed): (usize, u64),
    name: &mut String,
) -> (NetworkBuilder<f64>, Box<dyn Loss<f64>>, OwnedTargets<f64>) {
    let outputs = 2 + choices.below(4);
    let builder = builder.dense(outputs);
    let soft = distributions(rows, outputs, seed + 1);
    let mut classes = labels(rows, outputs);
    let paths =
        [GradientPath::Fused, GradientPath::Product, GradientPath::Jacobian, GradientPath::StoredJacobian];
    let path = paths[choices.below(4)];
    let kind = choices.below(10);
    let weights = (0..outputs).map(|class| 0.5 + class as f64);
    let ignored = outputs + 5;
    let of_classes = |choices: &mut Choices, classes: Vec<usize>| match choices.below(3) {
        0 => OwnedTargets::Probabilities(soft.clone()),
        _ => OwnedTargets::Classes(classes),
    };
    macro_rules! with_options {
        ($loss:expr) => {{
            let mut loss = $loss;
            if choices.chance(0.5) {
                loss = loss.class_weights(weights);
            }
            if choices.chance(0.5) {
                loss = loss.label_smoothing(0.15);
            }
            if choices.chance(0.5) && rows > 1 {
                loss = loss.ignored_label(ignored);
                classes[0] = ignored;
            }
            loss
        }};
    }
    let (label, builder, loss, targets): (&str, _, Box<dyn Loss<f64>>, _) = match kind {
        0 | 1 => {
            let loss = with_options!(CategoricalCrossEntropy::new());
            ("softmax, cross-entropy", builder.softmax_by(path), Box::new(loss), of_classes(choices, classes))
        }
        2 => {
            let loss = with_options!(SoftmaxCrossEntropy::new());
            ("softmax cross-entropy", builder, Box::new(loss), of_classes(choices, classes))
        }
        3 => {
            let loss = with_options!(NegativeLogLikelihood::new());
            let builder = builder.activation(LogSoftmax);
            ("log-softmax, nll", builder, Box::new(Summed(loss)), of_classes(choices, classes))
        }
        4 => {
            let loss = with_options!(Focal::new(2.0));
            ("softmax, focal", builder.softmax_by(path), Box::new(loss), of_classes(choices, classes))
        }
        5 => {
            let loss = with_options!(SoftmaxFocal::new(1.5));
            ("softmax focal", builder, Box::new(loss), of_classes(choices, classes))
        }
        6 => {
            let builder = builder.activation(Sigmoid);
            ("sigmoid, bce", builder, Box::new(BinaryCrossEntropy), OwnedTargets::Values(soft))
        }
        7 => ("sigmoid cross-entropy", builder, Box::new(SigmoidCrossEntropy), OwnedTargets::Values(soft)),
        8 => ("sigmoid focal", builder, Box::new(SigmoidFocal::default()), OwnedTargets::Values(soft)),
        _ => {
            let targets = OwnedTargets::Values(normal(rows, outputs, seed + 2, 1.0));
            match choices.below(3) {
                0 => ("mse", builder, Box::new(MeanSquaredError), targets),
                1 => ("mae", builder, Box::new(MeanAbsoluteError), targets),
                _ => ("huber", builder, Box::new(Huber { delta: 0.8 }), targets),
            }
        }
    };
    *name += &format!(" {outputs}, {label}");
    (builder, loss, targets)
}

fn draw_case(seed: u64) -> Case {
    let mut choices = Choices { random: Random::new(seed, Purpose::Check, 7), next: 0 };
    let nearest = Arc::new(Mutex::new(f64::INFINITY));
    let (mut width, rows) = (1 + choices.below(5), 1 + choices.below(6));
    let mut name = format!("seed {seed}: {rows} rows, {width}");
    let x = normal(rows, width, seed, 1.0);
    let penalty = |choices: &mut Choices| match choices.chance(0.3) {
        true => Penalty { l1: 0.02, l2: 0.03 },
        false => Penalty::NONE,
    };
    let mut builder = Network::<f64>::builder(width)
        .seed(seed)
        .initializer(Initializer::Glorot)
        .weight_penalty(penalty(&mut choices))
        .bias_penalty(penalty(&mut choices));
    for _ in 0..choices.below(4) {
        builder = append_hidden(builder, &mut choices, &mut width, &nearest, &mut name);
    }
    let (builder, loss, targets) = append_head(builder, &mut choices, (rows, seed), &mut name);
    let mut network = builder.build().unwrap();
    // Biases and gains begin at 0 and 1, where a mistake in them would hide; and |θ| has its kink at 0.
    for (i, parameter) in network.parameters_mut().iter_mut().enumerate() {
        *parameter += 0.3 * (1.0 + i as f64).sin();
        *parameter += MARGIN.copysign(*parameter);
    }
    let weights = choices.chance(0.4).then(|| (0..rows).map(|row| [2.0, 0.5, 1.0][row % 3]).collect());
    Case { name, network, loss, x, targets, weights, nearest }
}

impl Case {
    /// Mean loss and penalty, and their gradient; dropout draws as in step 3.
    fn run(&self, network: &Network<f64>) -> (f64, Vec<f64>) {
        let mut tape = network.tape(self.x.nrows());
        let pass = network.forward_training(self.x.view(), 3, &mut tape).unwrap();
        let targets = WeightedTargets { targets: self.targets.view(), weights: self.weights.as_deref() };
        let (loss, gradient) = pass.backward(&*self.loss, targets).unwrap();
        (loss + network.penalty(), gradient.to_vec())
    }

    /// How near any number comes to a kink.
    fn margin(&self) -> f64 {
        let mut tape = self.network.tape(self.x.nrows());
        let pass = self.network.forward_training(self.x.view(), 3, &mut tape).unwrap();
        let of_loss = match &self.targets {
            OwnedTargets::Values(t) if ["mean absolute error", "huber"].contains(&self.loss.name()) => {
                let distances = (&pass.output() - t).mapv(f64::abs);
                distances.iter().fold(f64::INFINITY, |nearest, d| nearest.min(*d).min((d - 0.8).abs()))
            }
            _ => f64::INFINITY,
        };
        // A row that dropout emptied stands at the kink and stays there; but so it does for the differences.
        of_loss.min(*self.nearest.lock().unwrap())
    }

    fn check(&self) -> GradientCheck {
        let (_, gradient) = self.run(&self.network);
        let mut moved = self.network.clone();
        let objective = |parameters: &[f64]| {
            moved.parameters_mut().copy_from_slice(parameters);
            self.run(&moved).0
        };
        check_function(self.network.parameters(), objective, &gradient, |i| format!("parameter {i}"))
    }
}

#[test]
fn random_networks_against_finite_differences() {
    let (mut networks, mut derivatives, mut worst) = (0, 0, GradientCheck::default());
    let mut words = BTreeMap::<String, usize>::new();
    let mut seed = 0;
    while networks < NETWORKS {
        seed += 1;
        assert!(seed < 20 * NETWORKS as u64, "too few networks are away from kinks");
        let case = draw_case(seed);
        if case.margin() < MARGIN {
            continue;
        }
        let check = case.check();
        assert_eq!(check.checked, case.network.parameters().len());
        assert!(check.error() < TOLERANCE, "{}: {check}", case.name);
        (networks, derivatives) = (networks + 1, derivatives + check.checked);
        worst = worst.and(check);
        let words_of_name = case.name.split([' ', ',', '(', ')']).skip(2);
        for word in words_of_name.filter(|word| word.starts_with(char::is_alphabetic)) {
            *words.entry(word.to_owned()).or_default() += 1;
        }
    }
    println!("{networks} random networks, {derivatives} derivatives; {worst}\n{words:?}");
    let kinds = ["relu", "leaky", "elu", "gelu", "silu", "sigmoid", "tanh", "norm", "dropout", "residual"];
    let losses = ["cross-entropy", "nll", "focal", "bce", "mse", "mae", "huber"];
    for kind in kinds.into_iter().chain(losses) {
        assert!(words.get(kind).is_some_and(|&n| n >= 3), "{kind} was hardly drawn: {words:?}");
    }
}
