//! Softmax, the `Activation_Softmax` of the chapter, and the three ways back through its Jacobian.
//!
//! ```text
//! sᵢ = exp(xᵢ - max x) / Σⱼ exp(xⱼ - max x)        ∂sᵢ/∂xⱼ = sᵢ (δᵢⱼ - sⱼ)        J = diag(s) - s sᵀ
//! ```
//!
//! Every output depends on every input of its sample, so the derivative of one sample is a matrix, and the gradient of a
//! sample is that matrix times the dy of that sample.

use chainrule::core::{Purpose, Random};
use chainrule::kernels::softmax_jacobian;
use chainrule::prelude::*;
use ndarray::{Array2, array, aview1};

fn main() {
    let logits = array![[1.0, 2.0, 3.0], [1001.0, 1002.0, 1003.0], [-5.0, 0.0, 5.0]];
    let s = Softmax::default().output(logits.view());
    println!("s = softmax(x): each row sums to 1, and only differences count\n{s:.4}\n");

    println!("The Jacobian of one sample, s = [0.7, 0.1, 0.2]");
    let jacobian = softmax_jacobian(aview1(&[0.7, 0.1, 0.2]));
    println!("J = diag(s) - s sᵀ\n{jacobian:.2}\n");

    // Its rows sum to 0: a constant added to all logits changes nothing.
    let row_sums = jacobian.sum_axis(ndarray::Axis(1));
    println!("Σⱼ Jᵢⱼ, largest: {:.0e}\n", largest(row_sums.iter().copied()));

    println!("A batch of 4 samples with 6 classes: dx = J dy, sample by sample, three ways");
    let random = Random::new(9, Purpose::Check, 0);
    let x = Array2::from_shape_fn((4, 6), |(i, j)| random.normal((6 * i + j) as u64));
    let dy = Array2::from_shape_fn((4, 6), |(i, j)| random.normal((100 + 6 * i + j) as u64));
    let ways = [
        (GradientPath::StoredJacobian, "J is formed and stored, then multiplied by BLAS: O(C²) a sample"),
        (GradientPath::Jacobian, "each row of J is formed and multiplied at once:     O(C²) a sample"),
        (GradientPath::Product, "multiplied out, s ⊙ (dy - ⟨s, dy⟩):                 O(C) a sample"),
    ];
    let s = Softmax::default().output(x.view());
    let gradients = ways.map(|(gradient, description)| {
        let dx = Softmax { gradient }.input_gradient(x.view(), s.view(), dy.view());
        println!("  {:<15} {description}", format!("{gradient:?}"));
        dx
    });
    println!("dx\n{:.4}", gradients[0]);

    let [stored, by_rows, product] = &gradients;
    let differences = (stored - by_rows).into_iter().chain(stored - product);
    println!("Largest difference between any of them: {:.0e}", largest(differences));
}

fn largest(numbers: impl IntoIterator<Item = f64>) -> f64 {
    numbers.into_iter().fold(0.0, |largest, number| number.abs().max(largest))
}
