//! The systems of the backpropagation chapter (chapter 9 of *Neural Networks from Scratch in Python*), each under its name
//! and with the chapter's numbers, in f64 and f32.

#![allow(clippy::unwrap_used)]

use chainrule::core::{Block, Kept, Real};
use chainrule::kernels::softmax_jacobian;
use chainrule::models::Initializer;
use chainrule::prelude::*;
use ndarray::{Array1, Array2, ArrayRef, ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis, Ix2};

const PATHS: [GradientPath; 4] =
    [GradientPath::Fused, GradientPath::Product, GradientPath::Jacobian, GradientPath::StoredJacobian];

#[test]
fn one_neuron_with_relu() {
    fn check<F: Real>() {
        let x = matrix::<F, 1, 3>([[1.0, -2.0, 3.0]]);
        let weights = [-3.0, -1.0, 2.0].map(F::of);
        let products: Vec<F> = x.iter().zip(weights).map(|(&x, w)| x * w).collect();
        assert_eq!(products, [-3.0, 2.0, 6.0].map(F::of));

        let dense = Dense::new(3, 1, Initializer::default());
        let parameters = [-3.0, -1.0, 2.0, 1.0].map(F::of);
        let z = output(&dense, &parameters, &x);
        assert_eq!(z, matrix([[6.0]]));
        let y = Relu.output(z.view());
        assert_eq!(y, matrix([[6.0]]));

        // dz = dy · 1 as z > 0; dx = dz · w, dw = dz · x, db = dz.
        let dz = Relu.input_gradient(z.view(), y.view(), matrix([[1.0]]).view());
        assert_eq!(dz, matrix([[1.0]]));
        let [dx, dw, db] = gradients(&dense, &parameters, &x, &dz);
        assert_eq!(dx, matrix([[-3.0, -1.0, 2.0]]));
        assert_eq!(dw, matrix([[1.0], [-2.0], [3.0]]));
        assert_eq!(db, matrix([[1.0]]));
    }
    check::<f64>();
    check::<f32>();
}

/// The same neuron as a network that is to make its output smaller.
#[test]
fn one_neuron_with_relu_takes_a_step() {
    fn check<F: Real>() {
        let x = matrix::<F, 1, 3>([[1.0, -2.0, 3.0]]);
        let target = Targets::Classes(&[0]);
        let mut network = Network::<F>::builder(3).dense(1).relu().build().unwrap();
        network.parameters_mut().copy_from_slice(&[-3.0, -1.0, 2.0, 1.0].map(F::of));
        let sgd = Sgd { learning_rate: 0.001, momentum: 0.0, ..Sgd::default() };
        let mut optimizer = OptimizerState::new(sgd, &network).unwrap();
        let mut tape = network.tape(1);

        let pass = network.forward(x.view(), &mut tape).unwrap();
        assert_eq!(pass.output(), matrix([[6.0]]));
        let (y, gradient) = pass.backward(&OutputItself, target).unwrap();
        assert_eq!(y, F::of(6.0));
        assert_eq!(*gradient, [1.0, -2.0, 3.0, 1.0].map(F::of));

        optimizer.step(network.parameters_mut(), gradient).unwrap();
        let parameters = ArrayView2::from_shape((1, 4), network.parameters()).unwrap();
        assert_near(&parameters, &matrix([[-3.001, -0.998, 1.997, 0.999]]));
        let (y, _) = network.forward(x.view(), &mut tape).unwrap().backward(&OutputItself, target).unwrap();
        assert_near(&matrix_of(y), &matrix([[5.985]]));

        // At z = 0 and below it, the derivative is 0.
        for bias in [-5.0, -7.0] {
            network.parameters_mut().copy_from_slice(&[-3.0, -1.0, 2.0, bias].map(F::of));
            let pass = network.forward(x.view(), &mut tape).unwrap();
            let (y, gradient) = pass.backward(&OutputItself, target).unwrap();
            assert_eq!(y, F::zero());
            assert_eq!(*gradient, [F::zero(); 4]);
        }
    }
    check::<f64>();
    check::<f32>();
}

#[test]
fn activation_relu() {
    fn check<F: Real>() {
        let z = matrix::<F, 3, 4>([[1.0, 2.0, -3.0, -4.0], [2.0, -7.0, -1.0, 3.0], [-1.0, 2.0, 5.0, -1.0]]);
        let y = Relu.output(z.view());
        assert_eq!(y, matrix([[1.0, 2.0, 0.0, 0.0], [2.0, 0.0, 0.0, 3.0], [0.0, 2.0, 5.0, 0.0]]));

        let dy = matrix([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [9.0, 10.0, 11.0, 12.0]]);
        let dz = Relu.input_gradient(z.view(), y.view(), dy.view());
        assert_eq!(dz, matrix([[1.0, 2.0, 0.0, 0.0], [5.0, 0.0, 0.0, 8.0], [0.0, 10.0, 11.0, 0.0]]));

        let kink = matrix::<F, 1, 2>([[0.0, -0.0]]);
        let dz = Relu.input_gradient(kink.view(), kink.view(), matrix([[1.0, 1.0]]).view());
        assert_eq!(dz, matrix([[0.0, 0.0]]));
    }
    check::<f64>();
    check::<f32>();
}

#[test]
fn activation_softmax() {
    fn check<F: Real>() {
        // exp(xᵢ) / Σⱼ exp(xⱼ) of 1, 2, 3, whatever is added to all of them.
        let x = matrix::<F, 2, 3>([[1.0, 2.0, 3.0], [1001.0, 1002.0, 1003.0]]);
        let s = Softmax::default().output(x.view());
        let expected = [0.09003057317038046, 0.24472847105479767, 0.6652409557748219];
        assert_near(&s, &matrix([expected, expected]));
        assert_eq!(s.row(0), s.row(1));

        // diag(s) - s sᵀ
        let s = matrix::<F, 1, 3>([[0.7, 0.1, 0.2]]);
        let jacobian = [[0.21, -0.07, -0.14], [-0.07, 0.09, -0.02], [-0.14, -0.02, 0.16]];
        assert_near(&softmax_jacobian(s.row(0)), &matrix(jacobian));

        // Times dy: a unit vector picks a column of the Jacobian (or, as it is symmetric, a row), a constant gives nothing.
        let s = matrix::<F, 4, 3>([[0.7, 0.1, 0.2]; 4]);
        let dy = matrix([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0]]);
        let [first, second, third] = jacobian;
        for gradient in PATHS {
            let dx = Softmax { gradient }.input_gradient(s.view(), s.view(), dy.view());
            assert_near(&dx, &matrix([first, second, third, [0.0; 3]]));
        }

        // For each sample its own Jacobian times its own dy: Σⱼ sⱼ dyⱼ is 1.1, -0.35, 1.8.
        let s = probabilities::<F>();
        let dy = matrix([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0], [-4.0, 2.0, 1.0]]);
        for gradient in PATHS {
            let dx = Softmax { gradient }.input_gradient(s.view(), s.view(), dy.view());
            let expected = [[-0.07, -0.31, 0.38], [0.085, 0.175, -0.26], [-0.116, 0.18, -0.064]];
            assert_near(&dx, &matrix(expected));
        }
    }
    check::<f64>();
    check::<f32>();
}

/// Any loss is the mean of the losses of its samples.
#[test]
fn loss() {
    fn check<F: Real>() {
        let outputs = matrix::<F, 4, 1>([[1.0], [2.0], [6.0], [-1.0]]);
        let targets = Targets::Classes(&[0; 4]);
        let mut losses = Array1::zeros(4);
        OutputItself.forward(outputs.view(), targets, losses.view_mut());
        assert_eq!(losses.to_vec(), [1.0, 2.0, 6.0, -1.0].map(F::of));
        assert_eq!(OutputItself.mean(outputs.view(), targets).unwrap(), F::of(2.0));
        assert_eq!(OutputItself.gradient(outputs.view(), targets).unwrap(), matrix([[0.25]; 4]));

        let none = Array2::<F>::zeros((0, 1));
        assert!(matches!(
            OutputItself.mean(none.view(), Targets::Classes(&[])),
            Err(Error::Empty { place: "outputs" })
        ));
    }
    check::<f64>();
    check::<f32>();
}

#[test]
fn loss_categorical_crossentropy() {
    fn check<F: Real>() {
        let loss = CategoricalCrossEntropy::new();
        let probabilities = probabilities::<F>();
        let one_hot = matrix([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]);
        let third = 1.0 / 3.0;
        for targets in [Targets::Classes(&[0, 1, 1]), Targets::Probabilities(one_hot.view())] {
            // -log 0.7, -log 0.5, -log 0.9, and their mean
            let mut losses = Array1::zeros(3);
            loss.forward(probabilities.view(), targets, losses.view_mut());
            let expected = [[0.35667494393873245, std::f64::consts::LN_2, 0.10536051565782628]];
            assert_near(&losses.insert_axis(Axis(0)), &matrix(expected));
            let mean = loss.mean(probabilities.view(), targets).unwrap();
            assert_near(&matrix_of(mean), &matrix([[0.38506088005216804]]));

            // -y / ŷ / 3
            let dy = loss.gradient(probabilities.view(), targets).unwrap();
            let expected = [[-third / 0.7, 0.0, 0.0], [0.0, -third / 0.5, 0.0], [0.0, -third / 0.9, 0.0]];
            assert_near(&dy, &matrix(expected));
        }

        // Clipped to [1e-7, 1 - 1e-7]: -log 1e-7 for a true class of probability 0, and next to nothing for one of probability 1.
        let certain = matrix::<F, 2, 2>([[0.0, 1.0], [0.0, 1.0]]);
        let targets = Targets::Classes(&[0, 1]);
        let mut losses = Array1::zeros(2);
        loss.forward(certain.view(), targets, losses.view_mut());
        assert_near(&losses.insert_axis(Axis(0)), &matrix([[16.11809565095832, 1.0000000494736474e-7]]));
        let dy = loss.gradient(certain.view(), targets).unwrap();
        // The gradient is the unclipped one's, with a bound that keeps it finite.
        assert_eq!(dy[[0, 0]], -F::of(0.5) / (F::min_positive_value() * F::of(2.0).powi(26)));
        assert_eq!(dy[[1, 1]], F::of(-0.5));
    }
    check::<f64>();
    check::<f32>();
}

/// The reference point, by all paths: one step for the loss and one through the softmax, both fused, and in a network.
#[test]
fn activation_softmax_loss_categorical_crossentropy() {
    fn check<F: Real>() {
        let (probabilities, labels) = (probabilities::<F>(), [0, 1, 1]);
        let logits = probabilities.ln();
        let targets = Targets::Classes(&labels);
        // (ŷ - y) / 3: [[-.1, .0333, .0667], [.0333, -.1667, .1333], [.0067, -.0333, .0267]]
        let dlogits = matrix([[-0.3, 0.1, 0.2], [0.1, -0.5, 0.4], [0.02, -0.1, 0.08]]).mapv(|d: f64| d / 3.0);
        let loss = matrix([[0.38506088005216804]]);

        assert_near(&SoftmaxCrossEntropy::new().gradient(logits.view(), targets).unwrap(), &dlogits);
        assert_near(&matrix_of(SoftmaxCrossEntropy::new().mean(logits.view(), targets).unwrap()), &loss);
        let dy = CategoricalCrossEntropy::new().gradient(probabilities.view(), targets).unwrap();
        for gradient in PATHS {
            let dx = Softmax { gradient }.input_gradient(logits.view(), probabilities.view(), dy.view());
            assert_near(&dx, &dlogits);
        }

        // A network whose weights are the logits, on the rows of the identity: dW = xᵀ dlogits = dlogits.
        let x = Array2::eye(3);
        for gradient in PATHS {
            let mut network = Network::<F>::builder(3).dense(3).softmax_by(gradient).build().unwrap();
            let bias = [F::zero(); 3];
            let parameters: Vec<F> = logits.iter().copied().chain(bias).collect();
            network.parameters_mut().copy_from_slice(&parameters);
            let mut tape = network.tape(3);
            let pass = network.forward(x.view(), &mut tape).unwrap();
            assert_near(&pass.output(), &self::probabilities());
            let (mean, gradient) = pass.backward(&CategoricalCrossEntropy::new(), targets).unwrap();
            assert_near(&matrix_of(mean), &loss);
            let (dw, db) = gradient.split_at(9);
            assert_near(&ArrayView2::from_shape((3, 3), dw).unwrap(), &dlogits);
            let sums = dlogits.sum_axis(Axis(0)).insert_axis(Axis(0));
            assert_near(&ArrayView2::from_shape((1, 3), db).unwrap(), &sums);
        }
    }
    check::<f64>();
    check::<f32>();
}

#[test]
fn dense_layer() {
    fn check<F: Real>() {
        let x = matrix::<F, 3, 4>([[1.0, 2.0, 3.0, 2.5], [2.0, 5.0, -1.0, 2.0], [-1.5, 2.7, 3.3, -0.8]]);
        let neurons =
            matrix::<F, 3, 4>([[0.2, 0.8, -0.5, 1.0], [0.5, -0.91, 0.26, -0.5], [-0.26, -0.27, 0.17, 0.87]]);
        let biases = [2.0, 3.0, 0.5].map(F::of);
        let parameters: Vec<F> = neurons.t().iter().copied().chain(biases).collect();
        let dense = Dense::new(4, 3, Initializer::default());

        let y = output(&dense, &parameters, &x);
        assert_near(&y, &matrix([[4.8, 1.21, 2.385], [8.9, -1.81, 0.2], [1.41, 1.051, 0.026]]));

        let dy = matrix([[1.0; 3], [2.0; 3], [3.0; 3]]);
        let [dx, dw, db] = gradients(&dense, &parameters, &x, &dy);
        let expected = [[0.44, -0.38, -0.07, 1.37], [0.88, -0.76, -0.14, 2.74], [1.32, -1.14, -0.21, 4.11]];
        assert_near(&dx, &matrix(expected));
        assert_near(&dw, &matrix([[0.5; 3], [20.1; 3], [10.9; 3], [4.1; 3]]));
        assert_eq!(db, matrix([[6.0; 3]]));
    }
    check::<f64>();
    check::<f32>();
}

/// A loss that wants its one output to be small.
#[derive(Debug)]
struct OutputItself;

impl<F: Real> Loss<F> for OutputItself {
    fn name(&self) -> &'static str {
        "output itself"
    }

    fn forward(&self, y: ArrayView2<F>, _targets: Targets<F>, mut losses: ArrayViewMut1<F>) {
        losses.assign(&y.column(0));
    }

    fn backward(&self, _y: ArrayView2<F>, _targets: Targets<F>, scale: F, mut dy: ArrayViewMut2<F>) {
        dy.fill(scale);
    }
}

/// The probabilities ŷ of the reference point.
fn probabilities<F: Real>() -> Array2<F> {
    matrix([[0.7, 0.1, 0.2], [0.1, 0.5, 0.4], [0.02, 0.9, 0.08]])
}

fn matrix<F: Real, const R: usize, const C: usize>(rows: [[f64; C]; R]) -> Array2<F> {
    Array2::from_shape_fn((R, C), |(i, j)| F::of(rows[i][j]))
}

fn matrix_of<F: Real>(number: F) -> Array2<F> {
    Array2::from_elem((1, 1), number)
}

fn output<F: Real>(layer: &dyn Layer<F>, parameters: &[F], x: &Array2<F>) -> Array2<F> {
    let mut y = Array2::zeros((x.nrows(), layer.width().1));
    layer.forward(parameters, x.view(), y.view_mut());
    y
}

/// dx, dW, db of a dense layer.
fn gradients<F: Real>(dense: &Dense, parameters: &[F], x: &Array2<F>, dy: &Array2<F>) -> [Array2<F>; 3] {
    let y = output(dense, parameters, x);
    let kept = Kept::new(x.view(), y.view());
    let mut dx = Array2::zeros(x.raw_dim());
    dense.backward_input(parameters, kept, dy.view(), dx.view_mut());
    let of_parameter = |parameter: usize| {
        let shape = Layer::<F>::parameters(dense)[parameter].shape;
        let mut gradient = Array2::zeros(shape);
        let block = Block { parameter, rows: 0..shape.0 };
        dense.backward_parameters(&block, kept, dy.view(), gradient.view_mut());
        gradient
    };
    [dx, of_parameter(0), of_parameter(1)]
}

/// Each number right to 8 units of its last place, or of that of 1 if it is smaller.
#[track_caller]
fn assert_near<F: Real>(found: &ArrayRef<F, Ix2>, expected: &ArrayRef<f64, Ix2>) {
    assert_eq!(found.dim(), expected.dim());
    for ((place, found), &expected) in found.indexed_iter().zip(expected) {
        let error = (found.as_f64() - expected).abs();
        let tolerance = 8.0 * F::epsilon().as_f64() * expected.abs().max(1.0);
        assert!(error <= tolerance, "{place:?}: found {found}, expected {expected} ({})", F::NAME);
    }
}
