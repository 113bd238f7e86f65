//! What a network asks of layers, whoever wrote them.

use chainrule_core::{Block, Kept, Layer, ParameterSpec, Role};
use chainrule_models::{Dense, Initializer, Network};
use ndarray::{ArrayView2, ArrayViewMut2};

/// A dense layer whose parameters may be called and shaped as they like.
#[derive(Clone, Debug)]
struct Own {
    dense: Dense,
    specs: Vec<ParameterSpec>,
}

impl Own {
    fn new(specs: Vec<ParameterSpec>) -> Self {
        Own { dense: Dense::new(2, 2, Initializer::He), specs }
    }
}

impl Layer<f32> for Own {
    fn name(&self) -> &'static str {
        "own"
    }
    fn width(&self) -> (usize, usize) {
        (2, 2)
    }
    fn parameters(&self) -> &[ParameterSpec] {
        &self.specs
    }
    fn forward(&self, parameters: &[f32], x: ArrayView2<f32>, y: ArrayViewMut2<f32>) {
        self.dense.forward(parameters, x, y);
    }
    fn backward_input(
        &self,
        parameters: &[f32],
        kept: Kept<f32>,
        dy: ArrayView2<f32>,
        dx: ArrayViewMut2<f32>,
    ) {
        self.dense.backward_input(parameters, kept, dy, dx);
    }
    fn backward_parameters(
        &self,
        block: &Block,
        kept: Kept<f32>,
        dy: ArrayView2<f32>,
        dblock: ArrayViewMut2<f32>,
    ) {
        Layer::<f32>::backward_parameters(&self.dense, block, kept, dy, dblock);
    }
}

fn weight(shape: (usize, usize)) -> ParameterSpec {
    ParameterSpec::new("weight", shape, Role::Weight)
}

#[track_caller]
fn assert_refused(layer: impl Layer<f32> + 'static, message: &str) {
    let error = Network::<f32>::builder(2).relu().layer(layer).build().map(drop).unwrap_err();
    assert_eq!(error.to_string(), message);
}

#[test]
fn parameters_without_a_name_of_their_own_or_without_numbers() {
    let own = "network: layer 1 (own)";
    let twice = Own::new(vec![weight((1, 2)), weight((1, 2))]);
    assert_refused(twice, &format!("{own} has two parameters called weight, expected a name for each"));
    for (rows, columns) in [(0, 3), (3, 0), (0, 0)] {
        let message = format!(
            "{own}, parameter weight is {rows} × {columns}, expected at least one row and one column"
        );
        assert_refused(Own::new(vec![weight((rows, columns))]), &message);
    }
    // As another layer calls its own.
    let network = Network::<f32>::builder(2).dense(2).layer(Own::new(vec![weight((2, 2))])).build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    network.save_parameters(directory.path().join("parameters.safetensors")).unwrap();
}
