use crate::{DataSet, Error};
use chainrule_core::{Error as CoreError, Purpose, Random, Targets};

/// The rows of three parts, ascending in each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// The rows to train on.
    pub train: Vec<usize>,
    /// The rows that tell when to stop.
    pub validation: Vec<usize>,
    /// The rows that tell how good the result is.
    pub test: Vec<usize>,
}

/// Cuts rows with these labels, each less than `classes`, in a training, a validation and a test part, each class by the same
/// fractions.
///
/// With n rows in a class, n · `test_fraction` of them go to the test part, rounded up or down such that the sum over the
/// classes is right as well, and n · `validation_fraction` to the validation part; the last row of a class stays in the
/// training part. Which rows go is a function of `seed` alone, and which go to the test part does not depend on the validation
/// part. A fraction of 0 leaves its part empty.
///
/// # Errors
/// [`Error::EmptyTestPart`] or [`Error::EmptyValidationPart`] if a part with a fraction above 0 would have no row. As
/// [`Error::Core`]: `Setting` unless each fraction is at least 0 and their sum below 1, `LabelOutOfRange`, and `Empty` without
/// labels.
///
/// ```
/// let table = chainrule_data::digits();
/// let parts = chainrule_data::split(table.labels(), 10, 0.1, 0.2, 1)?;
/// assert_eq!((parts.train.len(), parts.validation.len(), parts.test.len()), (1258, 180, 359));
/// assert_eq!(table.split(0.2, 1)?.1, table.select(&parts.test)?);
/// # Ok::<(), chainrule_data::Error>(())
/// ```
pub fn split(
    labels: &[usize],
    classes: usize,
    validation_fraction: f64,
    test_fraction: f64,
    seed: u64,
) -> Result<Parts, Error> {
    let setting = |name, expected, value| Err(CoreError::Setting { name, expected, value }.into());
    for (name, value) in [("validation_fraction", validation_fraction), ("test_fraction", test_fraction)] {
        if !(0.0..1.0).contains(&value) {
            return setting(name, "a number from 0 up to 1, which is excluded", value);
        }
    }
    if validation_fraction + test_fraction >= 1.0 {
        let value = validation_fraction + test_fraction;
        return setting(
            "validation_fraction + test_fraction",
            "less than 1, to leave rows to train on",
            value,
        );
    }
    let (mut test, mut validation) = (Taker::new(test_fraction), Taker::new(validation_fraction));
    let mut part = vec![Part::Train; labels.len()];
    for (class, mut rows) in rows_by_class(labels, classes)?.into_iter().enumerate() {
        if rows.len() < 2 {
            continue;
        }
        Random::new(seed, Purpose::Split, class).shuffle(&mut rows);
        let (in_test, rest) = rows.split_at(test.take(rows.len(), rows.len() - 1));
        let (in_validation, _) = rest.split_at(validation.take(rows.len(), rest.len() - 1));
        in_test.iter().for_each(|&row| part[row] = Part::Test);
        in_validation.iter().for_each(|&row| part[row] = Part::Validation);
    }
    let rows_of = |wanted| (0..labels.len()).filter(|&row| part[row] == wanted).collect::<Vec<_>>();
    let parts = Parts {
        train: rows_of(Part::Train),
        validation: rows_of(Part::Validation),
        test: rows_of(Part::Test),
    };
    if parts.test.is_empty() && test_fraction > 0.0 {
        return Err(Error::EmptyTestPart { test_fraction, rows: labels.len() });
    }
    if parts.validation.is_empty() && validation_fraction > 0.0 {
        return Err(Error::EmptyValidationPart { validation_fraction, rows: labels.len() });
    }
    Ok(parts)
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Train,
    Validation,
    Test,
}

/// How many rows of each class go to a part.
struct Taker {
    fraction: f64,
    rows_before: usize,
}

impl Taker {
    fn new(fraction: f64) -> Self {
        Taker { fraction, rows_before: 0 }
    }

    /// Of a class of `rows` rows, at most `most`.
    fn take(&mut self, rows: usize, most: usize) -> usize {
        // Rounding the running total, not each class, keeps small classes from all being rounded down.
        let share = |rows: usize| (rows as f64 * self.fraction).round() as usize;
        let wanted = share(self.rows_before + rows) - share(self.rows_before);
        self.rows_before += rows;
        wanted.min(most)
    }
}

/// The rows of each class, ascending.
///
/// As [`Error::Core`]: `LabelOutOfRange`, and `Empty` without labels.
pub(crate) fn rows_by_class(labels: &[usize], classes: usize) -> Result<Vec<Vec<usize>>, Error> {
    if labels.is_empty() {
        return Err(CoreError::Empty { place: "labels" }.into());
    }
    Targets::<f32>::Classes(labels).check(classes)?;
    // Not one list for each class that there might be, but for each up to the last that there is.
    let mut rows = vec![Vec::new(); labels.iter().max().map_or(0, |&last| last + 1)];
    labels.iter().enumerate().for_each(|(row, &class)| rows[class].push(row));
    Ok(rows)
}

impl DataSet {
    /// Cuts the rows in a training and a test part, each class by the same fraction, as [`split`] does.
    ///
    /// # Errors
    /// [`Error::EmptyTestPart`] if no row would go to the test part, and `Setting` as [`Error::Core`] unless
    /// 0 < `test_fraction` < 1.
    ///
    /// ```
    /// let (train, test) = chainrule_data::digits().split(0.2, 1)?;
    /// assert_eq!((train.len(), test.len()), (1438, 359));
    /// # Ok::<(), chainrule_data::Error>(())
    /// ```
    pub fn split(&self, test_fraction: f64, seed: u64) -> Result<(DataSet, DataSet), Error> {
        check_fraction("test_fraction", test_fraction)?;
        let parts = split(self.labels(), self.class_names().len(), 0.0, test_fraction, seed)?;
        Ok((self.select(&parts.train)?, self.select(&parts.test)?))
    }

    /// Cuts the rows in a training, a validation and a test part, each class by the same fractions, as [`split`] does.
    ///
    /// # Errors
    /// As [`split`], and `Setting` as [`Error::Core`] also for a fraction of 0.
    pub fn split_in_three(
        &self,
        validation_fraction: f64,
        test_fraction: f64,
        seed: u64,
    ) -> Result<(DataSet, DataSet, DataSet), Error> {
        check_fraction("validation_fraction", validation_fraction)?;
        check_fraction("test_fraction", test_fraction)?;
        let parts = split(self.labels(), self.class_names().len(), validation_fraction, test_fraction, seed)?;
        Ok((self.select(&parts.train)?, self.select(&parts.validation)?, self.select(&parts.test)?))
    }
}

fn check_fraction(name: &'static str, value: f64) -> Result<(), CoreError> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(CoreError::Setting { name, expected: "a number between 0 and 1, both excluded", value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Description;
    use chainrule_core::{Rows, Scaling};
    use ndarray::Array2;
    use proptest::prelude::*;

    /// Rows that hold their own number.
    fn numbered(labels: Vec<usize>, classes: usize) -> DataSet {
        let description = Description {
            name: "numbered".into(),
            class_names: (0..classes).map(|class| class.to_string()).collect(),
            scaling: Scaling::IDENTITY,
            image_shape: None,
        };
        let numbers = Array2::from_shape_fn((labels.len(), 1), |(row, _)| row as f32);
        DataSet::from_numbers(description, numbers, labels).expect("a data set")
    }

    fn numbers(set: &DataSet) -> Vec<usize> {
        let mut tile = Array2::<f32>::zeros((set.len(), 1));
        set.gather(&Vec::from_iter(0..set.len()), tile.view_mut()).expect("rows in range");
        tile.iter().map(|&number| number as usize).collect()
    }

    fn count(set: &DataSet, class: usize) -> usize {
        set.labels().iter().filter(|&&label| label == class).count()
    }

    proptest! {
        #[test]
        fn each_row_lands_in_one_part_and_each_class_is_cut_alike(
            labels in prop::collection::vec(0_usize..6, 2..200),
            fraction in 0.01..0.99,
            seed: u64,
        ) {
            let set = numbered(labels, 7);
            let single = (0..7).filter(|&class| count(&set, class) == 1).count();
            let Ok((train, test)) = set.split(fraction, seed) else {
                // Only possible where next to nothing should have gone to the test part.
                prop_assert!((set.len() - single) as f64 * fraction < 1.0 + 7.0);
                return Ok(());
            };
            let (in_train, in_test) = (numbers(&train), numbers(&test));
            prop_assert!(in_train.is_sorted() && in_test.is_sorted());
            let mut all = [in_train.clone(), in_test.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, Vec::from_iter(0..set.len()));
            for (part, rows) in [(&train, in_train), (&test, in_test)] {
                prop_assert_eq!(part.labels(), rows.iter().map(|&row| set.labels()[row]).collect::<Vec<_>>());
                prop_assert_eq!(part.class_names(), set.class_names());
            }
            for class in 0..7 {
                let (rows, taken) = (count(&set, class), count(&test, class));
                prop_assert!((taken as f64 - rows as f64 * fraction).abs() <= 1.0, "{taken} of {rows}");
                prop_assert!(rows == 0 || taken < rows);
            }
        }
    }

    #[test]
    fn many_small_classes_still_give_the_right_total() {
        let set = numbered((0..400).map(|row| row % 100).collect(), 100);
        let (train, test) = set.split(0.1, 3).expect("both parts have rows");
        assert_eq!((train.len(), test.len()), (360, 40));
    }

    #[test]
    fn a_single_sample_goes_to_training() {
        let (train, test) = numbered(vec![0, 1, 1, 2], 3).split(0.9, 0).expect("both parts have rows");
        assert_eq!((train.labels(), test.labels()), (&[0, 1, 2][..], &[1][..]));
    }

    #[test]
    fn the_seed_alone_decides() {
        let set = numbered(vec![0; 100], 1);
        let test = |seed| numbers(&set.split(0.3, seed).expect("both parts have rows").1);
        assert_eq!(test(1), test(1));
        assert_ne!(test(1), test(2));
        // Neither the first rows nor the last.
        assert_ne!(test(1), Vec::from_iter(0..30));
        assert_ne!(test(1), Vec::from_iter(70..100));
    }

    #[test]
    fn each_class_has_its_own_order() {
        let set = numbered((0..200).map(|row| row / 100).collect(), 2);
        let (_, test) = set.split(0.5, 1).expect("both parts have rows");
        let (first, second): (Vec<usize>, Vec<usize>) =
            numbers(&test).into_iter().partition(|&row| row < 100);
        assert_ne!(first, second.iter().map(|row| row - 100).collect::<Vec<_>>());
    }

    #[test]
    fn every_row_can_be_drawn() {
        let set = numbered(vec![0; 10], 1);
        let mut drawn = [0; 10];
        for seed in 0..1000 {
            let (_, test) = set.split(0.3, seed).expect("both parts have rows");
            numbers(&test).iter().for_each(|&row| drawn[row] += 1);
        }
        // Each count is binomial with mean 300 and deviation 14.5.
        assert!(drawn.iter().all(|count| (225..375).contains(count)), "{drawn:?}");
    }

    proptest! {
        #[test]
        fn three_parts_are_cut_alike(
            labels in prop::collection::vec(0_usize..6, 1..200),
            validation in 0.0..0.5,
            test in 0.0..0.49,
            seed: u64,
        ) {
            let Ok(parts) = split(&labels, 7, validation, test, seed) else { return Ok(()) };
            let Parts { train, validation: middle, test: last } = &parts;
            prop_assert!(train.is_sorted() && middle.is_sorted() && last.is_sorted());
            let mut all = [&train[..], middle, last].concat();
            all.sort_unstable();
            prop_assert_eq!(all, Vec::from_iter(0..labels.len()));
            for class in 0..7 {
                let count = |rows: &[usize]| rows.iter().filter(|&&row| labels[row] == class).count() as f64;
                let rows = labels.iter().filter(|&&label| label == class).count() as f64;
                prop_assert!((count(last) - rows * test).abs() <= 1.0);
                // The last row of a class stays in the training part.
                prop_assert!((count(middle) - rows * validation).abs() <= 1.0 || count(train) == 1.0);
                prop_assert!(rows == 0.0 || count(train) >= 1.0);
            }
            // Each part is the same without the other's being asked for, as far as the order of rows goes.
            if let Ok(alone) = split(&labels, 7, 0.0, test, seed) {
                prop_assert_eq!(&alone.test, last);
            }
        }
    }

    /// Computed by a program in Python, of Philox, the shuffle and the running total.
    #[test]
    fn two_parts_are_what_they_always_were() {
        let labels: Vec<usize> = (0..40).map(|row| row * row % 7 % 4).collect();
        let (_, test) = numbered(labels, 4).split(0.3, 9).expect("both parts have rows");
        assert_eq!(numbers(&test), [0, 1, 2, 6, 7, 9, 10, 13, 17, 19, 25, 39]);
    }

    #[test]
    fn names_what_is_wrong_with_three_parts() {
        let message = |labels: &[usize], validation, test| {
            split(labels, 2, validation, test, 0).expect_err("an error").to_string()
        };
        let labels = [0, 0, 0, 1];
        for fraction in [1.0, -0.5, 1.5, f64::NAN, f64::INFINITY] {
            let expected = format!("is {fraction}, expected a number from 0 up to 1, which is excluded");
            assert_eq!(message(&labels, fraction, 0.5), format!("validation_fraction {expected}"));
            assert_eq!(message(&labels, 0.5, fraction), format!("test_fraction {expected}"));
        }
        let table: [(&[usize], _, _, _); 5] = [
            (
                &labels,
                0.5,
                0.5,
                "validation_fraction + test_fraction is 1, expected less than 1, to leave rows to train on",
            ),
            (
                &labels,
                0.5,
                0.1,
                "test_fraction: 0.1 of 4 rows leaves the test part empty, expected at least one row",
            ),
            (
                &labels,
                0.1,
                0.5,
                "validation_fraction: 0.1 of 4 rows leaves the validation part empty, expected at least one row",
            ),
            (&[0, 2], 0.1, 0.5, "targets: the label of row 1 is 2, expected 0 to 1"),
            (&[], 0.1, 0.5, "labels: there are no rows, expected at least one"),
        ];
        for (labels, validation, test, expected) in table {
            assert_eq!(message(labels, validation, test), expected);
        }
        let set = numbered(vec![0; 10], 1);
        assert!(set.split_in_three(0.0, 0.5, 0).is_err() && set.split_in_three(0.5, 0.0, 0).is_err());
        let (train, validation, test) = set.split_in_three(0.2, 0.3, 0).expect("three parts");
        assert_eq!((train.len(), validation.len(), test.len()), (5, 2, 3));
    }

    #[test]
    fn names_what_is_wrong() {
        let set = numbered(vec![0, 0, 0, 1], 2);
        for fraction in [0.0, 1.0, -0.5, 1.5, f64::NAN, f64::INFINITY] {
            let error = set.split(fraction, 0).expect_err("a fraction out of range").to_string();
            let expected =
                format!("test_fraction is {fraction}, expected a number between 0 and 1, both excluded");
            assert_eq!(error, expected);
        }
        let message = "test_fraction: 0.1 of 4 rows leaves the test part empty, expected at least one row";
        assert_eq!(set.split(0.1, 0).expect_err("nothing to test").to_string(), message);
        let singles = numbered(vec![0, 1, 2], 3).split(0.5, 0);
        assert!(matches!(singles, Err(Error::EmptyTestPart { rows: 3, .. })));
    }
}
