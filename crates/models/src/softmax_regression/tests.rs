//! Gradient and Hessian against differences, and against the chapter's Jacobian, sample by sample.

use super::hessian::factorize;
use super::minimize::minimize;
use super::objective::Objective;
use super::preconditioner::Preconditioner;
use super::{SoftmaxTraining, Solver};
use crate::Samples;
use crate::training::Team;
use chainrule_core::{Alone, Purpose, Random, Targets};
use chainrule_kernels::softmax_jacobian;
use ndarray::{Array1, Array2, ArrayView2, aview1};
use std::ops::ControlFlow;
use std::sync::Arc;

fn draws(seed: u64, rows: usize, columns: usize) -> Array2<f64> {
    let draw = |(i, j)| 2.0 * Random::new(seed, Purpose::Check, i).uniform(j as u64) - 1.0;
    Array2::from_shape_fn((rows, columns), draw)
}

struct Case {
    name: &'static str,
    x: Array2<f64>,
    labels: Vec<usize>,
    soft: Option<Array2<f64>>,
    weights: Option<Vec<f64>>,
    class_weights: Option<Vec<f64>>,
    classes: usize,
    intercept: bool,
    l2: f64,
    /// Size of the parameters.
    size: f64,
}

fn cases() -> Vec<Case> {
    let plain = |name, rows, inputs, classes| Case {
        name,
        x: draws(1, rows, inputs),
        labels: (0..rows).map(|i| i * i % classes).collect(),
        soft: None,
        weights: None,
        class_weights: None,
        classes,
        intercept: true,
        l2: 0.7,
        size: 1.0,
    };
    let weighted = |name| Case {
        weights: Some((0..31).map(|i| f64::from(i % 4)).collect()),
        class_weights: Some(vec![0.5, 2.0, 1.0]),
        ..plain(name, 31, 4, 3)
    };
    let mut soft = draws(2, 31, 3).mapv(|x| x + 1.5);
    soft.rows_mut().into_iter().for_each(|mut row| row /= row.sum());
    vec![
        plain("plain", 31, 4, 3),
        plain("more rows than a tile", 700, 5, 4),
        plain("one row", 1, 3, 2),
        plain("one class", 5, 3, 1),
        plain("many classes", 40, 2, 150),
        Case { intercept: false, ..plain("without intercept", 31, 4, 3) },
        Case { l2: 0.0, ..plain("without penalty", 31, 4, 3) },
        weighted("weights of rows and classes"),
        Case { soft: Some(soft), ..weighted("weights and soft targets") },
        Case { size: 300.0, ..plain("huge logits", 31, 4, 3) },
    ]
}

impl Case {
    fn with<R>(&self, f: impl FnOnce(&mut Objective<f64>) -> R) -> R {
        let targets = match &self.soft {
            None => Targets::Classes(&self.labels),
            Some(soft) => Targets::Probabilities(soft.view()),
        };
        let samples = match &self.weights {
            None => Samples::new(&self.x, targets),
            Some(weights) => Samples::new(&self.x, targets.weighted(weights)),
        };
        let team = Team::new(Arc::new(Alone));
        let weights = self.class_weights.as_deref();
        f(&mut Objective::new(samples, weights, self.classes, self.intercept, self.l2, team))
    }

    fn point(&self, seed: u64) -> Vec<f64> {
        let width = self.x.ncols() + usize::from(self.intercept);
        draws(seed, self.classes, width).iter().map(|w| w * self.size).collect()
    }
}

fn assert_close(name: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    let scale = expected.iter().fold(1.0_f64, |scale, x| scale.max(x.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * scale, "{name}: {found} and {expected}");
    }
}

#[test]
fn the_gradient_is_that_of_the_objective() {
    for case in cases() {
        case.with(|objective| {
            let w = case.point(3);
            let gradient = objective.evaluate(&w).unwrap().gradient;
            let h = 1e-5;
            let difference = |i: usize| {
                let mut value = |step| {
                    let mut w = w.clone();
                    w[i] += step;
                    objective.evaluate(&w).unwrap().value
                };
                (value(h) - value(-h)) / (2.0 * h)
            };
            let differences: Vec<f64> = (0..w.len()).map(difference).collect();
            assert_close(case.name, &gradient, &differences, 1e-7 * case.size);
        });
    }
}

#[test]
fn products_with_the_hessian_are_differences_of_the_gradient() {
    for case in cases() {
        case.with(|objective| {
            let (w, v) = (case.point(3), case.point(4));
            objective.evaluate(&w).unwrap();
            let product = objective.hessian_product(&v).unwrap();
            let h = 1e-5 / case.size;
            let mut gradient = |step: f64| {
                let there: Vec<f64> = w.iter().zip(&v).map(|(w, v)| w + step * v).collect();
                objective.evaluate(&there).unwrap().gradient
            };
            let (above, below) = (gradient(h), gradient(-h));
            let differences: Vec<f64> = above.iter().zip(below).map(|(a, b)| (a - b) / (2.0 * h)).collect();
            assert_close(case.name, &product, &differences, 1e-7);
        });
    }
}

/// H = Σᵢ wᵢ J(sᵢ) ⊗ xᵢ xᵢᵀ + λ I, each Jacobian as the chapter has it.
fn explicit_hessian(case: &Case, objective: &Objective<f64>) -> Array2<f64> {
    let (classes, width) = (case.classes, objective.width());
    let mut hessian = Array2::zeros((classes * width, classes * width));
    for row in 0..case.x.nrows() {
        let jacobian = softmax_jacobian(aview1(objective.probabilities(row))) * objective.row_weight(row);
        let mut x = case.x.row(row).to_vec();
        x.extend(case.intercept.then_some(1.0));
        for ((i, j), entry) in hessian.indexed_iter_mut() {
            *entry += jacobian[[i / width, j / width]] * x[i % width] * x[j % width];
        }
    }
    for i in 0..classes * width {
        let is_intercept = case.intercept && i % width == width - 1;
        hessian[[i, i]] += if is_intercept { 0.0 } else { case.l2 };
    }
    hessian
}

fn lower(matrix: &Array2<f64>) -> Vec<f64> {
    matrix.indexed_iter().filter(|((i, j), _)| i >= j).map(|(_, &entry)| entry).collect()
}

#[test]
fn the_hessian_is_the_chapters_jacobian_between_the_inputs() {
    for case in cases() {
        case.with(|objective| {
            let (w, v) = (case.point(3), case.point(4));
            objective.evaluate(&w).unwrap();
            let expected = explicit_hessian(&case, objective);
            assert_close(case.name, &lower(&objective.hessian().unwrap()), &lower(&expected), 1e-13);
            let product = expected.dot(&Array1::from(v.clone()));
            assert_close(
                case.name,
                &objective.hessian_product(&v).unwrap(),
                product.as_slice().unwrap(),
                1e-13,
            );
        });
    }
}

/// At 0 every Jacobian is (I - 11ᵀ/K) / K, so that the bound, scaled to their trace, is the Hessian itself.
#[test]
fn the_scaled_bound_is_the_hessian_where_all_classes_are_as_probable() {
    for case in cases().iter().filter(|case| case.l2 > 0.0 && case.soft.is_none()) {
        case.with(|objective| {
            let mut v = case.point(4);
            objective.centre(&mut v);
            objective.evaluate(&vec![0.0; v.len()]).unwrap();
            let bound = Preconditioner::bound(objective).unwrap();
            let product = objective.hessian_product(&v).unwrap();
            assert_close(case.name, &bound.solve(objective, &product).unwrap(), &v, 1e-9 * case.size);
        });
    }
}

/// v ↦ P⁻¹ v, column by column.
fn inverse(preconditioner: &Preconditioner, objective: &Objective<f64>) -> Array2<f64> {
    let order = objective.len();
    let column = |i| {
        let mut unit = vec![0.0; order];
        unit[i] = 1.0;
        objective.centre(&mut unit);
        preconditioner.solve(objective, &unit).unwrap()
    };
    let columns: Vec<f64> = (0..order).flat_map(column).collect();
    ArrayView2::from_shape((order, order), &columns).unwrap().t().to_owned()
}

/// As conjugate gradients need it, and the blocks nearer to the Hessian than nothing is.
#[test]
fn preconditioners_are_symmetric_and_positive() {
    for case in cases().iter().filter(|case| case.l2 > 0.0 && case.classes < 100) {
        case.with(|objective| {
            objective.evaluate(&case.point(3)).unwrap();
            let diagonal = Preconditioner::Diagonal(objective.bound_diagonal().unwrap());
            let blocks = Preconditioner::blocks(objective).unwrap().unwrap();
            for preconditioner in [Preconditioner::bound(objective).unwrap(), diagonal, blocks] {
                let inverse = inverse(&preconditioner, objective);
                let transposed = inverse.t().to_owned();
                assert_close(case.name, &lower(&inverse), &lower(&transposed), 1e-9);
                let mut v = case.point(5);
                objective.centre(&mut v);
                let v = Array1::from(v);
                let form = v.dot(&inverse.dot(&v));
                assert!(form > 0.0 || case.classes == 1, "{}: {form}", case.name);
            }
        });
    }
}

/// Wherever it begins: what all classes share at the start is not there at the end.
#[test]
fn the_optimum_has_nothing_that_all_classes_share() {
    for solver in [Solver::NewtonCg, Solver::NewtonCholesky, Solver::Lbfgs] {
        let case = &cases()[0];
        case.with(|objective| {
            let training = SoftmaxTraining { solver, tolerance: 1e-9, ..SoftmaxTraining::default() };
            let mut go = |w: &mut [f64]| {
                let history = minimize(objective, w, &training, &mut |_| ControlFlow::Continue(())).unwrap();
                assert!(history.has_converged(), "{history}");
            };
            let mut w = vec![0.0; case.classes * 5];
            go(&mut w);
            let mut again: Vec<f64> = w.iter().enumerate().map(|(i, w)| w + (i % 5) as f64 / 10.0).collect();
            go(&mut again);
            assert_close(case.name, &again, &w, 1e-7);
        });
    }
}

#[test]
fn singular_matrices_get_a_factor_at_any_scale() {
    for scale in [1e-200, 1.0, 1e200] {
        let twice = ndarray::array![[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]] * scale;
        let mut x = [scale, scale, 3.0];
        factorize(twice).expect("a little on the diagonal").solve(&mut x);
        assert!((x[0] + x[1] - 1.0).abs() < 1e-3 && x[2] == 3.0, "{x:?}");
    }
    assert!(factorize(ndarray::array![[f64::INFINITY]]).is_none());
}
