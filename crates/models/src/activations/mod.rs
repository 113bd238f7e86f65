mod relu;
mod softmax;

pub use relu::Relu;
pub use softmax::{GradientPath, Softmax};
