use super::Gradient;
use super::values::{Hidden, share};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

/// What network is trained, and what happens to the inputs of any classifier.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkArgs {
    /// Widths of the hidden layers, as 128,64; or none
    /// [default: 256,128 for digits, 128,128 otherwise]
    #[arg(long, value_name = "WIDTHS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hidden: Option<Hidden>,

    /// What follows each hidden layer
    #[arg(long, value_enum, value_name = "NAME", default_value = "relu")]
    pub(crate) activation: ActivationName,

    /// How weights begin
    #[arg(long, value_enum, value_name = "NAME", default_value = "he")]
    pub(crate) initializer: InitializerName,

    /// Share of each hidden layer's outputs that a step leaves out
    #[arg(long, value_name = "SHARE", value_parser = share, default_value_t = 0.0, allow_negative_numbers = true)]
    pub(crate) dropout: f64,

    /// What happens to the inputs before the network sees them, fitted to the training rows and kept in the model
    #[arg(long, value_enum, value_name = "NAME", default_value = "auto")]
    pub(crate) preprocess: PreprocessName,

    /// How the gradient gets back through the softmax: the same gradient, at four costs
    #[arg(long, value_enum, value_name = "PATH", default_value = "fused")]
    pub(crate) gradient: Gradient,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ActivationName {
    /// max(0, x)
    Relu,
    /// x Φ(x)
    Gelu,
    /// x σ(x)
    Silu,
    /// tanh x
    Tanh,
    /// σ(x)
    Sigmoid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InitializerName {
    /// He's, normal: for relu and the like
    He,
    /// Glorot's, normal: for tanh and sigmoid
    Glorot,
    /// Glorot's, uniform: as scikit-learn's
    GlorotUniform,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PreprocessName {
    /// What suits the data: pixels to 0…1, the columns of a file standardised
    Auto,
    /// Each column to mean 0 and deviation 1
    Standard,
    /// Each column to 0…1
    MinMax,
    /// Nothing
    None,
}
