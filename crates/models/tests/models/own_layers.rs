//! What a network asks of layers, whoever wrote them.

use chainrule_core::{Block, Error, Kept, Layer, ParameterSpec, Penalty, Role};
use chainrule_models::{Dense, Initializer, Network};
use ndarray::{ArrayView2, ArrayViewMut2};

/// A dense layer whose parameters may be called and shaped as they like.
#[derive(Clone, Debug)]
struct Own {
    dense: Dense,
    specs: Vec<ParameterSpec>,
    rate: f64,
}

impl Own {
    fn new(specs: Vec<ParameterSpec>) -> Self {
        Own { dense: Dense::new(2, 2, Initializer::He), specs, rate: 0.5 }
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
    fn check(&self) -> Result<(), Error> {
        let (name, expected) = ("rate", "at most 1");
        if self.rate > 1.0 { Err(Error::Setting { name, expected, value: self.rate }) } else { Ok(()) }
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

#[test]
fn penalties_and_bounds_of_any_layer_are_checked() {
    let own = "network: layer 1 (own), parameter weight:";
    for (norm, shown) in [(-1.0, "-1"), (0.0, "0"), (f64::NAN, "NaN")] {
        let spec = ParameterSpec { max_norm: Some(norm), ..weight((2, 2)) };
        let message = format!("{own} max_norm is {shown}, expected a finite number above 0");
        assert_refused(Own::new(vec![spec]), &message);
    }
    let penalty = Penalty { l1: 0.0, l2: -0.5 };
    let message = format!("{own} l2 is -0.5, expected a finite number, at least 0");
    assert_refused(Own::new(vec![ParameterSpec { penalty, ..weight((2, 2)) }]), &message);
    let dense = Dense::new(2, 2, Initializer::He).bias_penalty(penalty);
    let message =
        "network: layer 1 (dense), parameter bias: l2 is -0.5, expected a finite number, at least 0";
    assert_refused(dense, message);
}

#[test]
fn the_layer_that_is_set_wrong_is_named() {
    let own = Own { rate: 1.5, ..Own::new(vec![weight((2, 2))]) };
    assert_refused(own, "network: layer 1 (own): rate is 1.5, expected at most 1");
}
