//! Softmax and categorical cross-entropy together, the chapter's `Activation_Softmax_Loss_CategoricalCrossentropy`.
//!
//! ```text
//! two steps:  dŷ = -y/ŷ/N, then dx = (diag(ŷ) - ŷ ŷᵀ) dŷ for each sample
//! fused:      dx = (ŷ - y) / N
//! ```
//!
//! The same gradient: in ŷᵢ (dŷᵢ - Σⱼ ŷⱼ dŷⱼ) with dŷ = -y/ŷ/N every division cancels, and Σⱼ yⱼ = 1.

use chainrule::core::{Purpose, Random};
use chainrule::prelude::*;
use ndarray::{Array2, ArrayView2, array};
use std::hint::black_box;
use std::time::Instant;

/// dx in two steps, the first by the loss, the second by the Jacobian of softmax.
fn two_steps(
    gradient: GradientPath,
    x: ArrayView2<f64>,
    targets: Targets<f64>,
) -> Result<Array2<f64>, Error> {
    let softmax = Softmax { gradient };
    let y = softmax.output(x);
    let dy = CategoricalCrossEntropy::new().gradient(y.view(), targets)?;
    Ok(softmax.input_gradient(x, y.view(), dy.view()))
}

/// dx in one step, from the logits.
fn fused(x: ArrayView2<f64>, targets: Targets<f64>) -> Result<Array2<f64>, Error> {
    SoftmaxCrossEntropy::new().gradient(x, targets)
}

fn main() -> Result<(), Error> {
    let probabilities: Array2<f64> = array![[0.7, 0.1, 0.2], [0.1, 0.5, 0.4], [0.02, 0.9, 0.08]];
    let targets = Targets::Classes(&[0, 1, 1]);
    // The logits of these probabilities, up to a constant that softmax does not see.
    let logits = probabilities.ln();
    println!("ŷ = softmax(log ŷ)\n{:.2}\n", Softmax::default().output(logits.view()));

    let one_step = fused(logits.view(), targets)?;
    println!("dx fused, (ŷ - y) / N\n{one_step:.4}\n");
    let paths = [GradientPath::StoredJacobian, GradientPath::Jacobian, GradientPath::Product];
    for path in paths {
        let dx = two_steps(path, logits.view(), targets)?;
        println!("dx in two steps, by {path:?}\n{dx:.4}");
        println!("  largest difference from the fused one: {:.0e}\n", largest_difference(&dx, &one_step));
    }

    let (rows, classes) = (256, 100);
    let random = Random::new(9, Purpose::Check, 0);
    let x = Array2::from_shape_fn((rows, classes), |(i, j)| random.normal((classes * i + j) as u64));
    let labels: Vec<usize> = (0..rows).map(|row| row % classes).collect();
    let targets = Targets::Classes(&labels);
    let unit = seconds(|| fused(x.view(), targets))?;
    println!(
        "What it costs, for {rows} samples of {classes} classes, in times of the fused step (a hint, from"
    );
    println!("one run of this build; `chainrule gradients` and `cargo bench` measure)");
    for path in paths {
        let ratio = seconds(|| two_steps(path, x.view(), targets))? / unit;
        println!("  {:<15} {ratio:6.1}", format!("{path:?}"));
    }
    println!("  {:<15} {:6.1}", "fused", 1.0);
    Ok(())
}

fn largest_difference(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    (a - b).iter().fold(0.0, |largest, difference| difference.abs().max(largest))
}

/// Time of the fastest of a few calls.
fn seconds(f: impl Fn() -> Result<Array2<f64>, Error>) -> Result<f64, Error> {
    let mut fastest = f64::INFINITY;
    for _ in 0..10 {
        let start = Instant::now();
        black_box(f()?);
        fastest = fastest.min(start.elapsed().as_secs_f64());
    }
    Ok(fastest)
}
