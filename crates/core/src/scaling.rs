use crate::{Error, Real, Rows};
use ndarray::ArrayViewMut2;

/// How raw inputs become what a network sees: x ↦ (x - shift) · factor, the same for every column.
///
/// ```
/// use chainrule_core::Scaling;
/// let pixels = Scaling::from_range(0.0, 255.0)?;
/// assert_eq!(pixels.apply(255.0_f32), 1.0);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scaling {
    shift: f64,
    factor: f64,
}

impl Scaling {
    /// Inputs as they are.
    pub const IDENTITY: Scaling = Scaling { shift: 0.0, factor: 1.0 };

    /// (x - shift) · factor
    ///
    /// # Errors
    /// [`Error::Setting`] unless both are finite and the factor is not 0.
    pub fn new(shift: f64, factor: f64) -> Result<Self, Error> {
        if !shift.is_finite() {
            return Err(Error::Setting { name: "scaling shift", expected: "a finite number", value: shift });
        }
        if !factor.is_finite() || factor == 0.0 {
            let expected = "a finite number other than 0";
            return Err(Error::Setting { name: "scaling factor", expected, value: factor });
        }
        Ok(Scaling { shift, factor })
    }

    /// The scaling that takes `low` to 0 and `high` to 1.
    ///
    /// # Errors
    /// [`Error::Setting`] unless both are finite and differ.
    pub fn from_range(low: f64, high: f64) -> Result<Self, Error> {
        Self::new(low, 1.0 / (high - low))
    }

    /// What is subtracted.
    pub fn shift(&self) -> f64 {
        self.shift
    }

    /// What the difference is multiplied by.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// One number, scaled.
    #[inline]
    pub fn apply<F: Real>(&self, x: F) -> F {
        (x - F::of(self.shift)) * F::of(self.factor)
    }

    /// `rows`, scaled while they are gathered.
    pub fn of<'a, F: Real>(&self, rows: &'a dyn Rows<F>) -> ScaledRows<'a, F> {
        ScaledRows { rows, scaling: *self }
    }
}

/// Rows with a [`Scaling`] applied on the way; made by [`Scaling::of`].
pub struct ScaledRows<'a, F> {
    rows: &'a dyn Rows<F>,
    scaling: Scaling,
}

impl<F: Real> Rows<F> for ScaledRows<'_, F> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn width(&self) -> usize {
        self.rows.width()
    }

    fn gather(&self, indices: &[usize], mut tile: ArrayViewMut2<F>) -> Result<(), Error> {
        self.rows.gather(indices, tile.view_mut())?;
        if self.scaling != Scaling::IDENTITY {
            let (shift, factor) = (F::of(self.scaling.shift), F::of(self.scaling.factor));
            tile.mapv_inplace(|x| (x - shift) * factor);
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
    fn refuses_what_cannot_be_undone() {
        for (low, high) in [(1.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            assert!(matches!(Scaling::from_range(low, high), Err(Error::Setting { .. })), "{low} {high}");
        }
    }
}
