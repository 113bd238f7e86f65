//! What a network asks of layers, whoever wrote them.

use chainrule_core::{Activation, Block, Error, Kept, Layer, ParameterSpec, Penalty, Role, Targets};
use chainrule_models::{
    ActivationLayer, Dense, Dropout, Initializer, LayerNorm, LeakyRelu, Network, NetworkBuilder, Samples,
    Softmax, Training,
};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, array};
use std::sync::Arc;

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

type AnyLayer = Arc<dyn Layer<f32>>;

/// All that they say and do: as the layers themselves, so that the network takes the same way.
#[test]
fn what_is_chosen_at_run_time_is_what_it_is() {
    let plain = || -> NetworkBuilder<f32> {
        let dense = Dense::new(700, 150, Initializer::He);
        let builder = Network::builder(700).layer(dense).layer(LayerNorm::new(150, 1e-5));
        let builder = builder.layer(Dropout::new(150, 0.3, 1)).activation(LeakyRelu { slope: 0.1 });
        builder.layer(Dense::new(150, 3, Initializer::Glorot)).activation(Softmax::default())
    };
    let chosen = || -> NetworkBuilder<f32> {
        let layers: [AnyLayer; 3] = [
            Arc::new(Dense::new(700, 150, Initializer::He)),
            Arc::new(LayerNorm::new(150, 1e-5)),
            Arc::new(Dropout::new(150, 0.3, 1)),
        ];
        let builder = layers.into_iter().fold(Network::builder(700), NetworkBuilder::layer);
        let activation: Arc<dyn Activation<f32>> = Arc::new(LeakyRelu { slope: 0.1 });
        let last: AnyLayer = Arc::new(Dense::new(150, 3, Initializer::Glorot));
        let softmax: AnyLayer = Arc::new(ActivationLayer::new(Softmax::default(), 3));
        builder.activation(activation).layer(last).layer(softmax)
    };
    let x = Array2::from_shape_fn((40, 700), |(i, j)| ((i * 7 + j * 3) % 11) as f32 / 11.0);
    let labels: Vec<usize> = (0..40).map(|i| i % 3).collect();
    let trained = |builder: NetworkBuilder<f32>| {
        let mut network = builder.build().unwrap();
        let training = Training { epochs: 2, batch_size: 20, ..Training::default() };
        network.fit(Samples::new(&x, Targets::Classes(&labels)), &training).unwrap();
        let kinds: Vec<_> = network.layers().map(|layer| (layer.name(), layer.output_kind())).collect();
        let heads: Vec<_> = network.layers().map(|layer| layer.head()).collect();
        (network.parameters().to_vec(), kinds, heads, format!("{network:?}"))
    };
    assert!(trained(plain()) == trained(chosen()));
    let (dense, parameters) = (Dense::new(2, 2, Initializer::He), [1.0; 6]);
    assert!(Arc::new(dense).affine(&parameters).is_some());
    let softmax: Arc<dyn Activation<f32>> = Arc::new(Softmax::default());
    let kind = Activation::<f32>::output_kind(&softmax);
    assert!(kind.is_some() && kind == Activation::<f32>::output_kind(&Softmax::default()));
    assert!(softmax.head().is_some());
    let wrong: Arc<dyn Activation<f32>> = Arc::new(LeakyRelu { slope: -1.0 });
    assert!(matches!(wrong.check(), Err(Error::Setting { name: "slope", .. })));
    let x = array![[-1.0_f32, 2.0]];
    assert_eq!(wrong.output(x.view()), array![[1.0, 2.0]]);
}
