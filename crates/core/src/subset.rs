use crate::{Error, Real, Rows};
use ndarray::{ArrayViewMut2, Axis, Slice};

/// Some rows of a source, by their numbers, without a copy: row i is row `indices[i]` of the source.
///
/// ```
/// use chainrule_core::{Rows, Subset};
/// let x = ndarray::array![[1.0], [2.0], [3.0]];
/// let some = Subset::new(&x, &[2, 0])?;
/// let mut tile = ndarray::Array2::zeros((2, 1));
/// some.gather(&[0, 1], tile.view_mut())?;
/// assert_eq!(tile, ndarray::array![[3.0], [1.0]]);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Subset<'a, F: Real> {
    rows: &'a dyn Rows<F>,
    indices: &'a [usize],
}

/// Indices that are looked up at a time, on the stack.
const CHUNK: usize = 64;

impl<'a, F: Real> Subset<'a, F> {
    /// The rows `indices` of `rows`, in that order.
    ///
    /// # Errors
    /// [`Error::RowOutOfRange`].
    pub fn new(rows: &'a dyn Rows<F>, indices: &'a [usize]) -> Result<Self, Error> {
        match indices.iter().find(|&&row| row >= rows.len()) {
            Some(&row) => Err(Error::RowOutOfRange { place: "subset", row, rows: rows.len() }),
            None => Ok(Subset { rows, indices }),
        }
    }
}

impl<F: Real> Rows<F> for Subset<'_, F> {
    fn len(&self) -> usize {
        self.indices.len()
    }

    fn width(&self) -> usize {
        self.rows.width()
    }

    fn gather(&self, indices: &[usize], mut tile: ArrayViewMut2<F>) -> Result<(), Error> {
        let mut own = [0; CHUNK];
        for (number, chunk) in indices.chunks(CHUNK).enumerate() {
            for (own, &row) in own.iter_mut().zip(chunk) {
                let rows = self.indices.len();
                *own = *self.indices.get(row).ok_or(Error::RowOutOfRange { place: "inputs", row, rows })?;
            }
            let first = number * CHUNK;
            let tile = tile.slice_axis_mut(Axis(0), Slice::from(first..first + chunk.len()));
            self.rows.gather(&own[..chunk.len()], tile)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn gathers_across_the_chunks() {
        let x = Array2::from_shape_fn((300, 2), |(i, j)| (2 * i + j) as f64);
        let indices: Vec<usize> = (0..300).rev().step_by(2).collect();
        let some = Subset::new(&x, &indices).expect("rows in range");
        let all: Vec<usize> = (0..some.len()).collect();
        let mut tile = Array2::zeros((some.len(), some.width()));
        some.gather(&all, tile.view_mut()).expect("rows in range");
        assert!(tile.outer_iter().zip(&indices).all(|(row, &i)| row == x.row(i)));
        assert_eq!(tile.nrows(), 150);
    }

    #[test]
    fn rows_that_are_not_there() {
        let x = Array2::<f32>::zeros((3, 1));
        assert!(matches!(Subset::new(&x, &[0, 3]), Err(Error::RowOutOfRange { row: 3, rows: 3, .. })));
        let some = Subset::new(&x, &[1]).expect("a row in range");
        let error = some.gather(&[1], Array2::zeros((1, 1)).view_mut());
        assert!(matches!(error, Err(Error::RowOutOfRange { row: 1, rows: 1, .. })));
    }
}
