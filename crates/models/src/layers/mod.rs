mod activation_layer;
mod dense;

pub use activation_layer::ActivationLayer;
pub use dense::Dense;
