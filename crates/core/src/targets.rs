use crate::{Error, Real};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, Slice};
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
    /// A number for each output, (rows, outputs): what a regression aims at, or several yes-or-no answers as 1 and 0.
    Values(ArrayView2<'a, F>),
}

impl<'a, F: Real> Targets<'a, F> {
    /// These targets, each row counting as much as its weight says.
    pub fn weighted<'b>(self, weights: &'b [F]) -> WeightedTargets<'b, F>
    where
        'a: 'b,
    {
        WeightedTargets { targets: self.reborrow(), weights: Some(weights) }
    }

    /// The same targets for a shorter life (a view of an array is not shortened by itself).
    pub fn reborrow<'b>(self) -> Targets<'b, F>
    where
        'a: 'b,
    {
        match self {
            Targets::Classes(labels) => Targets::Classes(labels),
            Targets::Probabilities(rows) => Targets::Probabilities(rows.reborrow()),
            Targets::Values(rows) => Targets::Values(rows.reborrow()),
        }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Targets::Classes(labels) => labels.len(),
            Targets::Probabilities(rows) | Targets::Values(rows) => rows.nrows(),
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
            Targets::Probabilities(rows) => Targets::Probabilities(row_range(*rows, range)),
            Targets::Values(rows) => Targets::Values(row_range(*rows, range)),
        }
    }

    /// The true class of a row: its label, or the column of its largest number (the first, if several are).
    ///
    /// # Panics
    /// If there is no such row.
    #[track_caller]
    pub fn class(&self, row: usize) -> usize {
        match self {
            Targets::Classes(labels) => labels[row],
            Targets::Probabilities(rows) | Targets::Values(rows) => {
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

    /// Checks that the targets tell of one class out of `classes` for each row.
    ///
    /// # Errors
    /// [`Error::LabelOutOfRange`], [`Error::Width`], [`Error::NotAProbability`], or [`Error::NotADistribution`] for a
    /// row whose sum differs from 1 by more than a few roundings per class; [`Error::TargetKind`] for values.
    pub fn check(&self, classes: usize) -> Result<(), Error> {
        self.check_ignoring(classes, None)
    }

    /// [`Targets::check`], but for rows whose label is `ignored`.
    ///
    /// # Errors
    /// As [`Targets::check`].
    pub fn check_ignoring(&self, classes: usize, ignored: Option<usize>) -> Result<(), Error> {
        let wrong = |label| label >= classes && Some(label) != ignored;
        match self {
            Targets::Classes(labels) => match labels.iter().position(|&label| wrong(label)) {
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
            Targets::Values(_) => {
                Err(Error::TargetKind { expected: "class labels or probabilities", found: "values" })
            }
        }
    }

    /// Checks that the targets are a number for each of `outputs` outputs, and that `accepts` takes it.
    ///
    /// # Errors
    /// [`Error::Width`]; [`Error::TargetValue`] for the first number that is not accepted, with `expected` in words;
    /// [`Error::TargetKind`] for class labels.
    pub fn check_values(
        &self,
        outputs: usize,
        expected: &'static str,
        accepts: impl Fn(F) -> bool,
    ) -> Result<(), Error> {
        let (Targets::Values(rows) | Targets::Probabilities(rows)) = self else {
            return Err(Error::TargetKind { expected: "values", found: "class labels" });
        };
        if rows.ncols() != outputs {
            return Err(Error::Width { place: "targets", expected: outputs, found: rows.ncols() });
        }
        match rows.indexed_iter().find(|(_, value)| !accepts(**value)) {
            None => Ok(()),
            Some(((row, column), value)) => {
                Err(Error::TargetValue { row, column, value: value.as_f64(), expected })
            }
        }
    }
}

fn row_range<F>(mut rows: ArrayView2<F>, range: Range<usize>) -> ArrayView2<F> {
    rows.slice_axis_inplace(Axis(0), Slice::from(range));
    rows
}

/// Targets, and how much each row counts; made from [`Targets`], plain or [`Targets::weighted`].
///
/// A row of weight 2 counts as if it stood there twice, a row of weight 0 as if it did not.
///
/// ```
/// use chainrule_core::{Targets, WeightedTargets};
/// let targets = Targets::<f32>::Classes(&[0, 2, 1]);
/// assert_eq!(WeightedTargets::from(targets).weight(1), 1.0);
/// assert_eq!(targets.weighted(&[0.5, 2.0, 1.0]).weight(1), 2.0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct WeightedTargets<'a, F> {
    /// The answers.
    pub targets: Targets<'a, F>,
    /// One weight for each row; 1 each if there are none.
    pub weights: Option<&'a [F]>,
}

impl<'a, F> From<Targets<'a, F>> for WeightedTargets<'a, F> {
    fn from(targets: Targets<'a, F>) -> Self {
        WeightedTargets { targets, weights: None }
    }
}

impl<'a, F: Real> WeightedTargets<'a, F> {
    /// The same targets for a shorter life.
    pub fn reborrow<'b>(self) -> WeightedTargets<'b, F>
    where
        'a: 'b,
    {
        WeightedTargets { targets: self.targets.reborrow(), weights: self.weights }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// True when there is no row.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// The weight of a row.
    ///
    /// # Panics
    /// If there are weights, but none for this row.
    #[track_caller]
    pub fn weight(&self, row: usize) -> F {
        self.weights.map_or(F::one(), |weights| weights[row])
    }

    /// Σᵢ wᵢ lossᵢ. A row of weight 0 adds nothing, even where its loss is beyond all numbers.
    ///
    /// # Panics
    /// If there are weights, but fewer than losses.
    #[track_caller]
    pub fn sum_of(&self, losses: ArrayView1<F>) -> f64 {
        let losses = losses.iter().enumerate().map(|(row, loss)| (loss.as_f64(), self.weight(row).as_f64()));
        losses.filter(|&(_, weight)| weight > 0.0).map(|(loss, weight)| loss * weight).sum()
    }

    /// The targets of a range of rows, with their weights.
    ///
    /// # Panics
    /// If the range reaches beyond the last row.
    #[track_caller]
    pub fn rows(&self, range: Range<usize>) -> WeightedTargets<'a, F> {
        let weights = self.weights.map(|weights| &weights[range.clone()]);
        WeightedTargets { targets: self.targets.rows(range), weights }
    }

    /// Checks the weights: one for each row, each a finite number, none below 0.
    ///
    /// # Errors
    /// [`Error::RowCount`] or [`Error::Weight`].
    pub fn check_weights(&self) -> Result<(), Error> {
        let Some(weights) = self.weights else { return Ok(()) };
        if weights.len() != self.len() {
            let (expected, found) = (self.len(), weights.len());
            return Err(Error::RowCount { place: "sample weights", expected, found });
        }
        match weights.iter().position(|weight| !(weight.is_finite() && *weight >= F::zero())) {
            None => Ok(()),
            Some(row) => Err(Error::Weight { row, value: weights[row].as_f64() }),
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
    /// A number for each output, (rows, outputs).
    Values(Array2<F>),
}

impl<F: Real> OwnedTargets<F> {
    /// Room for `rows` targets of the kind of `like`.
    pub fn with_capacity(like: Targets<F>, rows: usize) -> Self {
        match like {
            Targets::Classes(_) => OwnedTargets::Classes(vec![0; rows]),
            Targets::Probabilities(all) => OwnedTargets::Probabilities(Array2::zeros((rows, all.ncols()))),
            Targets::Values(all) => OwnedTargets::Values(Array2::zeros((rows, all.ncols()))),
        }
    }

    /// Lends all of them.
    pub fn view(&self) -> Targets<'_, F> {
        match self {
            OwnedTargets::Classes(labels) => Targets::Classes(labels),
            OwnedTargets::Probabilities(rows) => Targets::Probabilities(rows.view()),
            OwnedTargets::Values(rows) => Targets::Values(rows.view()),
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
                Targets::Probabilities(gather_rows(own, all, indices))
            }
            (OwnedTargets::Values(own), Targets::Values(all)) => {
                Targets::Values(gather_rows(own, all, indices))
            }
            _ => panic!("targets of another kind than the room that was made for them"),
        }
    }
}

#[track_caller]
fn gather_rows<'o, F: Real>(
    own: &'o mut Array2<F>,
    all: ArrayView2<F>,
    indices: &[usize],
) -> ArrayView2<'o, F> {
    for (mut row, &index) in own.outer_iter_mut().zip(indices) {
        row.assign(&all.row(index));
    }
    own.slice_axis(Axis(0), Slice::from(..indices.len()))
}
