use chainrule_core::{Error, Real};
use ndarray::ArrayView2;

/// Makes sure that all numbers of some rows, whose first is row `first`, are finite.
pub(crate) fn check_finite<F: Real>(
    place: &'static str,
    first: usize,
    rows: ArrayView2<F>,
) -> Result<(), Error> {
    for (row, numbers) in rows.outer_iter().enumerate() {
        // Without a way out, so that the search takes whole registers.
        if !numbers.iter().fold(true, |all, x| all & x.is_finite()) {
            let found = numbers.iter().enumerate().find(|(_, x)| !x.is_finite());
            let (column, value) = found.map_or((0, f64::NAN), |(column, x)| (column, x.as_f64()));
            return Err(Error::NotFinite { place, row: first + row, column, value });
        }
    }
    Ok(())
}
