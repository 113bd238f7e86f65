use crate::{DataSet, Error};
use chainrule_core::{Error as CoreError, Purpose, Random};

impl DataSet {
    /// Cuts the rows in a training and a test part, each class by the same fraction.
    ///
    /// With n rows in a class, n · `test_fraction` of them go to the test part, rounded up or down such that the sum
    /// over the classes is right as well; the last row of a class stays in the training part. Which rows go is a function
    /// of `seed` alone. Within each part the rows keep their order.
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
        if !(test_fraction > 0.0 && test_fraction < 1.0) {
            let expected = "a number between 0 and 1, both excluded";
            return Err(CoreError::Setting { name: "test_fraction", expected, value: test_fraction }.into());
        }
        let mut in_test = vec![false; self.len()];
        let mut rows_before = 0;
        for (class, mut rows) in self.rows_by_class().into_iter().enumerate() {
            if rows.len() < 2 {
                continue;
            }
            // Rounding the running total, not each class, keeps small classes from all being rounded down.
            let share = |rows: usize| (rows as f64 * test_fraction).round() as usize;
            let wanted = share(rows_before + rows.len()) - share(rows_before);
            rows_before += rows.len();
            Random::new(seed, Purpose::Split, class).shuffle(&mut rows);
            rows[..wanted.min(rows.len() - 1)].iter().for_each(|&row| in_test[row] = true);
        }
        let (test, train): (Vec<usize>, Vec<usize>) = (0..self.len()).partition(|&row| in_test[row]);
        if test.is_empty() {
            return Err(Error::EmptyTestPart { test_fraction, rows: self.len() });
        }
        Ok((self.select(&train)?, self.select(&test)?))
    }

    /// The rows of each class, ascending.
    fn rows_by_class(&self) -> Vec<Vec<usize>> {
        let mut rows = vec![Vec::new(); self.class_names().len()];
        for (row, &class) in self.labels().iter().enumerate() {
            rows[class].push(row);
        }
        rows
    }
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
            class_names: vec![String::new(); classes],
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
