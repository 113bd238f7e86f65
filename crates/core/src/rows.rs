use crate::{Error, Real};
use ndarray::{Array2, ArrayBase, ArrayRef, ArrayView2, ArrayViewMut2, Axis, Data, Ix2, Slice};
use std::fmt;

/// Where inputs come from: an array, bytes converted on the way, a memory-mapped file.
///
/// Training never holds all rows as numbers; it gathers the rows of one tile at a time, from several threads.
///
/// ```
/// use chainrule_core::{Error, Rows};
/// use ndarray::{Array2, ArrayViewMut2, array};
///
/// /// Rows of as many words' letters, as numbers made on the way.
/// struct Letters<'a> {
///     words: &'a [&'a str],
///     width: usize,
/// }
///
/// impl Rows<f32> for Letters<'_> {
///     fn len(&self) -> usize {
///         self.words.len()
///     }
///     fn width(&self) -> usize {
///         self.width
///     }
///     fn gather(&self, indices: &[usize], mut tile: ArrayViewMut2<f32>) -> Result<(), Error> {
///         for (mut to, &row) in tile.outer_iter_mut().zip(indices) {
///             let out_of_range = || Error::RowOutOfRange { place: "words", row, rows: self.words.len() };
///             let word = self.words.get(row).ok_or_else(out_of_range)?;
///             // A tile holds what was there before.
///             to.fill(0.0);
///             to.iter_mut().zip(word.bytes()).for_each(|(to, letter)| *to = f32::from(letter) / 255.0);
///         }
///         Ok(())
///     }
///     fn check_finite(&self) -> Result<(), Error> {
///         // Bytes are.
///         Ok(())
///     }
/// }
///
/// let words = Letters { words: &["a", "be"], width: 2 };
/// let mut tile = Array2::ones((2, 2));
/// words.gather(&[1, 0], tile.view_mut())?;
/// assert_eq!(tile * 255.0, array![[98.0, 101.0], [97.0, 0.0]]);
/// # Ok::<(), Error>(())
/// ```
pub trait Rows<F: Real>: Sync {
    /// Number of rows (samples).
    fn len(&self) -> usize;

    /// True when there is no row.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of columns (features).
    fn width(&self) -> usize;

    /// Copies the rows `indices`, in that order, into `tile`, (indices, width), which has arbitrary contents. In memory the numbers of a row
    /// follow one another where a network asks, but rows lie any distance apart.
    ///
    /// # Errors
    /// [`Error::RowOutOfRange`], or [`Error::Source`] with whatever stopped the reading.
    fn gather(&self, indices: &[usize], tile: ArrayViewMut2<F>) -> Result<(), Error>;

    /// The rows `indices`, (indices, columns), if they lie in memory as numbers: what [`Rows::gather`] would copy. Predictions read them
    /// there, if the numbers of a row follow one another. `None`, as by default, is always right.
    fn lend(&self, indices: &[usize]) -> Option<ArrayView2<'_, F>> {
        let _ = indices;
        None
    }

    /// Makes sure that every number is finite. Called once before each training, evaluation and prediction of a whole
    /// set, and it reads all rows unless overridden; a source that can only hold finite numbers (bytes) returns at once.
    ///
    /// # Errors
    /// [`Error::NotFinite`] names the first entry that is not, and whatever [`Rows::gather`] says.
    fn check_finite(&self) -> Result<(), Error> {
        const CHUNK: usize = 256;
        let mut tile = Array2::zeros((CHUNK.min(self.len()), self.width()));
        let indices: Vec<usize> = (0..self.len()).collect();
        for chunk in indices.chunks(CHUNK) {
            let mut tile = tile.slice_axis_mut(Axis(0), Slice::from(..chunk.len()));
            self.gather(chunk, tile.view_mut())?;
            check_finite(&tile, chunk[0])?;
        }
        Ok(())
    }
}

impl<F: Real> fmt::Debug for dyn Rows<F> + '_ {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Rows").field("len", &self.len()).field("width", &self.width()).finish_non_exhaustive()
    }
}

/// [`Error::NotFinite`] for the first entry of `rows` that is NaN or infinite; the first row is number `first`.
fn check_finite<F: Real>(rows: &ArrayRef<F, Ix2>, first: usize) -> Result<(), Error> {
    match rows.indexed_iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(()),
        Some(((row, column), value)) => {
            Err(Error::NotFinite { place: "inputs", row: first + row, column, value: value.as_f64() })
        }
    }
}

impl<F: Real, S: Data<Elem = F> + Sync> Rows<F> for ArrayBase<S, Ix2> {
    fn len(&self) -> usize {
        self.nrows()
    }

    fn width(&self) -> usize {
        self.ncols()
    }

    fn gather(&self, indices: &[usize], mut tile: ArrayViewMut2<F>) -> Result<(), Error> {
        for (mut to, &row) in tile.outer_iter_mut().zip(indices) {
            if row >= self.nrows() {
                return Err(Error::RowOutOfRange { place: "inputs", row, rows: self.nrows() });
            }
            match (to.as_slice_mut(), self.row(row).to_slice()) {
                (Some(to), Some(from)) => to.copy_from_slice(from),
                _ => to.assign(&self.row(row)),
            }
        }
        Ok(())
    }

    /// If they follow one another.
    fn lend(&self, indices: &[usize]) -> Option<ArrayView2<'_, F>> {
        let &first = indices.first()?;
        let rows = first..first.checked_add(indices.len())?;
        let follow = rows.end <= self.nrows() && rows.clone().eq(indices.iter().copied());
        follow.then(|| self.slice_axis(Axis(0), Slice::from(rows)))
    }

    fn check_finite(&self) -> Result<(), Error> {
        check_finite(self, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn gathers_in_the_order_asked_for() {
        let rows = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
        let mut tile = Array2::zeros((3, 2));
        rows.gather(&[2, 0, 2], tile.view_mut()).expect("rows in range");
        assert_eq!(tile, array![[5.0, 6.0], [1.0, 2.0], [5.0, 6.0]]);
    }

    #[test]
    fn lends_what_it_would_gather_or_nothing() {
        let rows = array![[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]];
        assert_eq!(rows.lend(&[1, 2]), Some(array![[3.0, 4.0], [5.0, 6.0]].view()));
        for indices in [&[][..], &[0, 2], &[1, 0], &[1, 1], &[2, 3], &[usize::MAX], &[usize::MAX, 0]] {
            assert_eq!(rows.lend(indices), None, "{indices:?}");
        }
    }

    #[test]
    fn a_row_beyond_the_last_is_an_error() {
        let rows = array![[1.0_f32]];
        let error = rows.gather(&[1], Array2::zeros((1, 1)).view_mut()).unwrap_err();
        assert_eq!(error.to_string(), "inputs: row 1 was asked for, but there are 1 rows");
    }

    /// Rows that only gather, to reach the default `check_finite`.
    struct Gathered(Array2<f32>);

    impl Rows<f32> for Gathered {
        fn len(&self) -> usize {
            self.0.nrows()
        }
        fn width(&self) -> usize {
            self.0.ncols()
        }
        fn gather(&self, indices: &[usize], tile: ArrayViewMut2<f32>) -> Result<(), Error> {
            self.0.gather(indices, tile)
        }
    }

    #[test]
    fn names_the_entry_that_is_not_finite() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut rows = Array2::zeros((700, 3));
            rows[[650, 2]] = value;
            for error in [rows.check_finite(), Gathered(rows).check_finite()] {
                assert!(matches!(error, Err(Error::NotFinite { row: 650, column: 2, .. })));
            }
        }
        assert!(Gathered(Array2::zeros((700, 3))).check_finite().is_ok());
        assert!(Gathered(Array2::zeros((0, 3))).check_finite().is_ok());
    }
}
