use crate::{GradientPath, NetworkBuilder};
use chainrule_core::Real;
use serde::{Deserialize, Serialize};

/// A network's layers as data: what a model file keeps beside the parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Columns of the inputs.
    pub inputs: usize,
    /// First to last.
    pub layers: Vec<LayerSpec>,
}

/// One layer of an [`Architecture`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum LayerSpec {
    /// Fully connected.
    Dense {
        /// Columns of its outputs.
        outputs: usize,
    },
    /// max(0, x).
    Relu,
    /// Probabilities.
    Softmax {
        /// How it goes back.
        gradient: GradientPath,
    },
}

impl Architecture {
    /// Dense layers with ReLU between, then softmax.
    pub(super) fn classifier(
        inputs: usize,
        hidden: &[usize],
        classes: usize,
        gradient: GradientPath,
    ) -> Self {
        let mut layers: Vec<LayerSpec> =
            hidden.iter().flat_map(|&outputs| [LayerSpec::Dense { outputs }, LayerSpec::Relu]).collect();
        layers.extend([LayerSpec::Dense { outputs: classes }, LayerSpec::Softmax { gradient }]);
        Architecture { inputs, layers }
    }

    /// Appends the layers to a builder.
    pub(super) fn append_to<F: Real>(&self, builder: NetworkBuilder<F>) -> NetworkBuilder<F> {
        self.layers.iter().fold(builder, |builder, layer| match *layer {
            LayerSpec::Dense { outputs } => builder.dense(outputs),
            LayerSpec::Relu => builder.relu(),
            LayerSpec::Softmax { gradient } => builder.softmax_by(gradient),
        })
    }
}
