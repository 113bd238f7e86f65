use crate::{Error, Real};
use ndarray::{Array2, ArrayView2, Axis, Slice};
use std::ops::Range;

/// The answers that a loss compares outputs with, one for each row.
///
/// ```
/// use chainrule_core::Targets;
/// let labels = [0, 2, 1];
/// let targets = Targets::<f32>::Classes(&labels);
/// assert_eq!(targets.len(), 3);
/// assert!(targets.check(3).is_ok());
/// assert_eq!(
///     targets.check(2).unwrap_err().to_string(),
///     "targets: the label of row 1 is 2, expected 0 to 1"
/// );
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a, F> {
    /// The index of the true class of each row ("sparse" labels).
    Classes(&'a [usize]),
    /// A distribution over the classes for each row, (rows, classes): one-hot rows or soft labels.
    Probabilities(ArrayView2<'a, F>),
}

impl<'a, F: Real> Targets<'a, F> {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Targets::Classes(labels) => labels.len(),
            Targets::Probabilities(rows) => rows.nrows(),
        }
    }

    /// True when there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The targets of a range of rows.
    ///
    /// # Panics
    /// If the range reaches beyond the last row.
    #[track_caller]
    pub fn rows(&self, range: Range<usize>) -> Targets<'a, F> {
        match self {
            Targets::Classes(labels) => Targets::Classes(&labels[range]),
            Targets::Probabilities(rows) => {
                let mut rows = *rows;
                rows.slice_axis_inplace(Axis(0), Slice::from(range));
                Targets::Probabilities(rows)
            }
        }
    }

    /// The true class of a row: its label, or its most probable class (the first, if several are).
    ///
    /// # Panics
    /// If there is no such row.
    #[track_caller]
    pub fn class(&self, row: usize) -> usize {
        match self {
            Targets::Classes(labels) => labels[row],
            Targets::Probabilities(rows) => {
                let mut best = 0;
                let row = rows.index_axis(Axis(0), row);
                for (class, probability) in row.iter().enumerate() {
                    if *probability > row[best] {
                        best = class;
                    }
                }
                best
            }
        }
    }

    /// Checks the targets against a number of classes.
    ///
    /// # Errors
    /// [`Error::LabelOutOfRange`], [`Error::Width`], [`Error::NotAProbability`], or [`Error::NotADistribution`] for a
    /// row whose sum differs from 1 by more than a few roundings per class.
    pub fn check(&self, classes: usize) -> Result<(), Error> {
        match self {
            Targets::Classes(labels) => match labels.iter().position(|&label| label >= classes) {
                None => Ok(()),
                Some(row) => Err(Error::LabelOutOfRange { row, label: labels[row], classes }),
            },
            Targets::Probabilities(rows) => {
                if rows.ncols() != classes {
                    let found = rows.ncols();
                    return Err(Error::Width { place: "targets", expected: classes, found });
                }
                rows.outer_iter().enumerate().try_for_each(|(row, probabilities)| {
                    let mut sum = 0.0;
                    for (class, value) in probabilities.iter().map(|p| p.as_f64()).enumerate() {
                        if !(0.0..=1.0).contains(&value) {
                            return Err(Error::NotAProbability { row, class, value });
                        }
                        sum += value;
                    }
                    // One rounding per stored entry, and room for rows normalised in f32.
                    let tolerance = 1e-6_f64.max(classes as f64 * F::epsilon().as_f64());
                    if (sum - 1.0).abs() > tolerance {
                        return Err(Error::NotADistribution { row, sum });
                    }
                    Ok(())
                })
            }
        }
    }
}

/// Targets of one batch, gathered in the order of a shuffle. Made once, filled for every batch without allocating.
#[derive(Clone, Debug)]
pub enum OwnedTargets<F> {
    /// Class indices.
    Classes(Vec<usize>),
    /// Distributions over the classes, (rows, classes).
    Probabilities(Array2<F>),
}

impl<F: Real> OwnedTargets<F> {
    /// Room for `rows` targets of the kind of `like`.
    pub fn with_capacity(like: Targets<F>, rows: usize) -> Self {
        match like {
            Targets::Classes(_) => OwnedTargets::Classes(vec![0; rows]),
            Targets::Probabilities(all) => OwnedTargets::Probabilities(Array2::zeros((rows, all.ncols()))),
        }
    }

    /// Copies the targets of the rows `indices` out of `all` and lends them.
    ///
    /// # Panics
    /// If an index is out of range, there are more indices than room, or `all` is of another kind.
    #[track_caller]
    pub fn gather(&mut self, all: Targets<F>, indices: &[usize]) -> Targets<'_, F> {
        match (self, all) {
            (OwnedTargets::Classes(own), Targets::Classes(all)) => {
                let own = &mut own[..indices.len()];
                for (label, &index) in own.iter_mut().zip(indices) {
                    *label = all[index];
                }
                Targets::Classes(own)
            }
            (OwnedTargets::Probabilities(own), Targets::Probabilities(all)) => {
                for (mut row, &index) in own.outer_iter_mut().zip(indices) {
                    row.assign(&all.row(index));
                }
                Targets::Probabilities(own.slice_axis(Axis(0), Slice::from(..indices.len())))
            }
            _ => panic!("targets of another kind than the room that was made for them"),
        }
    }
}
