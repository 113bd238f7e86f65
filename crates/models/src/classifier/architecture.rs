use crate::{
    Dropout, Elu, Gelu, GradientPath, LayerNorm, LeakyRelu, Linear, LogSoftmax, NetworkBuilder, Sigmoid,
    Silu, Tanh,
};
use chainrule_core::{Penalty, Real};
use serde::{Deserialize, Serialize};

/// A network's layers as data: what a model file keeps beside the parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Columns of the inputs.
    pub inputs: usize,
    /// First to last.
    pub layers: Vec<LayerSpec>,
}

/// One layer of an [`Architecture`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum LayerSpec {
    /// Fully connected.
    Dense {
        /// Columns of its outputs.
        outputs: usize,
        /// Whether it has a bias; it has unless said.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        bias: bool,
        /// What the size of its weights costs.
        #[serde(default, skip_serializing_if = "PenaltySpec::is_none")]
        weight_penalty: PenaltySpec,
        /// What the size of its biases costs.
        #[serde(default, skip_serializing_if = "PenaltySpec::is_none")]
        bias_penalty: PenaltySpec,
        /// The longest that the weights into one output may be.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_norm: Option<f64>,
    },
    /// Lets a random part through while training.
    Dropout {
        /// Share that is dropped.
        rate: f64,
        /// Seed of the draws.
        seed: u64,
    },
    /// Makes mean and variance of each row the same.
    LayerNorm {
        /// Keeps the quotient finite.
        epsilon: f64,
    },
    /// x + g(x)
    Residual {
        /// g, first to last.
        layers: Vec<LayerSpec>,
    },
    /// x
    Linear,
    /// max(0, x)
    Relu,
    /// x where x > 0, else slope · x.
    LeakyRelu {
        /// Derivative for x ≤ 0.
        slope: f64,
    },
    /// x where x > 0, else α (exp(x) - 1).
    Elu {
        /// α
        alpha: f64,
    },
    /// x Φ(x)
    Gelu,
    /// x σ(x)
    Silu,
    /// σ(x)
    Sigmoid,
    /// tanh(x)
    Tanh,
    /// Probabilities.
    Softmax {
        /// How it goes back.
        gradient: GradientPath,
    },
    /// Logarithms of probabilities.
    LogSoftmax,
}

/// A [`Penalty`] as data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PenaltySpec {
    /// Factor of the sum of absolute values.
    #[serde(default)]
    pub l1: f64,
    /// Factor of the sum of squares.
    #[serde(default)]
    pub l2: f64,
}

impl PenaltySpec {
    fn is_none(&self) -> bool {
        *self == PenaltySpec::default()
    }
}

impl From<PenaltySpec> for Penalty {
    fn from(spec: PenaltySpec) -> Self {
        Penalty { l1: spec.l1, l2: spec.l2 }
    }
}

fn yes() -> bool {
    true
}

fn is_yes(yes: &bool) -> bool {
    *yes
}

impl LayerSpec {
    /// A dense layer with a bias, without penalties or bound.
    pub fn dense(outputs: usize) -> Self {
        let none = PenaltySpec::default();
        LayerSpec::Dense { outputs, bias: true, weight_penalty: none, bias_penalty: none, max_norm: None }
    }

    /// Appends the layer to a builder.
    fn append_to<F: Real>(&self, builder: NetworkBuilder<F>) -> NetworkBuilder<F> {
        match *self {
            LayerSpec::Dense { outputs, bias, weight_penalty, bias_penalty, max_norm } => {
                let builder = builder.weight_penalty(weight_penalty.into()).bias_penalty(bias_penalty.into());
                let builder = builder.max_norm(max_norm);
                if bias { builder.dense(outputs) } else { builder.dense_without_bias(outputs) }
            }
            LayerSpec::Dropout { rate, seed } => {
                let layer = Dropout::new(builder.width(), rate, seed);
                builder.layer(layer)
            }
            LayerSpec::LayerNorm { epsilon } => {
                let layer = LayerNorm::new(builder.width(), epsilon);
                builder.layer(layer)
            }
            LayerSpec::Residual { ref layers } => builder.residual(|block| append_all(layers, block)),
            LayerSpec::Linear => builder.activation(Linear),
            LayerSpec::Relu => builder.relu(),
            LayerSpec::LeakyRelu { slope } => builder.activation(LeakyRelu { slope }),
            LayerSpec::Elu { alpha } => builder.activation(Elu { alpha }),
            LayerSpec::Gelu => builder.activation(Gelu),
            LayerSpec::Silu => builder.activation(Silu),
            LayerSpec::Sigmoid => builder.activation(Sigmoid),
            LayerSpec::Tanh => builder.activation(Tanh),
            LayerSpec::Softmax { gradient } => builder.softmax_by(gradient),
            LayerSpec::LogSoftmax => builder.activation(LogSoftmax),
        }
    }
}

fn append_all<F: Real>(layers: &[LayerSpec], builder: NetworkBuilder<F>) -> NetworkBuilder<F> {
    layers.iter().fold(builder, |builder, layer| layer.append_to(builder))
}

impl Architecture {
    /// Hidden layers, then a dense layer and softmax.
    pub(super) fn classifier(
        inputs: usize,
        hidden: &[LayerSpec],
        classes: usize,
        gradient: GradientPath,
    ) -> Self {
        let mut layers = hidden.to_vec();
        layers.extend([LayerSpec::dense(classes), LayerSpec::Softmax { gradient }]);
        Architecture { inputs, layers }
    }

    /// Appends the layers to a builder.
    pub(crate) fn append_to<F: Real>(&self, builder: NetworkBuilder<F>) -> NetworkBuilder<F> {
        append_all(&self.layers, builder)
    }
}
