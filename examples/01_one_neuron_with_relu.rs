//! One neuron with ReLU: forward, the chain rule back to every weight, input and the bias, and one step downhill.
//!
//! ```text
//! y = ReLU(x·w + b)        dy/dwᵢ = 1[z > 0] · xᵢ        dy/dxᵢ = 1[z > 0] · wᵢ        dy/db = 1[z > 0]
//! ```
//!
//! First by hand, as the chapter does it, then by the layers of the library.

use chainrule::core::{Block, Kept, Step};
use chainrule::models::Initializer;
use chainrule::prelude::*;
use ndarray::{Array2, ArrayViewMut2, array};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let x = array![[1.0, -2.0, 3.0]];
    let weights = [-3.0, -1.0, 2.0];
    let bias = 1.0;

    println!("By hand, forward");
    let products = [x[[0, 0]] * weights[0], x[[0, 1]] * weights[1], x[[0, 2]] * weights[2]];
    let z: f64 = products.iter().sum::<f64>() + bias;
    let y = z.max(0.0);
    println!("  xᵢ wᵢ                      = {products:?}");
    println!("  z = x₀w₀ + x₁w₁ + x₂w₂ + b = {z}");
    println!("  y = max(0, z)              = {y}");

    println!("By hand, backward, from dy = 1");
    let dz = if z > 0.0 { 1.0 } else { 0.0 };
    println!("  dz  = 1 if z > 0 else 0    = {dz}");
    println!("  db  = dz · 1               = {dz}");
    println!("  dwᵢ = dz · xᵢ              = {:?}", [dz * x[[0, 0]], dz * x[[0, 1]], dz * x[[0, 2]]]);
    println!("  dxᵢ = dz · wᵢ              = {:?}", weights.map(|w| dz * w));

    println!("By the library: a dense layer 3 → 1, then ReLU");
    let dense = Dense::new(3, 1, Initializer::default());
    // A layer owns no numbers: its parameters are a slice, first the weights, then the bias.
    let mut parameters = vec![weights[0], weights[1], weights[2], bias];
    let forward = |parameters: &[f64]| {
        let mut z = Array2::zeros((1, 1));
        dense.forward(parameters, x.view(), z.view_mut());
        let y = Relu.output(z.view());
        (z, y)
    };
    let (z, y) = forward(&parameters);
    println!("  z = {z}, y = {y}");

    let dz = Relu.input_gradient(z.view(), y.view(), array![[1.0]].view());
    let kept = Kept::new(x.view(), z.view());
    let mut dx = Array2::zeros((1, 3));
    dense.backward_input(&parameters, kept, dz.view(), dx.view_mut());

    let mut gradient = vec![0.0; 4];
    let (dw, db) = gradient.split_at_mut(3);
    let (weight, bias) = (Block { parameter: 0, rows: 0..3 }, Block { parameter: 1, rows: 0..1 });
    dense.backward_parameters(&weight, kept, dz.view(), ArrayViewMut2::from_shape((3, 1), dw)?);
    dense.backward_parameters(&bias, kept, dz.view(), ArrayViewMut2::from_shape((1, 1), db)?);
    println!("  dx = {dx}, dw and db = {gradient:?}");

    println!("One step against the gradient: θ ← θ - 0.001 dθ");
    let sgd = Sgd { learning_rate: 0.001, momentum: 0.0, ..Sgd::default() };
    sgd.update(Step::number(0), &mut parameters, &gradient, [&mut [], &mut [], &mut []]);
    let (_, smaller) = forward(&parameters);
    println!("  w and b = {parameters:.3?}");
    println!("  y = {:.3}, was {:.3}", smaller[[0, 0]], y[[0, 0]]);
    Ok(())
}
