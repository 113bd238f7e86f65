mod activation_layer;
mod dense;
mod dropout;
mod layer_norm;
mod residual_sum;

pub use activation_layer::ActivationLayer;
pub use dense::Dense;
pub(crate) use dense::affine;
pub use dropout::Dropout;
pub use layer_norm::LayerNorm;
pub(crate) use residual_sum::ResidualSum;
