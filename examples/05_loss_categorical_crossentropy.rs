//! The loss as the mean of sample losses, and categorical cross-entropy: the chapter's `Loss` and
//! `Loss_CategoricalCrossentropy`.
//!
//! ```text
//! lossᵢ = -Σⱼ yᵢⱼ log ŷᵢⱼ        L = (1/N) Σᵢ lossᵢ        dŷᵢⱼ = -yᵢⱼ / ŷᵢⱼ / N
//! ```
//!
//! ŷ are the probabilities that a network gives, y those it should give: 1 for the true class, 0 for the others.

use chainrule::kernels::CLIP;
use chainrule::prelude::*;
use ndarray::{Array1, Array2, array};

fn main() -> Result<(), Error> {
    let probabilities = array![[0.7, 0.1, 0.2], [0.1, 0.5, 0.4], [0.02, 0.9, 0.08]];
    let classes = Targets::Classes(&[0, 1, 1]);
    let loss = CategoricalCrossEntropy::new();

    println!("The losses of the samples: -log of the probability of the true class");
    let mut losses = Array1::zeros(3);
    loss.forward(probabilities.view(), classes, losses.view_mut());
    println!("  -log 0.7, -log 0.5, -log 0.9 = {losses:.6}");
    let mean: f64 = loss.mean(probabilities.view(), classes)?;
    println!("  L, their mean                = {mean:.6}\n");

    println!("Sparse labels [0, 1, 1] or one-hot rows, the same answers written in two ways");
    let one_hot: Array2<f64> = array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]];
    let one_hot = Targets::Probabilities(one_hot.view());
    println!("  L of one-hot rows            = {:.6}\n", loss.mean(probabilities.view(), one_hot)?);

    println!("dŷ = -y/ŷ/N, with N = 3");
    let sparse = loss.gradient(probabilities.view(), classes)?;
    println!("{sparse:.4}");
    let same = sparse == loss.gradient(probabilities.view(), one_hot)?;
    println!("  of one-hot rows the same: {same}\n");

    println!("Soft labels: [0.9, 0.05, 0.05] says that the first class is likely, not certain");
    let soft: Array2<f64> = array![[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.9, 0.05]];
    let soft = Targets::Probabilities(soft.view());
    println!("  L                            = {:.6}", loss.mean(probabilities.view(), soft)?);
    println!("{:.4}\n", loss.gradient(probabilities.view(), soft)?);

    println!(
        "A true class of probability 0: ŷ is clipped to [{CLIP:e}, 1 - {CLIP:e}] in the loss, so nothing is infinite"
    );
    let hopeless = array![[0.0, 1.0]];
    let true_class = Targets::Classes(&[0]);
    println!("  -log {CLIP:e}                    = {:.6}", loss.mean(hopeless.view(), true_class)?);
    println!("  -1 / ŷ, bounded to stay finite = {:.0e}\n", loss.gradient(hopeless.view(), true_class)?);

    println!("Targets that are no targets are an error, not a number");
    if let Err(error) = loss.mean(probabilities.view(), Targets::Classes(&[0, 1, 3])) {
        println!("  {error}");
    }
    Ok(())
}
