mod categorical_cross_entropy;
mod softmax_cross_entropy;

pub use categorical_cross_entropy::CategoricalCrossEntropy;
pub use softmax_cross_entropy::SoftmaxCrossEntropy;
