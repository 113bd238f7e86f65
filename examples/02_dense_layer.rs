//! A dense layer on a batch: three samples, four inputs, three neurons.
//!
//! ```text
//! y = x W + b        dx = dy Wᵀ        dW = xᵀ dy        db = Σ dy over the samples
//! ```
//!
//! Shapes: x (3, 4), W (4, 3), b (3), y and dy (3, 3). W holds a neuron in each column; the chapter writes down a neuron in
//! each row and transposes.

use chainrule::core::{Block, Kept};
use chainrule::models::Initializer;
use chainrule::prelude::*;
use ndarray::{Array2, array};

fn main() {
    let x = array![[1.0, 2.0, 3.0, 2.5], [2.0, 5.0, -1.0, 2.0], [-1.5, 2.7, 3.3, -0.8]];
    let neurons: Array2<f64> =
        array![[0.2, 0.8, -0.5, 1.0], [0.5, -0.91, 0.26, -0.5], [-0.26, -0.27, 0.17, 0.87]];
    let biases = [2.0, 3.0, 0.5];

    let dense = Dense::new(4, 3, Initializer::default());
    // One flat slice: the weights row by row, then the biases.
    let parameters: Vec<f64> = neurons.t().iter().copied().chain(biases).collect();

    let mut y = Array2::zeros((3, 3));
    dense.forward(&parameters, x.view(), y.view_mut());
    println!("y = x W + b\n{y:.3}\n");

    // The gradient that comes from the next layer: here the chapter's, the same number for each neuron of a sample.
    let dy = array![[1.0, 1.0, 1.0], [2.0, 2.0, 2.0], [3.0, 3.0, 3.0]];
    let kept = Kept::new(x.view(), y.view());

    let mut dx = Array2::zeros((3, 4));
    dense.backward_input(&parameters, kept, dy.view(), dx.view_mut());
    println!("dx = dy Wᵀ: how much each input of each sample counts\n{dx:.2}\n");

    let mut dw = Array2::zeros((4, 3));
    dense.backward_parameters(&Block { parameter: 0, rows: 0..4 }, kept, dy.view(), dw.view_mut());
    println!("dW = xᵀ dy: summed over the samples by the product\n{dw:.1}\n");

    let mut db = Array2::zeros((1, 3));
    dense.backward_parameters(&Block { parameter: 1, rows: 0..1 }, kept, dy.view(), db.view_mut());
    println!("db = Σ dy\n{db:.1}\n");

    // A block is a run of rows of one parameter. Training asks for blocks in parallel; together they are the whole.
    let mut last_rows = Array2::zeros((2, 3));
    dense.backward_parameters(&Block { parameter: 0, rows: 2..4 }, kept, dy.view(), last_rows.view_mut());
    println!("The last two rows of dW, as a block of their own\n{last_rows:.1}");
}
