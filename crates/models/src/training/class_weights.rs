use chainrule_core::{Error, Real, Targets};

/// How much the rows of each class count in the loss, beside their own weights; in place of the class weights that the loss has
/// itself, if any.
///
/// ```
/// use chainrule_core::Targets;
/// use chainrule_models::ClassWeights;
/// let labels = [0, 0, 0, 1, 1, 1, 1, 1, 1];
/// let weights = ClassWeights::Balanced.of(Targets::<f32>::Classes(&labels), 2)?;
/// assert_eq!(weights, [1.5, 0.75]);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum ClassWeights {
    /// n / (k · n_c) for a class of n_c out of n rows in k classes, so that every class counts as much as any other: as
    /// scikit-learn's `class_weight="balanced"`. k is the number of classes that have rows; those that have none get 1. The class
    /// of a soft target is its most probable one.
    Balanced,
    /// One for each class, at least 0.
    Given(Vec<f64>),
}

impl ClassWeights {
    /// A weight for each of `classes` classes. Labels that are no class are left out.
    ///
    /// # Errors
    /// [`Error::TargetKind`] for targets that are no classes.
    pub fn of<F: Real>(&self, targets: Targets<F>, classes: usize) -> Result<Vec<f64>, Error> {
        if let Targets::Values(_) = targets {
            return Err(Error::TargetKind { expected: "class labels or probabilities", found: "values" });
        }
        let ClassWeights::Given(weights) = self else {
            let mut counts = vec![0_usize; classes];
            for row in 0..targets.len() {
                if let Some(count) = counts.get_mut(targets.class(row)) {
                    *count += 1;
                }
            }
            let rows: usize = counts.iter().sum();
            let present = counts.iter().filter(|&&count| count > 0).count();
            let weight = |&count: &usize| match count {
                0 => 1.0,
                count => rows as f64 / (present as f64 * count as f64),
            };
            return Ok(counts.iter().map(weight).collect());
        };
        Ok(weights.clone())
    }
}
