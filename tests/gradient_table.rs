//! Every layer, activation, loss and gradient path in one table: each derivative in f64 against finite differences, and in
//! f32 against f64.
//!
//! A new layer, activation or loss is one more line in `layers`, `activations` or `losses`.

#![allow(clippy::unwrap_used)]

use chainrule::core::{
    Block, GradientCheck, Kept, Purpose, Random, Real, check_activation, check_function, check_layer,
    check_loss,
};
use chainrule::kernels::softmax;
use chainrule::models::{ActivationLayer, Initializer};
use chainrule::prelude::*;
use ndarray::{Array1, Array2, ArrayView2};

/// Largest relative error of a derivative in f64 against 5-point finite differences.
const TOLERANCE: f64 = 1e-8;

fn layers<F: Real>() -> Vec<(&'static str, Box<dyn Layer<F>>)> {
    vec![
        ("dense 1 → 1", Box::new(Dense::new(1, 1, Initializer::He))),
        ("dense 5 → 3, Glorot", Box::new(Dense::new(5, 3, Initializer::Glorot))),
        ("dense 17 → 9, NNFS", Box::new(Dense::new(17, 9, Initializer::NNFS))),
        ("relu 7", Box::new(ActivationLayer::new(Relu, 7))),
        ("softmax 6", Box::new(ActivationLayer::new(Softmax::default(), 6))),
    ]
}

fn activations<F: Real>() -> Vec<(&'static str, Box<dyn Activation<F>>)> {
    vec![
        ("relu", Box::new(Relu)),
        ("softmax, fused", Box::new(Softmax { gradient: GradientPath::Fused })),
        ("softmax, product", Box::new(Softmax { gradient: GradientPath::Product })),
        ("softmax, jacobian", Box::new(Softmax { gradient: GradientPath::Jacobian })),
        ("softmax, stored jacobian", Box::new(Softmax { gradient: GradientPath::StoredJacobian })),
    ]
}

/// Each with whether its outputs are probabilities (or else any numbers).
fn losses<F: Real>() -> Vec<(&'static str, Box<dyn Loss<F>>, bool)> {
    vec![
        ("categorical cross-entropy", Box::new(CategoricalCrossEntropy::new()), true),
        ("softmax cross-entropy", Box::new(SoftmaxCrossEntropy::new()), false),
    ]
}

const PATHS: [GradientPath; 4] =
    [GradientPath::Fused, GradientPath::Product, GradientPath::Jacobian, GradientPath::StoredJacobian];

/// (rows, spread) of the inputs: one row, and values far apart.
const INPUTS: [(usize, f64); 3] = [(1, 1.0), (5, 1.0), (12, 4.0)];

/// Normal numbers, none closer to ReLU's kink than finite differences reach.
fn normal(rows: usize, columns: usize, seed: u64, spread: f64) -> Array2<f64> {
    let random = Random::new(seed, Purpose::Check, 1);
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        let x = spread * random.normal((i * columns + j) as u64);
        x + 0.01_f64.copysign(x)
    })
}

fn distributions(rows: usize, classes: usize, seed: u64) -> Array2<f64> {
    let mut s = Array2::zeros((rows, classes));
    softmax(normal(rows, classes, seed, 1.0).view(), s.view_mut());
    s
}

fn labels(rows: usize, classes: usize) -> Vec<usize> {
    (0..rows).map(|row| (3 * row + 1) % classes).collect()
}

fn one_hot(labels: &[usize], classes: usize) -> Array2<f64> {
    Array2::from_shape_fn((labels.len(), classes), |(i, j)| f64::from(u8::from(labels[i] == j)))
}

fn narrow(x: &Array2<f64>) -> Array2<f32> {
    x.mapv(|x| x as f32)
}

fn widen(x: &Array2<f32>) -> Array2<f64> {
    x.mapv(f64::from)
}

#[track_caller]
fn assert_exact(name: &str, check: GradientCheck) {
    println!("{name:40} {check}");
    assert!(check.checked > 0, "{name}: nothing was checked");
    assert!(check.error() < TOLERANCE, "{name}: {check}");
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
    for (name, loss, of_probabilities) in losses::<f64>() {
        for (rows, classes) in [(1, 2), (6, 2), (5, 3), (7, 10)] {
            let y = match of_probabilities {
                // Above 0.1, where the logarithm is smooth enough for finite differences.
                true => distributions(rows, classes, 3) + 0.1,
                false => normal(rows, classes, 3, 2.0),
            };
            let labels = labels(rows, classes);
            let (hard, soft) = (one_hot(&labels, classes), distributions(rows, classes, 4));
            assert_exact(name, check_loss(&*loss, y.view(), Targets::Classes(&labels)));
            assert_exact(name, check_loss(&*loss, y.view(), Targets::Probabilities(hard.view())));
            assert_exact(name, check_loss(&*loss, y.view(), Targets::Probabilities(soft.view())));
        }
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
            let scale = if width == 1 { f64::INFINITY } else { 8.0 };
            assert_same(name, &dx, &dx_wide, scale);
            assert!(width > 1 || name == "relu" || dx.iter().all(|&d| d == 0.0));
        }
    }
}

#[test]
fn losses_in_single_precision() {
    for ((name, double, of_probabilities), (_, single, _)) in losses::<f64>().into_iter().zip(losses::<f32>())
    {
        for classes in [2, 3, 50] {
            let y = if of_probabilities { distributions(8, classes, 3) } else { normal(8, classes, 3, 3.0) };
            let y = narrow(&y);
            let soft = narrow(&distributions(8, classes, 4));
            let (labels, soft_wide) = (labels(8, classes), widen(&soft));
            for (targets, targets_wide) in [
                (Targets::Classes(&labels), Targets::Classes(&labels)),
                (Targets::Probabilities(soft.view()), Targets::Probabilities(soft_wide.view())),
            ] {
                let (losses, dy) = run_loss(&*single, &y, targets);
                let (losses_wide, dy_wide) = run_loss(&*double, &widen(&y), targets_wide);
                let column = |losses: Array1<f32>| losses.insert_axis(ndarray::Axis(1));
                assert_same(name, &column(losses), &losses_wide.insert_axis(ndarray::Axis(1)), 8.0);
                assert_same(name, &dy, &dy_wide, 8.0);
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

/// Where a derivative is wrong, the check must say so: one fault of each kind.
#[test]
fn the_check_finds_planted_faults() {
    type Change = fn(&mut Array2<f64>);
    let faults: [(&str, Change); 5] = [
        ("sign", |dx| *dx *= -1.0),
        ("scale", |dx| *dx *= 1.0 + 1e-6),
        ("one entry", |dx| dx[[1, 2]] += 1e-6),
        ("rows exchanged", |dx| dx.invert_axis(ndarray::Axis(0))),
        ("not written", |dx| dx[[0, 0]] = f64::NAN),
    ];
    for (name, change) in faults {
        let faulty = Faulty { inner: Softmax::default(), change };
        let check = check_activation(&faulty, normal(4, 5, 1, 1.0).view());
        assert!(check.error() > 10.0 * TOLERANCE, "{name} went unnoticed: {check}");
    }
}

struct Faulty {
    inner: Softmax,
    change: fn(&mut Array2<f64>),
}

impl std::fmt::Debug for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Faulty")
    }
}

impl Activation<f64> for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn forward(&self, x: ArrayView2<f64>, y: ndarray::ArrayViewMut2<f64>) {
        self.inner.forward(x, y);
    }

    fn backward(
        &self,
        x: ArrayView2<f64>,
        y: ArrayView2<f64>,
        dy: ArrayView2<f64>,
        mut dx: ndarray::ArrayViewMut2<f64>,
    ) {
        let mut wrong = self.inner.input_gradient(x, y, dy);
        (self.change)(&mut wrong);
        dx.assign(&wrong);
    }
}
