use crate::prefetch::prefetch;
use crate::{EncodedRows, Error};
use chainrule_core::{Error as CoreError, Real, Rows, Scaling, Targets, check_class_names};
use ndarray::{Array2, ArrayView1, ArrayViewMut2, Axis};
use std::fmt;

/// What there is to say about a data set besides its rows and labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// A short name, for example `"digits"`.
    pub name: String,
    /// The name of each class, none empty and none twice; a label is an index into it.
    pub class_names: Vec<String>,
    /// How raw inputs are best scaled for a network.
    pub scaling: Scaling,
    /// (rows, columns) of the image that a row of inputs is, row by row, if it is one.
    pub image_shape: Option<(usize, usize)>,
}

/// Raw inputs, as compact as they came.
#[derive(Clone, PartialEq)]
enum Inputs {
    /// Row by row.
    Bytes(Vec<u8>),
    /// (rows, width)
    Numbers(Array2<f32>),
    /// Made while they are gathered.
    Encoded(EncodedRows),
}

/// Rows of inputs, each with the label of its class. It has at least one row, one column and one class, every label
/// names a class, and every number is finite.
///
/// As [`Rows`] it yields the inputs raw. Whoever trains applies the [`Scaling`] and keeps it with the trained network, so
/// that raw rows predict right later.
///
/// ```
/// use chainrule_core::{Rows, Scaling};
/// use chainrule_data::{DataSet, Description};
/// use ndarray::{Array2, array};
///
/// let description = Description {
///     name: "two pixels".into(),
///     class_names: vec!["dark".into(), "bright".into()],
///     scaling: Scaling::from_range(0.0, 255.0)?,
///     image_shape: Some((1, 2)),
/// };
/// let set = DataSet::from_bytes(description, vec![0, 1, 255, 254], 2, vec![0, 1])?;
///
/// let mut tile = Array2::<f32>::zeros((1, 2));
/// set.gather(&[1], tile.view_mut())?;
/// assert_eq!(tile, array![[255.0, 254.0]]);
/// # Ok::<(), chainrule_data::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct DataSet {
    description: Description,
    inputs: Inputs,
    width: usize,
    labels: Vec<usize>,
}

impl DataSet {
    /// Inputs of one byte each, `width` to a row, row by row; they stay bytes in memory.
    ///
    /// # Errors
    /// [`Error::PartialRow`] if the bytes do not make whole rows, [`Error::NoClassNames`], [`Error::ImageShape`], and as
    /// [`Error::Core`]: `Setting` for a width of 0, `Empty` without rows, `RowCount` unless there is one label for each
    /// row, `LabelOutOfRange`, `SameClassName`, `EmptyClassName`.
    pub fn from_bytes(
        description: Description,
        bytes: Vec<u8>,
        width: usize,
        labels: Vec<usize>,
    ) -> Result<Self, Error> {
        check_width(width)?;
        if !bytes.len().is_multiple_of(width) {
            return Err(Error::PartialRow { bytes: bytes.len(), width });
        }
        check(&description, (bytes.len() / width, width), &labels)?;
        Ok(DataSet { description, inputs: Inputs::Bytes(bytes), width, labels })
    }

    /// Inputs that are numbers, (rows, width).
    ///
    /// # Errors
    /// As [`DataSet::from_bytes`], and `NotFinite` as [`Error::Core`] names the first number that is NaN or infinite.
    pub fn from_numbers(
        description: Description,
        numbers: Array2<f32>,
        labels: Vec<usize>,
    ) -> Result<Self, Error> {
        let width = numbers.ncols();
        check_width(width)?;
        check(&description, numbers.dim(), &labels)?;
        Rows::check_finite(&numbers)?;
        Ok(DataSet { description, inputs: Inputs::Numbers(numbers), width, labels })
    }

    /// Inputs that an encoder makes on the way.
    ///
    /// # Errors
    /// As [`DataSet::from_bytes`].
    pub(crate) fn from_encoded(
        description: Description,
        rows: EncodedRows,
        labels: Vec<usize>,
    ) -> Result<Self, Error> {
        let width = rows.width();
        check_width(width)?;
        check(&description, (rows.len(), width), &labels)?;
        Ok(DataSet { description, inputs: Inputs::Encoded(rows), width, labels })
    }

    /// Number of rows (samples).
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// False: a data set has rows.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Number of columns (features).
    pub fn width(&self) -> usize {
        self.width
    }

    /// The class of each row, as an index into [`DataSet::class_names`].
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The labels as a loss takes them.
    pub fn targets<F: Real>(&self) -> Targets<'_, F> {
        Targets::Classes(&self.labels)
    }

    /// A short name, for example `"digits"`.
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// The name of each class.
    pub fn class_names(&self) -> &[String] {
        &self.description.class_names
    }

    /// How the raw inputs are best scaled for a network.
    pub fn scaling(&self) -> &Scaling {
        &self.description.scaling
    }

    /// (rows, columns) of the image that a row of inputs is, row by row, if it is one.
    pub fn image_shape(&self) -> Option<(usize, usize)> {
        self.description.image_shape
    }

    /// The rows `indices`, in that order, as a data set of their own.
    ///
    /// # Errors
    /// As [`Error::Core`]: `RowOutOfRange`, and `Empty` without indices.
    ///
    /// ```
    /// let digits = chainrule_data::digits();
    /// assert_eq!(digits.select(&[7, 3])?.labels(), [7, 3]);
    /// # Ok::<(), chainrule_data::Error>(())
    /// ```
    pub fn select(&self, indices: &[usize]) -> Result<DataSet, Error> {
        if indices.is_empty() {
            return Err(CoreError::Empty { place: "selected rows" }.into());
        }
        indices.iter().try_for_each(|&row| self.check_row(row))?;
        let inputs = match &self.inputs {
            Inputs::Bytes(bytes) => {
                let rows = indices.iter().map(|&row| byte_row(bytes, self.width, row));
                Inputs::Bytes(rows.collect::<Vec<_>>().concat())
            }
            Inputs::Numbers(numbers) => Inputs::Numbers(numbers.select(Axis(0), indices)),
            Inputs::Encoded(rows) => Inputs::Encoded(rows.select(indices)),
        };
        let labels = indices.iter().map(|&row| self.labels[row]).collect();
        Ok(DataSet { description: self.description.clone(), inputs, width: self.width, labels })
    }

    fn check_row(&self, row: usize) -> Result<(), CoreError> {
        if row < self.len() {
            Ok(())
        } else {
            Err(CoreError::RowOutOfRange { place: "inputs", row, rows: self.len() })
        }
    }
}

/// The raw inputs, each converted exactly to `F`.
impl<F: Real> Rows<F> for DataSet {
    fn len(&self) -> usize {
        self.len()
    }

    fn width(&self) -> usize {
        self.width
    }

    fn gather(&self, indices: &[usize], mut tile: ArrayViewMut2<F>) -> Result<(), CoreError> {
        let (rows, width) = tile.dim();
        if rows != indices.len() {
            return Err(CoreError::RowCount { place: "tile", expected: indices.len(), found: rows });
        }
        if width != self.width {
            return Err(CoreError::Width { place: "tile", expected: self.width, found: width });
        }
        for (i, (mut to, &row)) in tile.outer_iter_mut().zip(indices).enumerate() {
            self.check_row(row)?;
            let next = indices.get(i + ROWS_AHEAD).copied().filter(|&next| next < self.len());
            match &self.inputs {
                Inputs::Bytes(bytes) => {
                    next.into_iter().for_each(|next| prefetch(byte_row(bytes, width, next)));
                    let from = ArrayView1::from(byte_row(bytes, width, row));
                    to.zip_mut_with(&from, |to, &byte| *to = F::from_byte(byte));
                }
                Inputs::Numbers(numbers) => {
                    next.and_then(|next| numbers.row(next).to_slice()).into_iter().for_each(prefetch);
                    to.zip_mut_with(&numbers.row(row), |to, &number| *to = F::of(number.into()));
                }
                Inputs::Encoded(rows) => rows.copy_row(row, to),
            }
        }
        Ok(())
    }

    /// At once: the constructors checked.
    fn check_finite(&self) -> Result<(), CoreError> {
        Ok(())
    }
}

impl fmt::Debug for DataSet {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("DataSet")
            .field("description", &self.description)
            .field("rows", &self.len())
            .field("width", &self.width)
            .finish_non_exhaustive()
    }
}

/// So many rows ahead of the one that is converted, memory is asked for the next: rows of a shuffled batch lie anywhere.
const ROWS_AHEAD: usize = 4;

fn byte_row(bytes: &[u8], width: usize, row: usize) -> &[u8] {
    &bytes[row * width..][..width]
}

fn check_width(width: usize) -> Result<(), CoreError> {
    if width == 0 {
        return Err(CoreError::Setting { name: "width", expected: "at least 1", value: 0.0 });
    }
    Ok(())
}

/// Checks everything that both kinds of inputs have in common.
fn check(description: &Description, (rows, width): (usize, usize), labels: &[usize]) -> Result<(), Error> {
    if rows == 0 {
        return Err(CoreError::Empty { place: "inputs" }.into());
    }
    if labels.len() != rows {
        return Err(CoreError::RowCount { place: "labels", expected: rows, found: labels.len() }.into());
    }
    if description.class_names.is_empty() {
        return Err(Error::NoClassNames);
    }
    check_class_names(&description.class_names)?;
    Targets::<f32>::Classes(labels).check(description.class_names.len())?;
    match description.image_shape {
        Some((rows, columns)) if rows.checked_mul(columns) != Some(width) => {
            Err(Error::ImageShape { rows, columns, width })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{ShapeBuilder, array};

    fn description(classes: usize) -> Description {
        Description {
            name: "test".into(),
            class_names: (0..classes).map(|class| format!("class {class}")).collect(),
            scaling: Scaling::from_range(0.0, 255.0).expect("a range"),
            image_shape: None,
        }
    }

    fn bytes() -> DataSet {
        DataSet::from_bytes(description(3), vec![1, 2, 3, 4, 5, 255], 2, vec![0, 2, 1]).expect("a data set")
    }

    fn numbers() -> DataSet {
        let numbers = array![[1.0, 2.0], [3.0, 4.0], [5.0, 255.0]];
        DataSet::from_numbers(description(3), numbers, vec![0, 2, 1]).expect("a data set")
    }

    #[test]
    fn says_what_it_was_made_from() {
        let image = Description { image_shape: Some((1, 2)), ..description(3) };
        let set = DataSet::from_bytes(image.clone(), vec![0; 4], 2, vec![2, 0]).expect("a data set");
        assert_eq!((set.len(), set.width(), set.is_empty()), (2, 2, false));
        assert_eq!((Rows::<f64>::len(&set), Rows::<f64>::width(&set)), (2, 2));
        assert_eq!(set.labels(), [2, 0]);
        assert!(matches!(set.targets::<f32>(), Targets::Classes([2, 0])));
        assert_eq!(set.name(), "test");
        assert_eq!(set.class_names(), image.class_names);
        assert_eq!(set.scaling(), &image.scaling);
        assert_eq!(set.image_shape(), Some((1, 2)));
    }

    #[test]
    fn names_what_is_wrong() {
        let from_bytes = |bytes: usize, width, labels: &[usize], classes| {
            DataSet::from_bytes(description(classes), vec![0; bytes], width, labels.into())
        };
        let with_image = |rows, columns| {
            let description = Description { image_shape: Some((rows, columns)), ..description(1) };
            DataSet::from_bytes(description, vec![0; 6], 6, vec![0])
        };
        let named = |names: [&str; 2]| {
            let description = Description { class_names: names.map(String::from).into(), ..description(0) };
            DataSet::from_bytes(description, vec![0; 6], 6, vec![0])
        };
        let from_numbers =
            |numbers, labels: &[usize]| DataSet::from_numbers(description(2), numbers, labels.into());
        let table = [
            (from_bytes(4, 0, &[0], 2), "width is 0, expected at least 1"),
            (from_bytes(0, 4, &[], 2), "inputs: there are no rows, expected at least one"),
            (
                from_bytes(5, 2, &[0, 0], 2),
                "inputs: 5 bytes do not make whole rows, expected a multiple of 2",
            ),
            (from_bytes(4, 2, &[0], 2), "labels: expected 2 rows, found 1"),
            (from_bytes(4, 2, &[0, 1, 0], 2), "labels: expected 2 rows, found 3"),
            (from_bytes(4, 2, &[1, 2], 2), "targets: the label of row 1 is 2, expected 0 to 1"),
            (from_bytes(4, 2, &[0, 0], 0), "class names: there are none, expected at least one"),
            (
                named(["a", "a"]),
                "class names: classes 0 and 1 are both named \"a\", expected a name of its own for each",
            ),
            (named(["a", ""]), "class names: the name of class 1 is empty, expected at least one character"),
            (with_image(2, 4), "image shape: 2×4 pixels do not make a row, expected 6 pixels"),
            (with_image(0, 6), "image shape: 0×6 pixels do not make a row, expected 6 pixels"),
            // Modulo 2⁶⁴ the product is 6.
            (
                with_image(usize::MAX - 5, usize::MAX),
                "image shape: 18446744073709551610×18446744073709551615 pixels do not make a row, expected 6 pixels",
            ),
            (from_numbers(Array2::zeros((3, 0)), &[0, 0, 0]), "width is 0, expected at least 1"),
            (from_numbers(Array2::zeros((0, 3)), &[]), "inputs: there are no rows, expected at least one"),
            (from_numbers(Array2::zeros((1, 3)), &[0, 1]), "labels: expected 1 rows, found 2"),
            (from_numbers(Array2::zeros((1, 3)), &[2]), "targets: the label of row 0 is 2, expected 0 to 1"),
            (
                from_numbers(array![[0.0, 0.0], [0.0, f32::NAN]], &[0, 1]),
                "inputs: row 1, column 1 holds NaN, expected a finite number",
            ),
            (
                from_numbers(array![[f32::NEG_INFINITY]], &[0]),
                "inputs: row 0, column 0 holds -inf, expected a finite number",
            ),
        ];
        for (result, message) in table {
            assert_eq!(result.expect_err(message).to_string(), message);
        }
    }

    #[test]
    fn gathers_raw_rows_in_the_order_asked_for() {
        fn check<F: Real>(set: &DataSet) {
            let expected = array![[5.0, 255.0], [1.0, 2.0], [5.0, 255.0]].mapv(F::of);
            // Contiguous rows, strided rows, and rows within a wider tile.
            let mut tile = Array2::<F>::zeros((3, 2));
            set.gather(&[2, 0, 2], tile.view_mut()).expect("rows in range");
            assert_eq!(tile, expected);
            let mut tile = Array2::<F>::zeros((3, 2).f());
            set.gather(&[2, 0, 2], tile.view_mut()).expect("rows in range");
            assert_eq!(tile, expected);
            let mut tile = Array2::<F>::zeros((3, 5));
            set.gather(&[2, 0, 2], tile.view_mut().split_at(Axis(1), 2).0).expect("rows in range");
            assert_eq!(
                tile.view().split_at(Axis(1), 2),
                (expected.view(), Array2::<F>::zeros((3, 3)).view())
            );
        }
        let columns_first = array![[1.0, 3.0, 5.0], [2.0, 4.0, 255.0]].reversed_axes();
        let columns_first =
            DataSet::from_numbers(description(3), columns_first, vec![0, 2, 1]).expect("a data set");
        for set in [bytes(), numbers(), columns_first] {
            check::<f32>(&set);
            check::<f64>(&set);
        }
    }

    #[test]
    fn every_byte_arrives_exactly() {
        let set = DataSet::from_bytes(description(1), (0..=255).collect(), 256, vec![0]).expect("a row");
        let mut tile = Array2::<f32>::zeros((1, 256));
        set.gather(&[0], tile.view_mut()).expect("a row in range");
        assert!(tile.iter().zip(0..=255_u8).all(|(&found, byte)| found == f32::from(byte)));
    }

    #[test]
    fn gather_refuses_what_does_not_fit() {
        for set in [bytes(), numbers()] {
            let gather = |indices: &[usize], tile| {
                let error = set.gather(indices, Array2::<f32>::zeros(tile).view_mut()).expect_err("no fit");
                error.to_string()
            };
            assert_eq!(gather(&[0, 3], (2, 2)), "inputs: row 3 was asked for, but there are 3 rows");
            assert_eq!(
                gather(&[usize::MAX], (1, 2)),
                format!("inputs: row {} was asked for, but there are 3 rows", usize::MAX)
            );
            assert_eq!(gather(&[0, 1], (1, 2)), "tile: expected 2 rows, found 1");
            assert_eq!(gather(&[0], (2, 2)), "tile: expected 1 rows, found 2");
            assert_eq!(gather(&[0], (1, 3)), "tile: expected 2 columns, found 3");
        }
    }

    #[test]
    fn selects_rows_with_their_labels() {
        for set in [bytes(), numbers()] {
            let part = set.select(&[2, 1, 2]).expect("rows in range");
            assert_eq!(part.labels(), [1, 2, 1]);
            assert_eq!(part.description, set.description);
            let mut tile = Array2::<f64>::zeros((3, 2));
            part.gather(&[0, 1, 2], tile.view_mut()).expect("rows in range");
            assert_eq!(tile, array![[5.0, 255.0], [3.0, 4.0], [5.0, 255.0]]);

            let error = set.select(&[0, 3]).expect_err("row 3");
            assert_eq!(error.to_string(), "inputs: row 3 was asked for, but there are 3 rows");
            let error = set.select(&[]).expect_err("no rows");
            assert_eq!(error.to_string(), "selected rows: there are no rows, expected at least one");
        }
    }

    #[test]
    fn is_short_when_printed() {
        let set = DataSet::from_bytes(description(1), vec![7; 5000], 1, vec![0; 5000]).expect("a data set");
        assert!(format!("{set:?}").len() < 300);
    }
}
