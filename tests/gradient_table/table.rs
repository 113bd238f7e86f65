//! Every layer, activation, loss and gradient path in one table: each derivative in f64 against finite differences, and in
//! f32 against f64.

use crate::inputs::{assert_exact, distributions, labels, normal, one_hot};
use chainrule::core::{
    Block, GradientCheck, Kept, OwnedTargets, Random, Real, check_activation, check_function, check_layer,
    check_loss,
};
use chainrule::core::{Draw, Purpose};
use chainrule::models::{
    ActivationLayer, BinaryCrossEntropy, Dropout, Elu, Focal, Gelu, Huber, Initializer, LayerNorm, LeakyRelu,
    Linear, LogSoftmax, MeanAbsoluteError, MeanSquaredError, NegativeLogLikelihood, Sigmoid,
    SigmoidCrossEntropy, SigmoidFocal, Silu, SoftmaxFocal, Summed, Tanh,
};
use chainrule::prelude::*;
use ndarray::{Array1, Array2, ArrayView2};

fn layers<F: Real>() -> Vec<(&'static str, Box<dyn Layer<F>>)> {
    vec![
        ("dense 1 → 1", Box::new(Dense::new(1, 1, Initializer::He))),
        ("dense 5 → 3, Glorot", Box::new(Dense::new(5, 3, Initializer::Glorot))),
        ("dense 17 → 9, NNFS", Box::new(Dense::new(17, 9, Initializer::NNFS))),
        ("dense 4 → 3 without bias", Box::new(Dense::new(4, 3, Initializer::LecunUniform).without_bias())),
        ("layer norm 6", Box::new(LayerNorm::new(6, 0.1))),
        ("layer norm 1", Box::new(LayerNorm::new(1, 1e-5))),
        ("dropout 9, at rest", Box::new(Dropout::new(9, 0.5, 1))),
        ("relu 7", Box::new(ActivationLayer::new(Relu, 7))),
        ("softmax 6", Box::new(ActivationLayer::new(Softmax::default(), 6))),
    ]
}

fn activations<F: Real>() -> Vec<(&'static str, Box<dyn Activation<F>>)> {
    vec![
        ("linear", Box::new(Linear)),
        ("relu", Box::new(Relu)),
        ("leaky relu", Box::new(LeakyRelu::default())),
        ("elu", Box::new(Elu::default())),
        ("elu, α = 0.5", Box::new(Elu { alpha: 0.5 })),
        ("gelu", Box::new(Gelu)),
        ("silu", Box::new(Silu)),
        ("sigmoid", Box::new(Sigmoid)),
        ("tanh", Box::new(Tanh)),
        ("log-softmax", Box::new(LogSoftmax)),
        ("softmax, fused", Box::new(Softmax { gradient: GradientPath::Fused })),
        ("softmax, product", Box::new(Softmax { gradient: GradientPath::Product })),
        ("softmax, jacobian", Box::new(Softmax { gradient: GradientPath::Jacobian })),
        ("softmax, stored jacobian", Box::new(Softmax { gradient: GradientPath::StoredJacobian })),
    ]
}

/// What a loss compares.
#[derive(Clone, Copy, PartialEq)]
enum Compares {
    /// Probabilities of classes.
    Probabilities,
    /// Any numbers, with classes.
    Logits,
    /// Probabilities, each with a yes or no.
    Answers,
    /// Any numbers, each with a yes or no.
    AnswerLogits,
    /// Any numbers with any numbers.
    Values,
}

/// A loss of classes with all that it can do, but for weights, which need to know how many classes there are.
macro_rules! smoothed {
    ($loss:expr) => {
        Box::new($loss.label_smoothing(0.2).ignored_label(1_000))
    };
}

fn losses<F: Real>() -> Vec<(&'static str, Box<dyn Loss<F>>, Compares)> {
    use Compares::{AnswerLogits, Answers, Logits, Probabilities, Values};
    vec![
        ("categorical cross-entropy", Box::new(CategoricalCrossEntropy::new()), Probabilities),
        ("categorical cross-entropy, smoothed", smoothed!(CategoricalCrossEntropy::new()), Probabilities),
        ("softmax cross-entropy", Box::new(SoftmaxCrossEntropy::new()), Logits),
        ("softmax cross-entropy, smoothed", smoothed!(SoftmaxCrossEntropy::new()), Logits),
        ("negative log-likelihood", smoothed!(NegativeLogLikelihood::new()), Logits),
        ("focal, γ = 2", Box::new(Focal::new(2.0)), Probabilities),
        ("focal, γ = 0", smoothed!(Focal::new(0.0)), Probabilities),
        ("softmax focal, γ = 0.5", Box::new(SoftmaxFocal::new(0.5)), Logits),
        ("softmax focal, γ = 3", smoothed!(SoftmaxFocal::new(3.0)), Logits),
        ("binary cross-entropy", Box::new(BinaryCrossEntropy), Answers),
        ("sigmoid cross-entropy", Box::new(SigmoidCrossEntropy), AnswerLogits),
        ("sigmoid focal", Box::new(SigmoidFocal::default()), AnswerLogits),
        ("sigmoid focal, γ = 0.5", Box::new(SigmoidFocal { gamma: 0.5, alpha: None }), AnswerLogits),
        ("mean squared error", Box::new(MeanSquaredError), Values),
        ("mean absolute error", Box::new(MeanAbsoluteError), Values),
        ("huber", Box::new(Huber { delta: 0.7 }), Values),
        ("mean squared error, summed", Box::new(Summed(MeanSquaredError)), Values),
    ]
}

/// Outputs and targets for a loss, no number nearer to a kink than finite differences reach.
fn outputs_and_targets(
    compares: Compares,
    rows: usize,
    width: usize,
) -> (Array2<f64>, Vec<OwnedTargets<f64>>) {
    let y = match compares {
        // Not near 0, where the logarithm is not smooth enough for finite differences.
        Compares::Probabilities => (distributions(rows, width, 3) + 0.1) / (1.0 + 0.1 * width as f64),
        Compares::Answers => normal(rows, width, 3, 2.0).mapv(|x| 0.5 + 0.3 * x.tanh()),
        Compares::Logits | Compares::AnswerLogits | Compares::Values => normal(rows, width, 3, 2.0),
    };
    let labels = labels(rows, width);
    let targets = match compares {
        Compares::Probabilities | Compares::Logits => vec![
            OwnedTargets::Probabilities(one_hot(&labels, width)),
            OwnedTargets::Probabilities(distributions(rows, width, 4)),
            OwnedTargets::Classes(labels),
        ],
        Compares::Answers | Compares::AnswerLogits => vec![
            OwnedTargets::Values(one_hot(&labels, width)),
            OwnedTargets::Values(distributions(rows, width, 4)),
        ],
        Compares::Values => {
            // 0.05 past the output, or 0.65 to 0.75 short of it: both sides of Huber's δ.
            let offsets = [0.05, -0.65, 0.75, -1.5];
            let mut target = y.clone();
            target.iter_mut().enumerate().for_each(|(i, t)| *t += offsets[i % 4]);
            vec![OwnedTargets::Values(target)]
        }
    };
    (y, targets)
}

const PATHS: [GradientPath; 4] =
    [GradientPath::Fused, GradientPath::Product, GradientPath::Jacobian, GradientPath::StoredJacobian];

/// (rows, spread) of the inputs: one row, and values far apart.
const INPUTS: [(usize, f64); 3] = [(1, 1.0), (5, 1.0), (12, 4.0)];

fn narrow(x: &Array2<f64>) -> Array2<f32> {
    x.mapv(|x| x as f32)
}

fn widen(x: &Array2<f32>) -> Array2<f64> {
    x.mapv(f64::from)
}

/// Compares single with double precision, relative to the largest number of both.
#[track_caller]
fn assert_same(name: &str, single: &Array2<f32>, double: &Array2<f64>, epsilons: f64) {
    let scale = double.iter().fold(1e-30_f64, |largest, x| largest.max(x.abs()));
    let worst = (&widen(single) - double).iter().fold(0.0_f64, |worst, d| worst.max(d.abs()));
    let worst = if single.iter().all(|x| x.is_finite()) { worst } else { f64::INFINITY };
    assert!(worst <= epsilons * f64::from(f32::EPSILON) * scale, "{name}: f32 differs from f64 by {worst:e}");
}

fn parameters_of(layer: &dyn Layer<f64>) -> Vec<f64> {
    let count = layer.parameters().iter().map(|spec| spec.len()).sum();
    let mut parameters = vec![0.0; count];
    layer.initialize(&mut parameters, Random::new(5, Purpose::Initialize, 0));
    // Biases begin at 0, where a mistake in them would hide.
    parameters.iter_mut().enumerate().for_each(|(i, p)| *p += 0.1 * (i as f64).sin());
    parameters
}

#[test]
fn layers_against_finite_differences() {
    for (name, layer) in layers::<f64>() {
        for (rows, spread) in INPUTS {
            let x = normal(rows, layer.width().0, 1, spread);
            assert_exact(name, check_layer(&*layer, &parameters_of(&*layer), x.view()));
        }
    }
}

#[test]
fn activations_against_finite_differences() {
    for (name, activation) in activations::<f64>() {
        for (rows, spread) in INPUTS {
            for width in [1, 2, 9, 40] {
                assert_exact(name, check_activation(&*activation, normal(rows, width, 2, spread).view()));
            }
        }
    }
}

#[test]
fn losses_against_finite_differences() {
    for (name, loss, compares) in losses::<f64>() {
        for (rows, width) in [(1, 2), (6, 2), (5, 3), (7, 10)] {
            let (y, targets) = outputs_and_targets(compares, rows, width);
            for targets in &targets {
                assert_exact(name, check_loss(&*loss, y.view(), targets.view()));
            }
        }
    }
}

/// Dropout while it draws, for one step: a linear function like any other.
#[test]
fn dropout_against_finite_differences() {
    let layer = Dropout::new(11, 0.4, 3);
    let (x, c) = (normal(6, 11, 1, 1.0), normal(6, 11, 2, 1.0));
    for step in 0..3 {
        let draw = Draw { step, layer: 2, first_row: 5 };
        let forward = |x: &[f64]| {
            let x = ArrayView2::from_shape((6, 11), x).unwrap();
            let mut y = Array2::from_elem(x.dim(), f64::NAN);
            layer.forward_training(&[], x, y.view_mut(), draw);
            y
        };
        let x: Vec<f64> = x.iter().copied().collect();
        let y = forward(&x);
        let mut dx = Array2::from_elem((6, 11), f64::NAN);
        let kept = Kept { draw: Some(draw), ..Kept::new(y.view(), y.view()) };
        layer.backward_input(&[], kept, c.view(), dx.view_mut());
        assert!(dx.iter().any(|&d| d == 0.0) && dx.iter().any(|&d| d != 0.0));
        let dx: Vec<f64> = dx.into_iter().collect();
        let place = |i| format!("input {i}");
        assert_exact("dropout", check_function(&x, |x| (forward(x) * &c).sum(), &dx, place));
    }
}

/// The whole route, forward to gradient, in every parameter of a network.
fn check_network(network: &Network<f64>, x: ArrayView2<f64>, targets: Targets<f64>) -> GradientCheck {
    let mut tape = network.tape(x.nrows());
    let mut run = |network: &Network<f64>| {
        let pass = network.forward(x, &mut tape).unwrap();
        let (loss, gradient) = pass.backward(&CategoricalCrossEntropy::new(), targets).unwrap();
        (loss, gradient.to_vec())
    };
    let (_, gradient) = run(network);
    let mut moved = network.clone();
    let loss = |parameters: &[f64]| {
        moved.parameters_mut().copy_from_slice(parameters);
        run(&moved).0
    };
    check_function(network.parameters(), loss, &gradient, |i| format!("parameter {i}"))
}

/// How near the inputs of any ReLU come to 0, where it has no derivative for finite differences to find.
fn nearest_kink(x: &Array2<f64>, hidden: &[usize]) -> f64 {
    (0..hidden.len()).fold(f64::INFINITY, |nearest, depth| {
        let builder = Network::<f64>::builder(x.ncols()).seed(9);
        let builder = hidden[..depth].iter().fold(builder, |builder, &width| builder.dense(width).relu());
        let network = builder.dense(hidden[depth]).build().unwrap();
        let indices = Vec::from_iter(0..x.nrows());
        let mut scratch = network.scratch(x.nrows());
        let z = network.predict(x, &indices, &mut scratch).unwrap();
        z.iter().fold(nearest, |nearest, z| nearest.min(z.abs()))
    })
}

#[test]
fn networks_against_finite_differences_by_every_path() {
    let shapes: [(usize, &[usize], usize, usize); 4] =
        [(3, &[], 2, 1), (4, &[5], 3, 7), (6, &[8, 5], 4, 33), (5, &[3, 4, 3], 2, 24)];
    for (inputs, hidden, classes, rows) in shapes {
        let labels = labels(rows, classes);
        let soft = distributions(rows, classes, 7);
        let x = (0..1000)
            .map(|seed| normal(rows, inputs, seed, 1.0))
            .find(|x| nearest_kink(x, hidden) > 0.002)
            .unwrap();
        for path in PATHS {
            let builder = Network::<f64>::builder(inputs).seed(9);
            let builder = hidden.iter().fold(builder, |builder, &width| builder.dense(width).relu());
            let network = builder.dense(classes).softmax_by(path).build().unwrap();
            for targets in [Targets::Classes(&labels), Targets::Probabilities(soft.view())] {
                assert_exact(
                    &format!("{inputs}-{hidden:?}-{classes}, {path:?}"),
                    check_network(&network, x.view(), targets),
                );
            }
        }
    }
}

#[test]
fn layers_in_single_precision() {
    for ((name, double), (_, single)) in layers::<f64>().into_iter().zip(layers::<f32>()) {
        let (inputs, outputs) = double.width();
        let parameters: Vec<f32> = parameters_of(&*double).iter().map(|&p| p as f32).collect();
        let wide: Vec<f64> = parameters.iter().map(|&p| f64::from(p)).collect();
        let (x, dy) = (narrow(&normal(9, inputs, 1, 1.0)), narrow(&normal(9, outputs, 2, 1.0)));
        let (y, dx, gradient) = run_layer(&*single, &parameters, &x, &dy);
        let (y_wide, dx_wide, gradient_wide) = run_layer(&*double, &wide, &widen(&x), &widen(&dy));
        assert_same(name, &y, &y_wide, 8.0);
        assert_same(name, &dx, &dx_wide, 8.0);
        for (gradient, gradient_wide) in gradient.iter().zip(&gradient_wide) {
            assert_same(name, gradient, gradient_wide, 8.0);
        }
    }
}

fn run_layer<F: Real>(
    layer: &dyn Layer<F>,
    parameters: &[F],
    x: &Array2<F>,
    dy: &Array2<F>,
) -> (Array2<F>, Array2<F>, Vec<Array2<F>>) {
    let mut y = Array2::from_elem(dy.dim(), F::nan());
    layer.forward(parameters, x.view(), y.view_mut());
    let mut dx = Array2::from_elem(x.dim(), F::nan());
    let kept = Kept::new(x.view(), y.view());
    layer.backward_input(parameters, kept, dy.view(), dx.view_mut());
    let specs = layer.parameters().iter().enumerate();
    let gradient = specs.map(|(parameter, spec)| {
        let mut gradient = Array2::from_elem(spec.shape, F::nan());
        let block = Block { parameter, rows: 0..spec.shape.0 };
        layer.backward_parameters(&block, kept, dy.view(), gradient.view_mut());
        gradient
    });
    let gradient = gradient.collect();
    (y, dx, gradient)
}

#[test]
fn activations_in_single_precision() {
    for ((name, double), (_, single)) in activations::<f64>().into_iter().zip(activations::<f32>()) {
        for width in [1, 2, 9, 100] {
            let (x, dy) = (narrow(&normal(6, width, 1, 3.0)), narrow(&normal(6, width, 2, 1.0)));
            let y = single.output(x.view());
            let y_wide = double.output(widen(&x).view());
            assert_same(name, &y, &y_wide, 4.0);
            let dx = single.input_gradient(x.view(), y.view(), dy.view());
            let dx_wide = double.input_gradient(widen(&x).view(), y_wide.view(), widen(&dy).view());
            // One class has no gradient: what is left is the rounding of dy itself.
            let scale = if width == 1 && name.contains("softmax") { f64::INFINITY } else { 8.0 };
            assert_same(name, &dx, &dx_wide, scale);
            assert!(width > 1 || !name.contains("softmax") || dx.iter().all(|&d| d.abs() < 1e-6));
        }
    }
}

#[test]
fn losses_in_single_precision() {
    for ((name, double, compares), (_, single, _)) in losses::<f64>().into_iter().zip(losses::<f32>()) {
        for width in [2, 3, 50] {
            let (y, targets) = outputs_and_targets(compares, 8, width);
            let y = narrow(&y);
            for targets in &targets {
                let targets = match targets {
                    OwnedTargets::Classes(labels) => OwnedTargets::Classes(labels.clone()),
                    OwnedTargets::Probabilities(rows) => OwnedTargets::Probabilities(narrow(rows)),
                    OwnedTargets::Values(rows) => OwnedTargets::Values(narrow(rows)),
                };
                let wide = match &targets {
                    OwnedTargets::Classes(labels) => OwnedTargets::Classes(labels.clone()),
                    OwnedTargets::Probabilities(rows) => OwnedTargets::Probabilities(widen(rows)),
                    OwnedTargets::Values(rows) => OwnedTargets::Values(widen(rows)),
                };
                let (losses, dy) = run_loss(&*single, &y, targets.view());
                let (losses_wide, dy_wide) = run_loss(&*double, &widen(&y), wide.view());
                let column = |losses: Array1<f32>| losses.insert_axis(ndarray::Axis(1));
                assert_same(name, &column(losses), &losses_wide.insert_axis(ndarray::Axis(1)), 16.0);
                assert_same(name, &dy, &dy_wide, 16.0);
            }
        }
    }
}

fn run_loss<F: Real>(loss: &dyn Loss<F>, y: &Array2<F>, targets: Targets<F>) -> (Array1<F>, Array2<F>) {
    let mut losses = Array1::from_elem(y.nrows(), F::nan());
    let mut dy = Array2::from_elem(y.dim(), F::nan());
    let scale = F::of(1.0 / y.nrows() as f64);
    loss.forward_backward(y.view(), targets, scale, losses.view_mut(), dy.view_mut());
    (losses, dy)
}
