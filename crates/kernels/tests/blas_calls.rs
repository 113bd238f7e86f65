//! Every product reaches BLAS, whatever its layout and however small. Alone in its process, as the count is global.

#![cfg(feature = "blas")]

use chainrule_kernels::{blas, matmul, softmax_backward_stored_jacobian};
use ndarray::{Array2, Axis, Slice};

#[test]
fn each_product_counts_once() {
    let mut expected = blas::calls();
    for size in [1, 2, 7, 64, 200] {
        let wide = Array2::<f32>::ones((size, 2 * size));
        let mut strided = wide.view();
        strided.slice_axis_inplace(Axis(1), Slice::new(0, None, 2));
        let (left, right) = wide.view().split_at(Axis(1), size);
        for a in [left, right, left.reversed_axes(), strided] {
            for b in [left, right.reversed_axes(), strided] {
                let mut c = Array2::zeros((size, 2 * size));
                matmul(1.0, a, b, 0.0, c.view_mut().split_at(Axis(1), size).0);
                matmul(1.0, a, b, 1.0, c.view_mut().split_at(Axis(1), size).0.reversed_axes());
                expected += 2;
                assert_eq!(blas::calls(), expected);
                assert_eq!(c[[0, 0]], 2.0 * size as f32);
            }
        }
    }
    let s = Array2::<f64>::from_elem((5, 4), 0.25);
    softmax_backward_stored_jacobian(s.view(), s.view(), Array2::zeros((5, 4)).view_mut());
    assert_eq!(blas::calls(), expected + 5, "one product of Jacobian and dy for each sample");
}
