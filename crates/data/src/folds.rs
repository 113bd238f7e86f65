use crate::split::rows_by_class;
use crate::{DataSet, Error};
use chainrule_core::{Error as CoreError, Purpose, Random};

/// Cross-validation: each row is tested once, by what was trained on the rows of all other folds. Made by [`folds`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folds {
    /// For each row the fold that tests it.
    fold: Vec<usize>,
    count: usize,
}

/// The rows of one fold, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// The rows to train on.
    pub train: Vec<usize>,
    /// The rows to test.
    pub test: Vec<usize>,
}

/// Deals rows with these labels, each less than `classes`, to `k` folds: as many of each class to each fold, up to one, and as
/// many in all, up to one. Which rows go together is a function of `seed` alone.
///
/// A class of fewer than `k` rows is missing from some folds; one of a single row is not trained on where that row is tested.
///
/// # Errors
/// [`Error::Folds`] unless 2 ≤ `k` ≤ the number of rows. As [`Error::Core`]: `LabelOutOfRange`, and `Empty` without labels.
///
/// ```
/// let digits = chainrule_data::digits();
/// for fold in chainrule_data::folds(digits.labels(), 10, 5, 1)?.iter() {
///     let (train, test) = (digits.select(&fold.train)?, digits.select(&fold.test)?);
///     assert_eq!(train.len() + test.len(), digits.len());
///     assert!(test.len() == 359 || test.len() == 360);
/// }
/// # Ok::<(), chainrule_data::Error>(())
/// ```
pub fn folds(labels: &[usize], classes: usize, k: usize, seed: u64) -> Result<Folds, Error> {
    let by_class = rows_by_class(labels, classes)?;
    if !(2..=labels.len()).contains(&k) {
        return Err(Error::Folds { folds: k, rows: labels.len() });
    }
    let mut fold = vec![0; labels.len()];
    // The next class begins where this one ended, so that no fold gets more than the others.
    let mut next = 0;
    for (class, mut rows) in by_class.into_iter().enumerate() {
        // Another stream than that of `split`, which may have left these rows.
        Random::new(seed, Purpose::Split, class).nested(1).shuffle(&mut rows);
        for row in rows {
            fold[row] = next % k;
            next += 1;
        }
    }
    Ok(Folds { fold, count: k })
}

impl Folds {
    /// Number of folds.
    pub fn len(&self) -> usize {
        self.count
    }

    /// False: there are two folds at least.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Fold number `index`, from 0.
    ///
    /// # Errors
    /// As [`Error::Core`]: `RowOutOfRange` if there are not so many.
    pub fn get(&self, index: usize) -> Result<Fold, Error> {
        if index >= self.count {
            return Err(CoreError::RowOutOfRange { place: "folds", row: index, rows: self.count }.into());
        }
        Ok(self.rows_of(index))
    }

    /// Each fold after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Fold> {
        (0..self.count).map(|index| self.rows_of(index))
    }

    fn rows_of(&self, index: usize) -> Fold {
        let (test, train) = (0..self.fold.len()).partition(|&row| self.fold[row] == index);
        Fold { train, test }
    }
}

impl DataSet {
    /// Deals the rows to `k` folds of as many rows of each class, as [`folds`] does.
    ///
    /// # Errors
    /// As [`folds`].
    pub fn folds(&self, k: usize, seed: u64) -> Result<Folds, Error> {
        folds(self.labels(), self.class_names().len(), k, seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_row_is_tested_once_and_classes_are_dealt_alike(
            labels in prop::collection::vec(0_usize..6, 2..150),
            k in 2_usize..12,
            seed: u64,
        ) {
            let Ok(folds) = folds(&labels, 7, k, seed) else {
                prop_assert!(k > labels.len());
                return Ok(());
            };
            prop_assert_eq!((folds.len(), folds.iter().len(), folds.is_empty()), (k, k, false));
            let mut tested: Vec<usize> = Vec::new();
            for (index, fold) in folds.iter().enumerate() {
                prop_assert!(fold.train.is_sorted() && fold.test.is_sorted());
                let mut all = [&fold.train[..], &fold.test].concat();
                all.sort_unstable();
                prop_assert_eq!(all, Vec::from_iter(0..labels.len()));
                let share = |rows: usize, taken: usize| taken == rows / k || taken == rows.div_ceil(k);
                prop_assert!(share(labels.len(), fold.test.len()));
                for class in 0..7 {
                    let rows = labels.iter().filter(|&&label| label == class).count();
                    prop_assert!(share(rows, fold.test.iter().filter(|&&row| labels[row] == class).count()));
                }
                tested.extend(&fold.test);
                prop_assert_eq!(folds.get(index).expect("a fold"), fold);
            }
            tested.sort_unstable();
            prop_assert_eq!(tested, Vec::from_iter(0..labels.len()));
        }
    }

    #[test]
    fn the_seed_alone_decides() {
        let folds = |seed| folds(&[0; 100], 1, 4, seed).expect("folds");
        assert_eq!(folds(1), folds(1));
        assert_ne!(folds(1), folds(2));
        assert!((0..4).all(|first| folds(1).fold[..4] != [first, (first + 1) % 4, (first + 2) % 4, (first + 3) % 4]));
    }

    #[test]
    fn names_what_is_wrong() {
        let message = |labels: &[usize], k| folds(labels, 2, k, 0).expect_err("an error").to_string();
        assert_eq!(message(&[0, 1, 0], 1), "folds: 1 of 3 rows, expected 2 to 3");
        assert_eq!(message(&[0, 1, 0], 4), "folds: 4 of 3 rows, expected 2 to 3");
        assert_eq!(message(&[0, 2], 2), "targets: the label of row 1 is 2, expected 0 to 1");
        assert_eq!(message(&[], 2), "labels: there are no rows, expected at least one");
        let error = folds(&[0, 1], 2, 2, 0).expect("folds").get(2).expect_err("two folds").to_string();
        assert_eq!(error, "folds: row 2 was asked for, but there are 2 rows");
    }
}
