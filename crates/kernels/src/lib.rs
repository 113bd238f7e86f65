//! The numerics of chainrule: free functions on array views. Nothing here knows what a layer is.
//!
//! | module's functions | what they compute |
//! |---|---|
//! | [`matmul()`], [`batched_matmul()`], [`batched_matmul_shared`] | products through OpenBLAS |
//! | [`add_gram`], [`Cholesky`] | AᵀA, and systems of linear equations |
//! | [`fill_rows`], [`column_sums`], [`argmax`], [`sum_of_squares`] | rows and columns |
//! | [`relu`], [`leaky_relu`], [`elu`], [`gelu`], [`silu`], [`sigmoid`], [`tanh`] | element-wise activations and their derivatives |
//! | [`softmax`], [`softmax_jacobian`] and three ways back | softmax |
//! | [`log_sum_exp`], [`log_softmax`] | its logarithm |
//! | [`cross_entropy()`], [`cross_entropy_on_logits`], [`softmax_cross_entropy()`] | the loss, apart from softmax and fused with it |
//! | [`negative_log_likelihood`], [`focal()`], [`softmax_focal`] | other losses of classes |
//! | [`squared_error`], [`absolute_error`], [`huber`] | losses of numbers |
//! | [`binary_cross_entropy`], [`binary_cross_entropy_on_logits`], [`binary_focal`] | losses of yes-or-no answers |
//! | [`layer_norm()`], [`dropout()`] | what layers do beside products |
//! | [`penalty`], [`clip_column_norms`] | regularisation |
//! | [`vectorize`], [`limit_simd`], [`pool`], [`with_scratch`], [`blas`] | the machine |
//!
//! Shapes are (rows, columns). Except for the matrix products, which take any layout, a matrix must have contiguous rows
//! (a column stride of 1); the row stride is free, so a range of columns of a larger matrix will do.
//!
//! # Panics
//!
//! Shapes are the caller's responsibility here: every function asserts them and panics at the caller's line. Networks,
//! classifiers and data sets check once, at their boundary, and return errors instead.
//!
//! # Threads
//!
//! OpenBLAS is set to one thread, once, for the whole process, before the first product: parallelism is rayon's alone.
//! Functions named in their documentation as parallel run in the current rayon pool; work is cut by shape, never by the
//! number of threads, so all results are the same bits on any number of threads.
//!
//! # SIMD
//!
//! Kernels use the widest vector instructions of the processor, or the lower [`SimdLevel`] that the environment variable
//! `CHAINRULE_SIMD` (`portable`, `avx2`, `avx512`) or [`limit_simd`] asks for. Results of softmax, its logarithm and its losses are the same bits
//! with AVX2 and with AVX-512; without FMA, at the portable level, their last bits may differ. What goes through [`vectorize`] is
//! the same bits at every level.
//!
//! ```
//! use chainrule_kernels::{softmax, softmax_backward, softmax_backward_jacobian};
//! use ndarray::{Array2, array};
//!
//! let logits = array![[1.0_f64, 2.0, 3.0]];
//! let mut s = Array2::zeros((1, 3));
//! softmax(logits.view(), s.view_mut());
//!
//! let dy = array![[1.0, 0.0, 0.0]];
//! let (mut product, mut jacobian) = (Array2::zeros((1, 3)), Array2::zeros((1, 3)));
//! softmax_backward(s.view(), dy.view(), product.view_mut());
//! softmax_backward_jacobian(s.view(), dy.view(), jacobian.view_mut());
//! assert!((product - jacobian).iter().all(|difference| difference.abs() < 1e-15));
//! ```

mod activations;
mod add_gram;
mod argmax;
mod batched_matmul;
mod binary_focal;
pub mod blas;
mod cholesky;
mod compile_once;
mod cross_entropy;
mod dropout;
mod element_losses;
mod exp;
mod exponential_rows;
mod few_classes;
mod fill_rows;
mod focal;
mod focal_term;
#[cfg(feature = "blas")]
mod halves;
mod jacobian_by_rows;
mod label_cross_entropy;
mod lane_normalizers;
mod lanes;
mod lanes_ln_1p;
mod layer_norm;
mod log_softmax;
mod many_classes;
mod matmul;
mod normal;
mod normalizer;
#[cfg(feature = "blas")]
mod orthogonal;
#[cfg(feature = "blas")]
mod pieces;
mod reductions;
mod regularization;
mod rows;
mod scaled_exp;
mod scratch;
mod simd;
mod softmax;
mod softmax_backward;
mod softmax_cross_entropy;
mod softmax_jacobian;
mod some_classes;
mod spread_cross_entropy;
mod target;
mod threads;
mod tile;
#[cfg(feature = "blas")]
mod turn;

pub use activations::{
    elu, elu_backward, gelu, gelu_backward, leaky_relu, leaky_relu_backward, relu, relu_backward, sigmoid,
    sigmoid_backward, silu, silu_backward, tanh, tanh_backward,
};
pub use add_gram::add_gram;
pub use argmax::argmax;
pub use batched_matmul::{batched_matmul, batched_matmul_shared};
pub use binary_focal::{binary_focal, binary_focal_backward};
pub use cholesky::Cholesky;
pub use cross_entropy::{CLIP, CrossEntropyOptions, cross_entropy, cross_entropy_backward};
pub use dropout::dropout;
pub use element_losses::{
    absolute_error, absolute_error_backward, binary_cross_entropy, binary_cross_entropy_backward,
    binary_cross_entropy_on_logits, binary_cross_entropy_on_logits_backward, huber, huber_backward,
    squared_error, squared_error_backward,
};
pub use fill_rows::fill_rows;
pub use focal::{focal, focal_backward, focal_on_logits, softmax_focal};
pub use layer_norm::{layer_norm, layer_norm_backward, layer_norm_backward_gain};
pub use log_softmax::{
    log_softmax, log_softmax_backward, log_sum_exp, negative_log_likelihood, negative_log_likelihood_backward,
};
pub use matmul::matmul;
#[cfg(feature = "blas")]
pub use orthogonal::orthonormal_columns;
pub use reductions::{column_sums, sum_of_squares};
pub use regularization::{add_penalty_gradient, clip_column_norms, penalty};
pub use scratch::with_scratch;
pub use simd::{SimdLevel, limit_simd, simd_level, vectorize};
pub use softmax::softmax;
pub use softmax_backward::softmax_backward;
pub use softmax_cross_entropy::{cross_entropy_on_logits, softmax_cross_entropy};
pub use softmax_jacobian::{softmax_backward_jacobian, softmax_backward_stored_jacobian, softmax_jacobian};
pub use threads::pool;
