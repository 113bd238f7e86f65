//! Softmax and cross-entropy: the ways back agree, at the extremes too.

use chainrule_core::{Purpose, Random, Real, Targets};
use chainrule_kernels::{
    cross_entropy, cross_entropy_backward, cross_entropy_on_logits, softmax, softmax_backward,
    softmax_backward_jacobian, softmax_backward_stored_jacobian, softmax_cross_entropy, softmax_focal,
    softmax_jacobian,
};
use ndarray::{Array1, Array2, ArrayView2, Axis, array, s};
use ndarray_linalg::{Eigh, UPLO};
use proptest::prelude::*;

fn softmax_of<F: Real>(x: &Array2<F>) -> Array2<F> {
    let mut s = Array2::from_elem(x.dim(), F::nan());
    softmax(x.view(), s.view_mut());
    s
}

fn normal(rows: usize, classes: usize, seed: u64, spread: f64) -> Array2<f64> {
    let random = Random::new(seed, Purpose::Check, 0);
    Array2::from_shape_fn((rows, classes), |(i, j)| spread * random.normal((i * classes + j) as u64))
}

type Backward<F> = fn(ndarray::ArrayView2<F>, ndarray::ArrayView2<F>, ndarray::ArrayViewMut2<F>);

fn ways_back<F: Real>() -> [(&'static str, Backward<F>); 3] {
    [
        ("closed form", softmax_backward),
        ("Jacobian row by row", softmax_backward_jacobian),
        ("stored Jacobian", softmax_backward_stored_jacobian),
    ]
}

proptest! {
    #[test]
    fn the_ways_back_agree(rows in 1_usize..40, classes in 1_usize..70, seed in 0_u64..1000, spread in 0.1..30.0) {
        let s = softmax_of(&normal(rows, classes, seed, spread));
        let dy = normal(rows, classes, seed + 1, 1.0);
        let expected = Array2::from_shape_fn((rows, classes), |(r, i)| {
            let jacobian = softmax_jacobian(s.row(r));
            (0..classes).map(|j| jacobian[[i, j]] * dy[[r, j]]).sum::<f64>()
        });
        for (name, backward) in ways_back() {
            let mut dx = Array2::from_elem((rows, classes), f64::NAN);
            backward(s.view(), dy.view(), dx.view_mut());
            let worst = (&dx - &expected).mapv(f64::abs).iter().copied().fold(0.0, f64::max);
            prop_assert!(worst < 1e-14, "{}: {}", name, worst);
            // A shift of all logits changes nothing, so the gradient of each row sums to 0.
            prop_assert!(dx.sum_axis(Axis(1)).iter().all(|sum| sum.abs() < 1e-13));
        }
    }

    #[test]
    fn fused_is_the_jacobian_times_the_gradient_of_the_loss(
        rows in 1_usize..20, classes in 1_usize..40, seed in 0_u64..1000,
    ) {
        let logits = normal(rows, classes, seed, 2.0);
        let s = softmax_of(&logits);
        let labels: Vec<usize> = (0..rows).map(|i| (i * 7 + seed as usize) % classes).collect();
        let soft = softmax_of(&normal(rows, classes, seed + 2, 1.0));
        let scale = 1.0 / rows as f64;
        for targets in [Targets::Classes(&labels), Targets::Probabilities(soft.view())] {
            let (mut losses, mut dlogits) = (Array1::zeros(rows), Array2::zeros((rows, classes)));
            softmax_cross_entropy(logits.view(), targets, Default::default(), scale, losses.view_mut(), dlogits.view_mut());

            let (mut expected, mut ds) = (Array1::zeros(rows), Array2::zeros((rows, classes)));
            cross_entropy(s.view(), targets, Default::default(), expected.view_mut());
            cross_entropy_backward(s.view(), targets, Default::default(), scale, ds.view_mut());
            let mut on_logits = Array1::zeros(rows);
            cross_entropy_on_logits(logits.view(), targets, Default::default(), on_logits.view_mut());
            prop_assert_eq!(&on_logits, &losses);
            // One class is clipped to 1 - 1e-7.
            let clipped = if classes == 1 { 2e-7 } else { 1e-12 };
            prop_assert!((&expected - &losses).iter().all(|d| d.abs() < clipped));
            for (name, backward) in ways_back() {
                let mut dx = Array2::zeros((rows, classes));
                backward(s.view(), ds.view(), dx.view_mut());
                let worst = (&dx - &dlogits).mapv(f64::abs).iter().copied().fold(0.0, f64::max);
                prop_assert!(worst < 1e-12, "{}: {}", name, worst);
            }
        }
    }

    #[test]
    fn finite_logits_give_finite_gradients(
        logits in prop::collection::vec(prop_oneof![-3e38_f32..3e38, -1e3_f32..1e3, Just(0.0)], 1..40),
        label in 0_usize..40,
    ) {
        let classes = logits.len();
        let label = label % classes;
        let logits = Array2::from_shape_vec((1, classes), logits).expect("one row");
        let s = softmax_of(&logits);
        prop_assert!((s.sum() - 1.0).abs() < 1e-6);
        let one_hot = Array2::from_shape_fn((1, classes), |(_, j)| if j == label { 1.0 } else { 0.0 });
        for targets in [Targets::Classes(&[label]), Targets::Probabilities(one_hot.view())] {
            let (mut losses, mut dlogits) = (Array1::zeros(1), Array2::zeros((1, classes)));
            softmax_cross_entropy(logits.view(), targets, Default::default(), 1.0, losses.view_mut(), dlogits.view_mut());
            prop_assert!(losses[0] >= 0.0, "{}", losses[0]);
            prop_assert!(dlogits.iter().all(|d| d.is_finite() && d.abs() <= 1.0));
            let mut ds = Array2::zeros((1, classes));
            cross_entropy_backward(s.view(), targets, Default::default(), 1.0, ds.view_mut());
            for (_, backward) in ways_back() {
                let mut dx = Array2::zeros((1, classes));
                backward(s.view(), ds.view(), dx.view_mut());
                prop_assert!(dx.iter().all(|d| d.is_finite()));
            }
        }
    }
}

/// What makes the Jacobian what it is: symmetric, positive semi-definite, its null space the shift of all logits, and
/// no eigenvalue above 1/2 (LAPACK computes them).
#[test]
fn the_jacobian_has_the_spectrum_of_a_covariance() {
    for (classes, spread) in [(1, 1.0), (2, 0.0), (2, 5.0), (10, 1.0), (33, 4.0)] {
        let s = softmax_of(&normal(1, classes, 3, spread));
        let jacobian = softmax_jacobian(s.row(0));
        assert_eq!(jacobian, jacobian.t());
        assert!(jacobian.sum_axis(Axis(1)).iter().all(|sum| sum.abs() < 1e-15));
        let (eigenvalues, _) = jacobian.eigh(UPLO::Lower).expect("LAPACK");
        assert!(eigenvalues.iter().all(|&value| (-1e-15..=0.5 + 1e-15).contains(&value)), "{eigenvalues}");
        assert!(eigenvalues[0].abs() < 1e-15);
        assert!((eigenvalues.sum() - (1.0 - s.mapv(|s| s * s).sum())).abs() < 1e-14);
    }
}

#[test]
fn a_certain_wrong_answer_costs_its_logit_and_not_infinity() {
    let logits = array![[1000.0_f64, 0.0], [0.0, 0.0]];
    let mut losses = Array1::zeros(2);
    cross_entropy_on_logits(logits.view(), Targets::Classes(&[1, 0]), Default::default(), losses.view_mut());
    assert_eq!(losses, array![1000.0, 2.0_f64.ln()]);
    // The chapter's loss on probabilities stops at its clip.
    cross_entropy(
        softmax_of(&logits).view(),
        Targets::Classes(&[1, 0]),
        Default::default(),
        losses.view_mut(),
    );
    assert_eq!(losses[0], -(1e-7_f64).ln());
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let s = softmax_of(&normal(200, 90, 1, 2.0));
    let dy = normal(200, 90, 2, 1.0);
    for (name, backward) in ways_back() {
        let results = [1, 2, 3, 8].map(|threads| {
            let mut dx = Array2::zeros(s.dim());
            let pool = chainrule_kernels::pool(threads).expect("threads");
            pool.install(|| backward(s.view(), dy.view(), dx.view_mut()));
            dx
        });
        assert!(results.iter().all(|dx| dx == results[0]), "{name}");
    }
}

#[test]
#[should_panic(expected = "softmax_backward: dy is (2, 4), expected (2, 3)")]
fn shapes_that_differ_panic() {
    let (s, dy) = (Array2::<f32>::zeros((2, 3)), Array2::zeros((2, 4)));
    softmax_backward(s.view(), dy.view(), Array2::zeros((2, 3)).view_mut());
}

/// A class of weight 0 costs nothing, also where its loss is infinite.
#[test]
fn a_class_that_does_not_count_costs_nothing() {
    let logits = array![[-3e38_f32, 3e38]];
    let weights = [0.0, 1.0];
    let options =
        chainrule_kernels::CrossEntropyOptions { class_weights: Some(&weights), ..Default::default() };
    let (mut losses, mut d) = (Array1::from_elem(1, f32::NAN), Array2::from_elem((1, 2), f32::NAN));
    let targets = Targets::Classes(&[0]);
    softmax_cross_entropy(logits.view(), targets, options, 1.0, losses.view_mut(), d.view_mut());
    assert_eq!(losses[0], 0.0);
    assert_eq!(d, array![[0.0, 0.0]]);
}

fn check_neighbours<F: Real>() {
    for classes in [10, 100, 321, 1000, 5000] {
        let mut logits: Array2<F> = normal(40, classes, 3, 2.0).mapv(F::of);
        (logits[[3, classes / 2]], logits[[12, 1]]) = (F::nan(), F::nan());
        logits.row_mut(9).fill(F::neg_infinity());
        logits[[17, 1]] = F::infinity();
        logits.row_mut(18).mapv_inplace(|x| x * F::of(1e30));
        // One label is ignored, one weighs nothing, one so little that the gradient is a subnormal number or 0.
        let labels: Vec<usize> = (0..40).map(|i| i % 7).collect();
        let mut weights = vec![1.0; classes];
        (weights[2], weights[3]) = (0.0, F::min_positive_value().as_f64());
        let plain = chainrule_kernels::CrossEntropyOptions {
            class_weights: Some(&weights),
            ignored_label: Some(5),
            ..Default::default()
        };
        for options in [plain, chainrule_kernels::CrossEntropyOptions { label_smoothing: 0.1, ..plain }] {
            let gradient = |x: ArrayView2<F>, labels: &[usize]| {
                let (mut losses, mut d) = (Array1::zeros(x.nrows()), Array2::from_elem(x.dim(), F::nan()));
                let (targets, scale) = (Targets::Classes(labels), F::of(0.3));
                softmax_cross_entropy(x, targets, options, scale, losses.view_mut(), d.view_mut());
                // NaN is NaN, whatever its bits.
                (losses.mapv(|x| x.to_string()), d.mapv(|x| x.to_string()))
            };
            let (losses, d) = gradient(logits.view(), &labels);
            for i in 0..40 {
                let row = logits.slice(s![i..=i, ..]);
                let (loss_alone, d_alone) = gradient(row, &labels[i..=i]);
                let place = format!("{}, row {i} of {classes} classes", F::NAME);
                assert_eq!((&loss_alone[0], d_alone.row(0)), (&losses[i], d.row(i)), "{place}");
            }
            assert!(d.row(5).iter().chain(d.row(12)).all(|d| d == "0"), "{}, {classes} classes", F::NAME);
        }
    }
}

/// Also those that have no softmax, or whose gradient is no product: the rows beside them do not notice.
#[test]
fn a_row_is_the_same_alone() {
    check_neighbours::<f32>();
    check_neighbours::<f64>();
}

/// Its scale is a number of the type, but not that over the sum of the exponentials as they are kept.
#[test]
fn a_tiny_gradient_is_as_exact() {
    for classes in [10, 100, 321, 5000] {
        let logits = normal(3, classes, 4, 2.0).mapv(|x| x as f32);
        let s = softmax_of(&logits);
        for scale in [1e-20, 1e-30, 1e-40_f32] {
            let (mut losses, mut d) = (Array1::zeros(3), Array2::zeros(logits.dim()));
            let targets = Targets::Classes(&[0, 0, 0]);
            let options = Default::default();
            softmax_cross_entropy(logits.view(), targets, options, scale, losses.view_mut(), d.view_mut());
            for ((i, j), &d) in d.indexed_iter().filter(|((_, j), _)| *j > 0) {
                let exact = f64::from(s[[i, j]]) * f64::from(scale);
                let bound = 4.0 * f64::from(f32::EPSILON) * exact + f64::from(f32::from_bits(1));
                assert!(
                    (f64::from(d) - exact).abs() <= bound,
                    "{classes} classes, {scale:e}: {d:e}, {exact:e}"
                );
            }
        }
    }
}

/// With and without smoothing, of few classes and of many.
#[test]
fn a_label_beyond_the_classes_panics() {
    for (classes, label_smoothing) in [(3, 0.0), (3, 0.1), (40, 0.0), (40, 0.1), (400, 0.0), (400, 0.1)] {
        let logits = Array2::<f32>::zeros((2, classes));
        let options = chainrule_kernels::CrossEntropyOptions { label_smoothing, ..Default::default() };
        let labels = [0, classes];
        let loss = std::panic::catch_unwind(|| {
            let (mut losses, mut d) = (Array1::zeros(2), Array2::zeros(logits.dim()));
            let targets = Targets::Classes(&labels);
            softmax_cross_entropy(logits.view(), targets, options, 1.0, losses.view_mut(), d.view_mut());
        });
        assert!(loss.is_err(), "{classes} classes, smoothing {label_smoothing}");
    }
}

#[test]
fn rows_without_classes_are_left_alone() {
    let empty = Array2::<f32>::zeros((2, 0));
    let (mut losses, mut d) = (Array1::zeros(2), empty.clone());
    let soft = Targets::Probabilities(empty.view());
    softmax(empty.view(), d.view_mut());
    softmax_backward(empty.view(), empty.view(), d.view_mut());
    softmax_focal(empty.view(), soft, Default::default(), 2.0, 0.5, losses.view_mut(), d.view_mut());
    softmax_cross_entropy(empty.view(), soft, Default::default(), 0.5, losses.view_mut(), d.view_mut());
    assert_eq!(losses, array![0.0, 0.0]);
}
