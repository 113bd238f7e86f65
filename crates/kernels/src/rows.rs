use ndarray::{ArrayView2, ArrayViewMut2};
use std::ops::Range;
use std::slice;

/// Row `i` as a slice.
///
/// # Panics
/// If there is no such row or rows are not contiguous.
#[inline(always)]
#[track_caller]
pub(crate) fn row<'a, F>(x: &'a ArrayView2<F>, i: usize) -> &'a [F] {
    assert_row(x.dim(), x.strides(), i);
    // SAFETY: row i is there, its numbers follow one another, and the view lends them for as long.
    unsafe { slice::from_raw_parts(x.as_ptr().offset(i as isize * x.strides()[0]), x.ncols()) }
}

/// Row `i` as a mutable slice.
///
/// # Panics
/// If there is no such row or rows are not contiguous.
#[inline(always)]
#[track_caller]
pub(crate) fn row_mut<'a, F>(x: &'a mut ArrayViewMut2<F>, i: usize) -> &'a mut [F] {
    assert_row(x.dim(), x.strides(), i);
    let (stride, columns) = (x.strides()[0], x.ncols());
    // SAFETY: row i is there, its numbers follow one another, and the view, mutably borrowed, lends them for as long.
    unsafe { slice::from_raw_parts_mut(x.as_mut_ptr().offset(i as isize * stride), columns) }
}

/// The row before row `i`, empty if that is the first, and row `i`.
///
/// # Panics
/// As [`row_mut`].
#[inline(always)]
#[track_caller]
pub(crate) fn row_before_and_row_mut<'a, F>(
    x: &'a mut ArrayViewMut2<F>,
    i: usize,
) -> (&'a mut [F], &'a mut [F]) {
    let row = std::ptr::from_mut(row_mut(x, i));
    let before = if i > 0 { row_mut(x, i - 1) } else { &mut [] };
    // SAFETY: the view, mutably borrowed for as long, lends both, and no number is in two of its rows.
    (before, unsafe { &mut *row })
}

/// Rows as one slice, if they are there and follow one another.
#[inline(always)]
pub(crate) fn rows<'a, F>(x: &'a ArrayView2<F>, range: Range<usize>) -> Option<&'a [F]> {
    let len = contiguous(x.dim(), x.strides(), &range)?;
    // SAFETY: the rows are there, their numbers follow one another, and the view lends them for as long.
    Some(unsafe { slice::from_raw_parts(x.as_ptr().add(range.start * x.ncols()), len) })
}

/// Rows as one mutable slice, if they are there and follow one another.
#[inline(always)]
pub(crate) fn rows_mut<'a, F>(x: &'a mut ArrayViewMut2<F>, range: Range<usize>) -> Option<&'a mut [F]> {
    let len = contiguous(x.dim(), x.strides(), &range)?;
    let first = range.start * x.ncols();
    // SAFETY: the rows are there, their numbers follow one another, and the view, mutably borrowed, lends them for as long.
    Some(unsafe { slice::from_raw_parts_mut(x.as_mut_ptr().add(first), len) })
}

/// How many numbers the rows have, if they follow one another.
#[inline(always)]
fn contiguous((rows, columns): (usize, usize), strides: &[isize], range: &Range<usize>) -> Option<usize> {
    let one_run = strides[0] == columns as isize && (strides[1] == 1 || columns <= 1);
    (one_run && range.start <= range.end && range.end <= rows).then(|| range.len() * columns)
}

/// What ndarray would check, with less around it: a row may be two numbers long.
#[inline(always)]
#[track_caller]
fn assert_row((rows, columns): (usize, usize), strides: &[isize], i: usize) {
    assert!(i < rows, "row {i} of {rows}");
    assert!(strides[1] == 1 || columns <= 1, "expected a matrix with contiguous rows");
}

/// Panics, at the line of the caller's caller, unless both shapes are the same.
#[track_caller]
pub(crate) fn assert_same_shape(function: &str, name: &str, shape: (usize, usize), expected: (usize, usize)) {
    assert!(shape == expected, "{function}: {name} is {shape:?}, expected {expected:?}");
}
