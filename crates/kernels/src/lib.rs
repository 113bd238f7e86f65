//! The numerics of chainrule: free functions on array views. Nothing here knows what a layer is.
//!
//! | module's functions | what they compute |
//! |---|---|
//! | [`matmul()`], [`batched_matmul()`], [`batched_matmul_shared`] | products through OpenBLAS |
//! | [`fill_rows`], [`relu`], [`relu_backward`] | element-wise |
//! | [`column_sums`], [`argmax`] | reductions |
//! | [`softmax`], [`softmax_jacobian`] and three ways back | softmax |
//! | [`cross_entropy()`], [`cross_entropy_on_logits`], [`softmax_cross_entropy`] | the loss, apart from softmax and fused with it |
//! | [`vectorize`], [`pool`], [`blas`] | the machine |
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

mod batched_matmul;
pub mod blas;
mod cross_entropy;
mod elementwise;
mod matmul;
mod reductions;
mod rows;
mod scratch;
mod simd;
mod softmax;
mod softmax_jacobian;
mod threads;

pub use batched_matmul::{batched_matmul, batched_matmul_shared};
pub use cross_entropy::{
    CLIP, cross_entropy, cross_entropy_backward, cross_entropy_on_logits, softmax_cross_entropy,
};
pub use elementwise::{fill_rows, relu, relu_backward};
pub use matmul::matmul;
pub use reductions::{argmax, column_sums};
pub use simd::{SimdLevel, simd_level, vectorize};
pub use softmax::{softmax, softmax_backward};
pub use softmax_jacobian::{softmax_backward_jacobian, softmax_backward_stored_jacobian, softmax_jacobian};
pub use threads::pool;
