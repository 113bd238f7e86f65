//! What holds for any numbers: of losses, of networks, of weights.

use chainrule_core::{Activation, Layer, Loss, OwnedTargets, Targets};
use chainrule_models::{
    BinaryCrossEntropy, CategoricalCrossEntropy, Elu, Focal, Gelu, GradientPath, Huber, LayerNorm, LeakyRelu,
    Linear, LogSoftmax, MeanAbsoluteError, MeanSquaredError, NegativeLogLikelihood, Network, Relu, Sigmoid,
    SigmoidCrossEntropy, SigmoidFocal, Silu, Softmax, SoftmaxCrossEntropy, SoftmaxFocal, Tanh,
};
use ndarray::{Array2, Axis};
use proptest::prelude::*;

const CLASSES: usize = 5;

fn logits(reach: f64) -> impl Strategy<Value = Array2<f64>> {
    (1_usize..6)
        .prop_flat_map(move |rows| prop::collection::vec(-reach..reach, rows * CLASSES))
        .prop_map(|x| Array2::from_shape_vec((x.len() / CLASSES, CLASSES), x).unwrap())
}

/// Rows of one width, labels, and soft targets.
fn batch(reach: f64) -> impl Strategy<Value = (Array2<f64>, Vec<usize>, Array2<f64>)> {
    (logits(reach), any::<u64>()).prop_map(move |(x, seed)| {
        let labels = (0..x.nrows()).map(|row| (seed as usize).wrapping_add(row * 3) % CLASSES).collect();
        let soft = Softmax::default().output((&x / (1.0 + reach) + (seed % 7) as f64).view());
        (x, labels, soft)
    })
}

/// Every loss of classes on logits, with options and without.
fn losses_on_logits() -> Vec<Box<dyn Loss<f64>>> {
    let weights = [1.0, 0.0, 2.5, 0.5, 1.0];
    vec![
        Box::new(SoftmaxCrossEntropy::new()),
        Box::new(SoftmaxCrossEntropy::new().label_smoothing(0.3).class_weights(weights)),
        Box::new(SoftmaxFocal::new(2.0)),
        Box::new(SoftmaxFocal::new(0.5).label_smoothing(0.1)),
    ]
}

fn largest(x: &Array2<f64>) -> f64 {
    x.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()))
}

proptest! {
    /// Shifting all logits of a row changes nothing, so the gradient has no part along the shift.
    #[test]
    fn gradient_rows_sum_to_0_and_a_shift_changes_nothing(
        (x, labels, soft) in batch(20.0), shift in -50.0..50.0_f64,
    ) {
        for loss in losses_on_logits() {
            for targets in [Targets::Classes(&labels), Targets::Probabilities(soft.view())] {
                let gradient = loss.gradient(x.view(), targets).unwrap();
                let scale = 1.0 + largest(&gradient);
                for sum in gradient.sum_axis(Axis(1)) {
                    prop_assert!(sum.abs() < 1e-13 * scale, "{sum:e}");
                }
                let shifted = loss.gradient((&x + shift).view(), targets).unwrap();
                prop_assert!(largest(&(&shifted - &gradient)) < 1e-12 * scale);
                let (before, after) = (loss.mean(x.view(), targets).unwrap(), loss.mean((&x + shift).view(), targets).unwrap());
                prop_assert!((before - after).abs() < 1e-12 * (1.0 + before));
            }
        }
    }

    /// Fused, product and both Jacobians are one gradient, whatever the options.
    #[test]
    fn the_paths_agree(
        (x, mut labels, soft) in batch(20.0),
        smoothing in prop_oneof![Just(0.0), 0.0..0.9_f64],
        weighted: bool,
        ignore: bool,
        samples in prop::collection::vec(0.0..3.0_f64, 6),
    ) {
        let mut loss = CategoricalCrossEntropy::new().label_smoothing(smoothing);
        if weighted {
            loss = loss.class_weights([1.0, 0.0, 2.5, 0.5, 1.0]);
        }
        if ignore {
            loss = loss.ignored_label(9);
            labels[0] = 9;
        }
        let samples = &samples[..x.nrows()];
        let identity = Array2::<f64>::eye(CLASSES);
        for targets in [Targets::Classes(&labels), Targets::Probabilities(soft.view())] {
            let run = |path| {
                let builder = Network::<f64>::builder(CLASSES).dense(CLASSES);
                let mut network = builder.softmax_by(path).build().unwrap();
                network.parameters_mut()[..CLASSES * CLASSES].copy_from_slice(identity.as_slice().unwrap());
                let mut tape = network.tape(x.nrows());
                let pass = network.forward(x.view(), &mut tape).unwrap();
                pass.backward(&loss, targets.weighted(samples)).unwrap().1.to_vec()
            };
            let fused = run(GradientPath::Fused);
            for path in [GradientPath::Product, GradientPath::Jacobian, GradientPath::StoredJacobian] {
                let scale = 20.0 * CLASSES as f64;
                for (a, b) in run(path).iter().zip(&fused) {
                    prop_assert!((a - b).abs() <= 1e-12 * scale, "{path:?}: {a} {b}");
                }
            }
        }
    }

    #[test]
    fn probabilities_sum_to_1((x, _, _) in batch(700.0)) {
        let s = Softmax::default().output(x.view());
        prop_assert!(s.sum_axis(Axis(1)).iter().all(|sum| (sum - 1.0).abs() < 1e-14));
        let log = LogSoftmax.output(x.view());
        prop_assert!(log.mapv(f64::exp).sum_axis(Axis(1)).iter().all(|sum| (sum - 1.0).abs() < 1e-13));
    }

    /// The rows of a batch do not see each other: in another order, they give the same in that order, but for the rounding of BLAS, and the same gradient.
    #[test]
    fn a_permutation_of_rows_permutes_results((x, labels, soft) in batch(5.0), by in 0_usize..6) {
        let rows = x.nrows();
        let order: Vec<usize> = (0..rows).map(|row| (row + by) % rows).rev().collect();
        let network = Network::<f64>::builder(CLASSES)
            .dense(8)
            .layer_norm()
            .activation(Tanh)
            .residual(|block| block.dense(8).activation(Gelu))
            .dense(CLASSES)
            .softmax()
            .build()
            .unwrap();
        let outputs = network.outputs_for(&x).unwrap();
        let permuted = x.select(Axis(0), &order);
        let (found, expected) = (network.outputs_for(&permuted).unwrap(), outputs.select(Axis(0), &order));
        prop_assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12));
        let run = |x: &Array2<f64>, targets: Targets<f64>| {
            let mut tape = network.tape(rows);
            let pass = network.forward(x.view(), &mut tape).unwrap();
            let (loss, gradient) = pass.backward(&CategoricalCrossEntropy::new(), targets).unwrap();
            (loss, gradient.to_vec())
        };
        let permuted_labels: Vec<usize> = order.iter().map(|&row| labels[row]).collect();
        let permuted_soft = soft.select(Axis(0), &order);
        for (before, after) in [
            (Targets::Classes(&labels), Targets::Classes(&permuted_labels)),
            (Targets::Probabilities(soft.view()), Targets::Probabilities(permuted_soft.view())),
        ] {
            let ((loss, gradient), (other_loss, other)) = (run(&x, before), run(&permuted, after));
            prop_assert!((loss - other_loss).abs() < 1e-13 * (1.0 + loss));
            prop_assert!(gradient.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + a.abs())));
        }
    }

    /// Weight 2 is the row twice, weight 0 the row left out: loss, gradient and accuracy alike.
    #[test]
    fn a_weight_of_two_is_a_row_twice((x, labels, soft) in batch(5.0), counts in prop::collection::vec(0_usize..3, 6)) {
        let counts = &counts[..x.nrows()];
        prop_assume!(counts.iter().any(|&count| count > 0));
        let weights: Vec<f64> = counts.iter().map(|&count| count as f64).collect();
        let repeated: Vec<usize> =
            counts.iter().enumerate().flat_map(|(row, &count)| std::iter::repeat_n(row, count)).collect();
        let (x_repeated, soft_repeated) = (x.select(Axis(0), &repeated), soft.select(Axis(0), &repeated));
        let labels_repeated: Vec<usize> = repeated.iter().map(|&row| labels[row]).collect();
        let network = Network::<f64>::builder(CLASSES).dense(6).activation(Tanh).dense(CLASSES).softmax();
        let network = network.build().unwrap();
        let loss = CategoricalCrossEntropy::new().class_weights([1.0, 0.5, 2.0, 1.0, 3.0]).label_smoothing(0.1);
        let values = [OwnedTargets::Classes(labels), OwnedTargets::Probabilities(soft)];
        let others = [OwnedTargets::Classes(labels_repeated), OwnedTargets::Probabilities(soft_repeated)];
        for (targets, other) in values.iter().zip(&others) {
            let mut tape = network.tape(x.nrows());
            let pass = network.forward(x.view(), &mut tape).unwrap();
            let (a, gradient) = pass.backward(&loss, targets.view().weighted(&weights)).unwrap();
            let mut tape = network.tape(x_repeated.nrows());
            let pass = network.forward(x_repeated.view(), &mut tape).unwrap();
            let (b, other) = pass.backward(&loss, other.view()).unwrap();
            prop_assert!((a - b).abs() < 1e-13 * (1.0 + a), "{a} {b}");
            prop_assert!(gradient.iter().zip(other.iter()).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + a.abs())));
        }
    }

    /// No finite logits, however large, give NaN anywhere: activations, losses, gradients.
    #[test]
    fn nothing_is_nan(
        x in prop::collection::vec(
            prop_oneof![-3e38_f32..3e38, -1e3_f32..1e3, Just(0.0), Just(-0.0), Just(3e38), Just(-3e38), Just(1e-45)],
            4 * 3,
        ),
        label in 0_usize..4,
    ) {
        let x = Array2::from_shape_vec((3, 4), x).unwrap();
        let dy = Array2::from_elem((3, 4), 0.25_f32);
        let activations: [Box<dyn Activation<f32>>; 11] = [
            Box::new(Linear), Box::new(Relu), Box::new(LeakyRelu::default()), Box::new(Elu::default()), Box::new(Gelu),
            Box::new(Silu), Box::new(Sigmoid), Box::new(Tanh), Box::new(Softmax::default()), Box::new(LogSoftmax),
            Box::new(Softmax { gradient: GradientPath::Jacobian }),
        ];
        for activation in activations {
            let y = activation.output(x.view());
            prop_assert!(!y.iter().any(|y| y.is_nan()), "{}", activation.name());
            let dx = activation.input_gradient(x.view(), y.view(), dy.view());
            prop_assert!(!dx.iter().any(|d| d.is_nan()), "{} backward", activation.name());
        }

        let labels = [label, (label + 1) % 4, 3 - label];
        let answers = Array2::from_shape_fn((3, 4), |(i, j)| if labels[i] == j { 1.0_f32 } else { 0.0 });
        let s = Softmax::default().output(x.view());
        let smoothed = || CategoricalCrossEntropy::new().label_smoothing(0.1);
        type Case<'y> = (Box<dyn Loss<f32>>, &'y Array2<f32>, bool);
        let losses: [Case; 12] = [
            (Box::new(SoftmaxCrossEntropy::new()), &x, true),
            (Box::new(SoftmaxCrossEntropy::new().label_smoothing(0.1)), &x, true),
            (Box::new(CategoricalCrossEntropy::new()), &s, true),
            (Box::new(smoothed()), &s, true),
            (Box::new(SoftmaxFocal::new(2.0)), &x, true),
            (Box::new(SoftmaxFocal::new(0.5)), &x, true),
            (Box::new(Focal::new(2.0)), &s, true),
            (Box::new(SigmoidCrossEntropy), &x, false),
            (Box::new(SigmoidFocal::default()), &x, false),
            (Box::new(BinaryCrossEntropy), &s, false),
            (Box::new(MeanSquaredError), &x, false),
            (Box::new(Huber::default()), &x, false),
        ];
        for (loss, y, of_classes) in losses {
            let kinds = match of_classes {
                true => vec![Targets::Classes(&labels), Targets::Probabilities(answers.view())],
                false => vec![Targets::Values(answers.view())],
            };
            for targets in kinds {
                let losses = loss.losses(y.view(), targets).unwrap();
                prop_assert!(!losses.iter().any(|l| l.is_nan() || *l < 0.0), "{}: {losses}", loss.name());
                let gradient = loss.gradient(y.view(), targets).unwrap();
                prop_assert!(!gradient.iter().any(|d| d.is_nan()), "{}: {gradient}", loss.name());
            }
        }
        let log = LogSoftmax.output(x.view());
        let losses = NegativeLogLikelihood::new().losses(log.view(), Targets::Classes(&labels)).unwrap();
        prop_assert!(!losses.iter().any(|l| l.is_nan()));
        let losses = MeanAbsoluteError.losses(x.view(), Targets::Values(answers.view())).unwrap();
        prop_assert!(!losses.iter().any(|l| l.is_nan()));
    }

    /// A row of one number has no deviation, and a constant row neither.
    #[test]
    fn layer_norm_of_a_constant_row_is_its_bias(value in -1e3..1e3_f64, width in 1_usize..9) {
        let layer = LayerNorm::new(width, 1e-5);
        let x = Array2::from_elem((2, width), value);
        let mut y = Array2::from_elem(x.dim(), f64::NAN);
        let parameters: Vec<f64> = (0..2 * width).map(|i| i as f64).collect();
        layer.forward(&parameters, x.view(), y.view_mut());
        for row in y.outer_iter() {
            prop_assert!(row.iter().zip(&parameters[width..]).all(|(y, bias)| (y - bias).abs() < 1e-6 * (1.0 + bias)));
        }
    }
}
