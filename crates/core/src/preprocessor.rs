use crate::{Error, Real, Rows, Scaling};
use ndarray::{Array2, Axis, Slice};

/// How the [`Scaling`] of inputs is found from training rows.
///
/// ```
/// use chainrule_core::{Preprocessor, Scaling};
/// use ndarray::array;
/// let train = array![[1.0, 7.0], [3.0, 7.0]];
/// let scaling = Preprocessor::Standard.fit(&train)?;
/// assert_eq!(scaling.column(0), (2.0, 1.0));
/// // A column that is the same everywhere is shifted only.
/// assert_eq!(scaling.column(1), (7.0, 1.0));
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Preprocessor {
    /// x
    #[default]
    None,
    /// (x - μ) / σ with each column's mean μ and standard deviation σ (of the whole, not of a sample: divided by n).
    Standard,
    /// (x - min) / (max - min) with each column's least and largest number: training rows come to lie between 0 and 1.
    MinMax,
}

/// Rows that are read at a time.
const CHUNK: usize = 256;

impl Preprocessor {
    /// The scaling for these rows: the training part alone, so that nothing of the test part is known to the model. Reads the rows in
    /// chunks, twice for [`Preprocessor::Standard`], and computes in f64.
    ///
    /// # Errors
    /// [`Error::Empty`] without rows, [`Error::NotFinite`], and what [`Rows::gather`] says.
    pub fn fit<F: Real>(self, rows: &dyn Rows<F>) -> Result<Scaling, Error> {
        if self == Preprocessor::None {
            return Ok(Scaling::IDENTITY);
        }
        if rows.is_empty() {
            return Err(Error::Empty { place: "rows to fit a preprocessor on" });
        }
        rows.check_finite()?;
        let width = rows.width();
        let columns = match self {
            Preprocessor::MinMax => {
                let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); width];
                for_each_row(rows, |row| {
                    let pairs = ranges.iter_mut().zip(row);
                    pairs.for_each(|((low, high), &x)| {
                        (*low, *high) = (low.min(x.as_f64()), high.max(x.as_f64()))
                    });
                })?;
                ranges.into_iter().map(|(low, high)| (low, inverse::<F>(high - low))).collect()
            }
            _ => {
                let n = rows.len() as f64;
                let mut means = vec![0.0; width];
                for_each_row(rows, |row| {
                    means.iter_mut().zip(row).for_each(|(mean, &x)| *mean += x.as_f64() / n);
                })?;
                let mut variances = vec![0.0; width];
                for_each_row(rows, |row| {
                    let columns = variances.iter_mut().zip(&means).zip(row);
                    columns.for_each(|((variance, mean), &x)| *variance += (x.as_f64() - mean).powi(2) / n);
                })?;
                let is_constant = |mean: f64, variance: f64| {
                    // What rounding alone makes of a column of equal numbers.
                    variance.sqrt() <= 8.0 * f64::EPSILON * n.sqrt() * mean.abs()
                };
                means
                    .into_iter()
                    .zip(variances)
                    .map(|(mean, variance)| match is_constant(mean, variance) {
                        true => (mean, 1.0),
                        false => (mean, inverse::<F>(variance.sqrt())),
                    })
                    .collect()
            }
        };
        Scaling::per_column(columns)
    }
}

/// 1 / x; 1 where that is nothing that the rows' numbers can be multiplied by, for a column that hardly differs.
fn inverse<F: Real>(x: f64) -> f64 {
    let inverse = x.recip();
    let of_rows = F::of(inverse);
    if of_rows.is_finite() && of_rows != F::zero() { inverse } else { 1.0 }
}

/// Calls `each` with every row, in order.
fn for_each_row<F: Real>(rows: &dyn Rows<F>, mut each: impl FnMut(&[F])) -> Result<(), Error> {
    let mut tile = Array2::zeros((CHUNK.min(rows.len()), rows.width()));
    let indices: Vec<usize> = (0..rows.len()).collect();
    for chunk in indices.chunks(CHUNK) {
        let mut tile = tile.slice_axis_mut(Axis(0), Slice::from(..chunk.len()));
        rows.gather(chunk, tile.view_mut())?;
        tile.outer_iter().filter_map(|row| row.to_slice()).for_each(&mut each);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Of `rows`, scaled.
    fn scaled(preprocessor: Preprocessor, rows: &Array2<f64>) -> Array2<f64> {
        let scaling = preprocessor.fit(rows).expect("finite rows");
        let mut tile = Array2::zeros(rows.dim());
        let all: Vec<usize> = (0..rows.nrows()).collect();
        scaling.of(rows).gather(&all, tile.view_mut()).expect("rows in range");
        tile
    }

    #[test]
    fn standard_gives_mean_0_and_deviation_1() {
        let rows = Array2::from_shape_fn((1000, 3), |(i, j)| {
            1e6 + ((i * 37 + j * 11) % 101) as f64 * 10_f64.powi(j as i32)
        });
        let scaled = scaled(Preprocessor::Standard, &rows);
        for column in scaled.columns() {
            let mean = column.sum() / 1000.0;
            let variance = column.mapv(|x| (x - mean).powi(2)).sum() / 1000.0;
            assert!(mean.abs() < 1e-9 && (variance - 1.0).abs() < 1e-9, "{mean} {variance}");
        }
    }

    #[test]
    fn min_max_lies_between_0_and_1() {
        let scaled = scaled(Preprocessor::MinMax, &array![[3.0, -1.0], [5.0, -1.0], [4.0, 1.0]]);
        assert_eq!(scaled, array![[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]]);
    }

    #[test]
    fn a_column_of_one_number_is_not_blown_up() {
        for number in [0.1, 1e300, -1e-300, 0.0] {
            let rows = Array2::from_elem((1003, 1), number);
            for preprocessor in [Preprocessor::Standard, Preprocessor::MinMax] {
                let (_, factor) = preprocessor.fit(&rows).expect("finite rows").column(0);
                assert_eq!(factor, 1.0, "{number} {preprocessor:?}");
                assert!(
                    scaled(preprocessor, &rows).iter().all(|x| x.abs() <= 1e-12 * number.abs()),
                    "{number}"
                );
            }
        }
    }

    #[test]
    fn factors_are_numbers_of_the_rows_own_type() {
        let tiny = array![[1e-39_f32], [2e-39]];
        for preprocessor in [Preprocessor::Standard, Preprocessor::MinMax] {
            let scaling = preprocessor.fit(&tiny).expect("finite rows");
            assert!(scaling.apply(0, 2e-39_f32).is_finite(), "{preprocessor:?}");
        }
    }

    #[test]
    fn names_what_is_wrong() {
        let none = Array2::<f64>::zeros((0, 2));
        assert!(matches!(Preprocessor::MinMax.fit(&none), Err(Error::Empty { .. })));
        let bad = array![[1.0], [f64::INFINITY]];
        assert!(matches!(Preprocessor::Standard.fit(&bad), Err(Error::NotFinite { row: 1, column: 0, .. })));
        assert_eq!(Preprocessor::None.fit(&bad).expect("nothing to find"), Scaling::IDENTITY);
    }
}
