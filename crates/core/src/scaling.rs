use crate::{Error, Real, Rows};
use ndarray::{ArrayView2, ArrayViewMut2};

/// How raw inputs become what a network sees: x ↦ (x - shift) · factor, the same for every column or each column its own.
///
/// A [`Preprocessor`](crate::Preprocessor) finds it from training rows.
///
/// ```
/// use chainrule_core::Scaling;
/// let pixels = Scaling::from_range(0.0, 255.0)?;
/// assert_eq!(pixels.apply(7, 255.0_f32), 1.0);
///
/// let columns = Scaling::per_column(vec![(0.0, 2.0), (10.0, 0.5)])?;
/// assert_eq!(columns.apply(1, 14.0), 2.0);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling(Columns);

/// (shift, factor)
#[derive(Clone, Debug, PartialEq)]
enum Columns {
    All(f64, f64),
    Each(Vec<(f64, f64)>),
}

impl Scaling {
    /// Inputs as they are.
    pub const IDENTITY: Scaling = Scaling(Columns::All(0.0, 1.0));

    /// (x - shift) · factor in every column.
    ///
    /// # Errors
    /// [`Error::Setting`] unless both are finite and the factor is not 0.
    pub fn new(shift: f64, factor: f64) -> Result<Self, Error> {
        check(shift, factor)?;
        Ok(Scaling(Columns::All(shift, factor)))
    }

    /// For each column its shift and its factor.
    ///
    /// # Errors
    /// [`Error::Column`] names the first column unless all are finite and no factor is 0.
    pub fn per_column(columns: Vec<(f64, f64)>) -> Result<Self, Error> {
        in_each(&columns, |&(shift, factor)| check(shift, factor))?;
        Ok(Scaling(Columns::Each(columns)))
    }

    /// The scaling that takes `low` to 0 and `high` to 1 in every column.
    ///
    /// # Errors
    /// [`Error::Setting`] unless both are finite and differ.
    pub fn from_range(low: f64, high: f64) -> Result<Self, Error> {
        Self::new(low, 1.0 / (high - low))
    }

    /// Number of columns, if each has its own shift and factor.
    pub fn columns(&self) -> Option<usize> {
        match &self.0 {
            Columns::All(..) => None,
            Columns::Each(columns) => Some(columns.len()),
        }
    }

    /// What is subtracted from a column, and what the difference is multiplied by.
    ///
    /// # Panics
    /// If each column has its own and there is no such column.
    pub fn column(&self, column: usize) -> (f64, f64) {
        match &self.0 {
            Columns::All(shift, factor) => (*shift, *factor),
            Columns::Each(columns) => columns[column],
        }
    }

    /// One number of a column, scaled.
    ///
    /// # Panics
    /// As [`Scaling::column`].
    #[inline]
    pub fn apply<F: Real>(&self, column: usize, x: F) -> F {
        let (shift, factor) = self.column(column);
        (x - F::of(shift)) * F::of(factor)
    }

    /// Scales a row in place.
    ///
    /// # Panics
    /// If each column has its own shift and factor and the row has another number of them.
    #[track_caller]
    pub fn apply_to_row<F: Real>(&self, row: &mut [F]) {
        match &self.0 {
            Columns::All(shift, factor) => {
                let (shift, factor) = (F::of(*shift), F::of(*factor));
                row.iter_mut().for_each(|x| *x = (*x - shift) * factor);
            }
            Columns::Each(columns) => {
                assert_eq!(row.len(), columns.len(), "columns of a row");
                let pairs = row.iter_mut().zip(columns);
                pairs.for_each(|(x, &(shift, factor))| *x = (*x - F::of(shift)) * F::of(factor));
            }
        }
    }

    /// Makes sure that it is for rows of `width` columns.
    ///
    /// # Errors
    /// [`Error::Width`] if each column has its own shift and factor and there are not `width` of them.
    pub fn check(&self, width: usize) -> Result<(), Error> {
        match self.columns() {
            Some(found) if found != width => Err(Error::Width { place: "scaling", expected: width, found }),
            _ => Ok(()),
        }
    }

    /// Makes sure that numbers F can be scaled: that shifts and factors are finite in F as well, and no factor 0.
    ///
    /// # Errors
    /// [`Error::Setting`], or [`Error::Column`] if each column has its own.
    pub fn check_precision<F: Real>(&self) -> Result<(), Error> {
        let check_rounded = |&(shift, factor): &(f64, f64)| {
            let (in_f, expected) =
                ((F::of(shift), F::of(factor)), "a number within the range of the inputs' type");
            if !in_f.0.is_finite() {
                return Err(Error::Setting { name: "scaling shift", expected, value: shift });
            }
            if !in_f.1.is_finite() || in_f.1 == F::zero() {
                return Err(Error::Setting { name: "scaling factor", expected, value: factor });
            }
            Ok(())
        };
        match &self.0 {
            Columns::All(shift, factor) => check_rounded(&(*shift, *factor)),
            Columns::Each(columns) => in_each(columns, check_rounded),
        }
    }

    /// `rows`, scaled while they are gathered.
    pub fn of<'a, F: Real>(&'a self, rows: &'a dyn Rows<F>) -> ScaledRows<'a, F> {
        ScaledRows { rows, scaling: self }
    }
}

/// Checks column by column, and names the first that is wrong.
fn in_each(columns: &[(f64, f64)], check: impl Fn(&(f64, f64)) -> Result<(), Error>) -> Result<(), Error> {
    columns.iter().enumerate().try_for_each(|(column, numbers)| {
        check(numbers).map_err(|source| Error::Column { column, source: Box::new(source) })
    })
}

fn check(shift: f64, factor: f64) -> Result<(), Error> {
    if !shift.is_finite() {
        return Err(Error::Setting { name: "scaling shift", expected: "a finite number", value: shift });
    }
    if !factor.is_finite() || factor == 0.0 {
        let expected = "a finite number other than 0";
        return Err(Error::Setting { name: "scaling factor", expected, value: factor });
    }
    Ok(())
}

/// Rows with a [`Scaling`] applied on the way; made by [`Scaling::of`].
#[derive(Clone, Copy, Debug)]
pub struct ScaledRows<'a, F: Real> {
    rows: &'a dyn Rows<F>,
    scaling: &'a Scaling,
}

impl<F: Real> Rows<F> for ScaledRows<'_, F> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn width(&self) -> usize {
        self.rows.width()
    }

    fn lend(&self, indices: &[usize]) -> Option<ArrayView2<'_, F>> {
        if *self.scaling == Scaling::IDENTITY { self.rows.lend(indices) } else { None }
    }

    fn gather(&self, indices: &[usize], mut tile: ArrayViewMut2<F>) -> Result<(), Error> {
        self.scaling.check(self.rows.width())?;
        self.rows.gather(indices, tile.view_mut())?;
        if *self.scaling != Scaling::IDENTITY {
            for mut row in tile.outer_iter_mut() {
                match row.as_slice_mut() {
                    Some(row) => self.scaling.apply_to_row(row),
                    None => {
                        row.indexed_iter_mut().for_each(|(column, x)| *x = self.scaling.apply(column, *x))
                    }
                }
            }
        }
        Ok(())
    }

    fn check_finite(&self) -> Result<(), Error> {
        self.rows.check_finite()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, array};

    #[test]
    fn scales_while_gathering() {
        let rows = array![[2.0, 4.0], [6.0, 8.0]];
        let mut tile = Array2::zeros((1, 2));
        let scaled = Scaling::from_range(2.0, 4.0).expect("a range").of(&rows).gather(&[1], tile.view_mut());
        scaled.expect("a row in range");
        assert_eq!(tile, array![[2.0, 3.0]]);
    }

    #[test]
    fn each_column_has_its_own() {
        let rows = array![[2.0, 4.0], [6.0, 8.0]];
        let scaling = Scaling::per_column(vec![(1.0, 2.0), (4.0, -1.0)]).expect("finite numbers");
        let mut tile = Array2::zeros((2, 2));
        scaling.of(&rows).gather(&[1, 0], tile.view_mut()).expect("rows in range");
        assert_eq!(tile, array![[10.0, -4.0], [2.0, 0.0]]);
        // Columns of a tile may lie apart.
        let mut turned = Array2::zeros((2, 2)).reversed_axes();
        scaling.of(&rows).gather(&[1, 0], turned.view_mut()).expect("rows in range");
        assert_eq!(turned, tile);
        let narrow = Scaling::per_column(vec![(1.0, 2.0)]).expect("finite numbers");
        let error = narrow.of(&rows).gather(&[0], Array2::zeros((1, 2)).view_mut()).unwrap_err();
        assert_eq!(error.to_string(), "scaling: expected 2 columns, found 1");
    }

    #[test]
    fn refuses_what_cannot_be_undone() {
        for (low, high) in [(1.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            assert!(matches!(Scaling::from_range(low, high), Err(Error::Setting { .. })), "{low} {high}");
        }
        for (columns, message) in [
            (vec![(0.0, 1.0), (f64::NAN, 1.0)], "column 1: scaling shift is NaN, expected a finite number"),
            (vec![(0.0, 0.0)], "column 0: scaling factor is 0, expected a finite number other than 0"),
        ] {
            assert_eq!(Scaling::per_column(columns).unwrap_err().to_string(), message);
        }
        let large = Scaling::per_column(vec![(0.0, 1.0), (0.0, 1.0), (1e300, 1.0)]).expect("finite in f64");
        let message =
            "column 2: scaling shift is 1e300, expected a number within the range of the inputs' type";
        assert_eq!(large.check_precision::<f32>().unwrap_err().to_string(), message);
    }
}
