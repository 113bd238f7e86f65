use super::Samples;
use chainrule_core::{Error, OwnedTargets, Purpose, Random, Real, Rows, Subset, Targets, WeightedTargets};

/// Training rows and validation rows, by their numbers, ascending in each.
pub(super) struct ValidationSplit {
    pub(super) train: Vec<usize>,
    pub(super) validation: Vec<usize>,
}

impl ValidationSplit {
    /// The share `fraction` of each class to validate on, rounded such that the sum over the classes is right as well; the last row of
    /// a class stays to train on. Targets that are no classes are cut as one class. Which rows go is a function of `seed` alone,
    /// and the same as chainrule-data's.
    pub(super) fn new<F: Real>(targets: Targets<F>, fraction: f64, seed: u64) -> Result<Self, Error> {
        let class = |row| if let Targets::Values(_) = targets { 0 } else { targets.class(row) };
        let mut by_class: Vec<(usize, usize)> = (0..targets.len()).map(|row| (class(row), row)).collect();
        by_class.sort_unstable();
        let mut validates = vec![false; targets.len()];
        let mut rows_before = 0;
        for group in by_class.chunk_by(|a, b| a.0 == b.0) {
            if group.len() < 2 {
                continue;
            }
            let mut rows: Vec<usize> = group.iter().map(|&(_, row)| row).collect();
            let share = |rows: usize| (rows as f64 * fraction).round() as usize;
            let wanted = share(rows_before + rows.len()) - share(rows_before);
            rows_before += rows.len();
            Random::new(seed, Purpose::Split, group[0].0).shuffle(&mut rows);
            rows[..wanted.min(rows.len() - 1)].iter().for_each(|&row| validates[row] = true);
        }
        let (validation, train): (Vec<usize>, Vec<usize>) =
            (0..targets.len()).partition(|&row| validates[row]);
        if validation.is_empty() {
            return Err(Error::NoneKeptBack { fraction, rows: targets.len() });
        }
        Ok(ValidationSplit { train, validation })
    }
}

/// Some of the samples: the rows where they are, answers and weights copied.
pub(super) struct Part<'a, F: Real> {
    rows: Subset<'a, F>,
    targets: OwnedTargets<F>,
    weights: Option<Vec<F>>,
}

impl<'a, F: Real> Part<'a, F> {
    pub(super) fn new(
        rows: &'a dyn Rows<F>,
        WeightedTargets { targets: all, weights }: WeightedTargets<F>,
        indices: &'a [usize],
    ) -> Result<Self, Error> {
        let mut targets = OwnedTargets::with_capacity(all, indices.len());
        targets.gather(all, indices);
        let weights = weights.map(|weights| indices.iter().map(|&index| weights[index]).collect());
        Ok(Part { rows: Subset::new(rows, indices)?, targets, weights })
    }

    pub(super) fn samples(&self) -> Samples<'_, F> {
        let targets = WeightedTargets { targets: self.targets.view(), weights: self.weights.as_deref() };
        Samples { rows: &self.rows, targets }
    }
}
