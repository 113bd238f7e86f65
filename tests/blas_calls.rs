//! Every matrix product of a network reaches BLAS. Alone in its process, as the count is global.

#![cfg(feature = "openblas-system")]

use chainrule::kernels::blas;
use chainrule::models::{Batch, tile_rows};
use chainrule::prelude::*;
use ndarray::Array2;

#[test]
fn each_product_counts_once() {
    let cases = [
        (vec![3, 2], 1_usize),
        (vec![20, 10, 5], 7),
        (vec![300, 130, 60, 10], 200),
        (vec![20, 1030, 10], 200),
    ];
    for (widths, rows) in cases {
        let builder = Network::<f32>::builder(widths[0]);
        let (last, hidden) = widths[1..].split_last().unwrap();
        let builder = hidden.iter().fold(builder, |builder, &width| builder.dense(width).relu());
        let mut network = builder.dense(*last).softmax().build().unwrap();
        let dense = widths.len() - 1;
        let tiles = rows.div_ceil(tile_rows(rows));
        let weight_blocks = network.blocks().iter().filter(|block| block.block.parameter == 0).count();

        let x = Array2::<f32>::from_shape_fn((rows, widths[0]), |(i, j)| (i * 7 + j) as f32 % 5.0);
        // A batch that is not row-major must reach BLAS as well.
        let turned = x.t().as_standard_layout().into_owned();
        let (labels, indices) = (vec![0; rows], Vec::from_iter(0..rows));
        let targets = Targets::Classes(&labels);
        let (mut tape, mut scratch) = (network.tape(rows), network.scratch(rows));
        let mut optimizer = OptimizerState::new(Adam::default(), &network).unwrap();

        let mut calls = blas::calls();
        let mut since = || {
            let before = std::mem::replace(&mut calls, blas::calls());
            (calls - before) as usize
        };
        let pass = network.forward(turned.t(), &mut tape).unwrap();
        assert_eq!(since(), tiles * dense, "forward of {widths:?}");
        let (_, gradient) = pass.backward(&CategoricalCrossEntropy::new(), targets).unwrap();
        assert_eq!(since(), tiles * (dense - 1) + weight_blocks, "backward of {widths:?}");
        optimizer.step(network.parameters_mut(), gradient).unwrap();
        assert_eq!(since(), 0);
        let batch = Batch::new(&x, &indices, targets);
        network.train_step(batch, &CategoricalCrossEntropy::new(), &mut optimizer, &mut tape).unwrap();
        assert_eq!(since(), tiles * (2 * dense - 1) + weight_blocks, "train_step of {widths:?}");
        network.predict(&x, &indices, &mut scratch).unwrap();
        assert_eq!(since(), tiles * dense, "predict of {widths:?}");
    }
}
