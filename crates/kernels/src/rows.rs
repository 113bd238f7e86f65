use ndarray::{ArrayView2, ArrayViewMut2};

/// Row `i` as a slice.
///
/// # Panics
/// If there is no such row or rows are not contiguous.
#[inline(always)]
#[track_caller]
pub(crate) fn row<'a, F>(x: &'a ArrayView2<F>, i: usize) -> &'a [F] {
    x.row(i).to_slice().expect("a matrix with contiguous rows")
}

/// Row `i` as a mutable slice.
///
/// # Panics
/// If there is no such row or rows are not contiguous.
#[inline(always)]
#[track_caller]
pub(crate) fn row_mut<'a, F>(x: &'a mut ArrayViewMut2<F>, i: usize) -> &'a mut [F] {
    x.row_mut(i).into_slice().expect("a matrix with contiguous rows")
}

/// Panics, at the line of the caller's caller, unless both shapes are the same.
#[track_caller]
pub(crate) fn assert_same_shape(function: &str, name: &str, shape: (usize, usize), expected: (usize, usize)) {
    assert!(shape == expected, "{function}: {name} is {shape:?}, expected {expected:?}");
}
