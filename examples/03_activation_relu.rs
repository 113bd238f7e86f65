//! ReLU, the `Activation_ReLU` of the chapter.
//!
//! ```text
//! y = max(0, z)        dz = dy where z > 0, else 0
//! ```

use chainrule::prelude::*;
use ndarray::array;

fn main() {
    let z = array![[1.0, 2.0, -3.0, -4.0], [2.0, -7.0, -1.0, 3.0], [-1.0, 2.0, 5.0, -1.0]];
    println!("z\n{z}\n");

    let y = Relu.output(z.view());
    println!("y = max(0, z)\n{y}\n");

    let dy = array![[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [9.0, 10.0, 11.0, 12.0]];
    println!("dy, from the next layer\n{dy}\n");

    // An active neuron passes the gradient on as it is; an inactive one takes no part.
    let dz = Relu.input_gradient(z.view(), y.view(), dy.view());
    println!("dz = dy where z > 0, else 0\n{dz}\n");

    // ReLU has no derivative at 0. The chapter takes 0 there, and so does the library.
    let kink = array![[0.0]];
    let at_kink = Relu.input_gradient(kink.view(), Relu.output(kink.view()).view(), array![[1.0]].view());
    println!("dz at z = 0, from dy = 1: {at_kink}\n");

    // The same, asked of the mathematics: each derivative against (f₋₂ - 8 f₋₁ + 8 f₊₁ - f₊₂) / 12h.
    let check = chainrule::core::check_activation(&Relu, z.view());
    println!("{check}");
}
