use crate::{Error, OutputKind, Real, Targets, WeightedTargets};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2};
use std::fmt::Debug;
use std::sync::Arc;

/// An activation at the end of a network that has a joint, cheaper and more exact gradient with its usual loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Head {
    /// Softmax, joined by categorical cross-entropy.
    Softmax,
    /// The logarithm of softmax, joined by the negative log-likelihood.
    LogSoftmax,
    /// The logistic sigmoid of each output, joined by binary cross-entropy.
    Sigmoid,
}

impl Head {
    /// What it gives.
    pub fn output_kind(self) -> OutputKind {
        match self {
            Head::Softmax | Head::Sigmoid => OutputKind::Probabilities,
            Head::LogSoftmax => OutputKind::LogProbabilities,
        }
    }
}

/// A mean over samples of a loss per sample, and its gradient in the outputs that it is given.
///
/// Outputs y are (rows, width). A loss sees any part of a batch at a time, so whoever calls it says by which `scale`
/// a sample's gradient counts: 1 / [`Loss::divisor`] of the whole batch for the mean.
///
/// In memory the numbers of a row of y and dy follow one another where a network calls it, but rows lie any distance apart, and so do
/// `losses`, one from the next; targets lie as their owner has them.
///
/// What `Debug` prints is what a checkpoint compares, so it must tell of every setting.
///
/// A loss of values, not of classes, must say so in [`Loss::check`]:
///
/// ```
/// use chainrule_core::{Error, Loss, Targets, check_loss};
/// use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2, Zip, array};
///
/// /// Σ (y - t)⁴ over the columns of a row, so dy = 4 (y - t)³
/// #[derive(Debug)]
/// struct Quartic;
///
/// fn values<'a>(targets: Targets<'a, f64>) -> ArrayView2<'a, f64> {
///     match targets {
///         Targets::Values(t) | Targets::Probabilities(t) => t,
///         Targets::Classes(_) => unreachable!("`check` lets no labels pass"),
///     }
/// }
///
/// impl Loss<f64> for Quartic {
///     fn name(&self) -> &'static str {
///         "quartic"
///     }
///     fn check(&self, width: usize, targets: Targets<f64>) -> Result<(), Error> {
///         targets.check_values(width, "a finite number", |t| t.is_finite())
///     }
///     fn forward(&self, y: ArrayView2<f64>, targets: Targets<f64>, mut losses: ArrayViewMut1<f64>) {
///         let t = values(targets);
///         for (loss, (y, t)) in losses.iter_mut().zip(y.outer_iter().zip(t.outer_iter())) {
///             *loss = y.iter().zip(t).map(|(y, t)| (y - t).powi(4)).sum();
///         }
///     }
///     fn backward(&self, y: ArrayView2<f64>, targets: Targets<f64>, scale: f64, dy: ArrayViewMut2<f64>) {
///         Zip::from(dy).and(y).and(values(targets)).for_each(|dy, y, t| *dy = scale * 4.0 * (y - t).powi(3));
///     }
/// }
///
/// let (y, t) = (array![[1.0, 0.5], [-0.5, 2.0]], array![[0.0, 1.0], [0.5, 0.0]]);
/// let check = check_loss(&Quartic, y.view(), Targets::Values(t.view()));
/// assert!(check.error() < 1e-8, "{check}");
/// let labels = Quartic.mean(y.view(), Targets::Classes(&[0, 1]));
/// assert!(matches!(labels, Err(Error::TargetKind { .. })));
/// ```
pub trait Loss<F: Real>: Debug + Send + Sync {
    /// The field's name for it, in lower case.
    fn name(&self) -> &'static str;

    /// Checks targets against outputs of `width` columns, and the settings.
    ///
    /// # Errors
    /// What [`Targets::check`] says, unless the loss needs something else.
    fn check(&self, width: usize, targets: Targets<F>) -> Result<(), Error> {
        targets.check(width)
    }

    /// losses\[i\] ← the loss of row i, not divided by anything.
    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>);

    /// Of [`Loss::forward`]: dy ← scale · ∂(loss of the row)/∂y.
    fn backward(&self, y: ArrayView2<F>, targets: Targets<F>, scale: F, dy: ArrayViewMut2<F>);

    /// Forward and backward at once; a loss that can do both in one pass over y overrides it.
    fn forward_backward(
        &self,
        y: ArrayView2<F>,
        targets: Targets<F>,
        scale: F,
        losses: ArrayViewMut1<F>,
        dy: ArrayViewMut2<F>,
    ) {
        self.forward(y, targets, losses);
        self.backward(y, targets, scale, dy);
    }

    /// This loss after `head`, as one loss of the head's inputs (the logits), where there is such a joint form.
    fn fused_with(&self, head: Head) -> Option<&dyn Loss<F>> {
        let _ = head;
        None
    }

    /// What the loss takes y for; nothing by default. A network whose outputs are known to be [something else](OutputKind::is) refuses it.
    fn expected_outputs(&self) -> Option<OutputKind> {
        None
    }

    /// What a row counts for in the mean, beside its sample weight: 1 by default; the weight of its class; 0 if ignored.
    fn row_weight(&self, targets: Targets<F>, row: usize) -> f64 {
        let _ = (targets, row);
        1.0
    }

    /// The same loss with these class weights, where it takes any.
    fn with_class_weights(&self, weights: &[f64]) -> Option<Arc<dyn Loss<F>>> {
        let _ = weights;
        None
    }

    /// What the sum of a batch's losses, and of their gradients, is divided by: the sum of the rows' weights, so that the
    /// result is a mean. A batch in which nothing counts has 0, and then its loss and its gradient are 0.
    fn divisor(&self, targets: WeightedTargets<F>) -> f64 {
        (0..targets.len())
            .map(|row| targets.weight(row).as_f64() * self.row_weight(targets.targets, row))
            .sum()
    }

    /// [`Loss::forward_backward`] for a part of a batch whose [`Loss::divisor`] is `divisor`, with sample weights:
    /// losses\[i\] ← wᵢ · the loss of row i, and dy ← the gradient of Σᵢ wᵢ lossᵢ / divisor.
    fn forward_backward_weighted(
        &self,
        y: ArrayView2<F>,
        targets: WeightedTargets<F>,
        divisor: f64,
        mut losses: ArrayViewMut1<F>,
        mut dy: ArrayViewMut2<F>,
    ) {
        let scale = if divisor > 0.0 { 1.0 / divisor } else { 0.0 };
        let Some(weights) = targets.weights else {
            return self.forward_backward(y, targets.targets, F::of(scale), losses, dy);
        };
        self.forward_backward(y, targets.targets, F::one(), losses.view_mut(), dy.view_mut());
        for ((loss, mut dy), &weight) in losses.iter_mut().zip(dy.outer_iter_mut()).zip(weights) {
            if weight == F::zero() {
                // Times 0 a loss beyond all numbers would be NaN.
                *loss = F::zero();
                dy.fill(F::zero());
                continue;
            }
            *loss *= weight;
            let factor = F::of(weight.as_f64() * scale);
            dy.mapv_inplace(|dy| dy * factor);
        }
    }

    /// The loss of each row, not divided by anything (reduction "none").
    ///
    /// # Errors
    /// [`Error::Empty`] without rows, [`Error::RowCount`] for another number of targets, and what [`Loss::check`] says.
    fn losses(&self, y: ArrayView2<F>, targets: Targets<F>) -> Result<Array1<F>, Error> {
        check_rows(y.nrows(), targets.len())?;
        self.check(y.ncols(), targets)?;
        let mut losses = Array1::zeros(y.nrows());
        self.forward(y.as_standard_layout().view(), targets, losses.view_mut());
        Ok(losses)
    }

    /// The mean loss of all rows.
    ///
    /// # Errors
    /// As [`Loss::losses`].
    fn mean(&self, y: ArrayView2<F>, targets: Targets<F>) -> Result<F, Error> {
        self.weighted_mean(y, targets.into())
    }

    /// The gradient of [`Loss::mean`] in y, (rows, width), in a new array.
    ///
    /// # Errors
    /// As [`Loss::losses`].
    fn gradient(&self, y: ArrayView2<F>, targets: Targets<F>) -> Result<Array2<F>, Error> {
        self.weighted_gradient(y, targets.into())
    }

    /// The mean loss of all rows by their weights, Σᵢ wᵢ lossᵢ / [`Loss::divisor`]; 0 if nothing counts.
    ///
    /// # Errors
    /// As [`Loss::losses`], and [`Error::Weight`].
    fn weighted_mean(&self, y: ArrayView2<F>, targets: WeightedTargets<F>) -> Result<F, Error> {
        targets.check_weights()?;
        let losses = self.losses(y, targets.targets)?;
        Ok(F::of(mean_of(targets.sum_of(losses.view()), self.divisor(targets))))
    }

    /// The gradient of [`Loss::weighted_mean`] in y, (rows, width), in a new array.
    ///
    /// # Errors
    /// As [`Loss::weighted_mean`].
    fn weighted_gradient(&self, y: ArrayView2<F>, targets: WeightedTargets<F>) -> Result<Array2<F>, Error> {
        check_rows(y.nrows(), targets.len())?;
        targets.check_weights()?;
        self.check(y.ncols(), targets.targets)?;
        let (mut losses, mut dy) = (Array1::zeros(y.nrows()), Array2::zeros(y.raw_dim()));
        let (y, divisor) = (y.as_standard_layout(), self.divisor(targets));
        self.forward_backward_weighted(y.view(), targets, divisor, losses.view_mut(), dy.view_mut());
        Ok(dy)
    }
}

/// A shared loss is a loss, also one chosen at run time (`Arc<dyn Loss<F>>`).
impl<F: Real, L: Loss<F> + ?Sized> Loss<F> for Arc<L> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    fn check(&self, width: usize, targets: Targets<F>) -> Result<(), Error> {
        (**self).check(width, targets)
    }

    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>) {
        (**self).forward(y, targets, losses);
    }

    fn backward(&self, y: ArrayView2<F>, targets: Targets<F>, scale: F, dy: ArrayViewMut2<F>) {
        (**self).backward(y, targets, scale, dy);
    }

    fn forward_backward(
        &self,
        y: ArrayView2<F>,
        targets: Targets<F>,
        scale: F,
        losses: ArrayViewMut1<F>,
        dy: ArrayViewMut2<F>,
    ) {
        (**self).forward_backward(y, targets, scale, losses, dy);
    }

    fn fused_with(&self, head: Head) -> Option<&dyn Loss<F>> {
        (**self).fused_with(head)
    }

    fn expected_outputs(&self) -> Option<OutputKind> {
        (**self).expected_outputs()
    }

    fn row_weight(&self, targets: Targets<F>, row: usize) -> f64 {
        (**self).row_weight(targets, row)
    }

    fn with_class_weights(&self, weights: &[f64]) -> Option<Arc<dyn Loss<F>>> {
        (**self).with_class_weights(weights)
    }

    fn divisor(&self, targets: WeightedTargets<F>) -> f64 {
        (**self).divisor(targets)
    }

    fn forward_backward_weighted(
        &self,
        y: ArrayView2<F>,
        targets: WeightedTargets<F>,
        divisor: f64,
        losses: ArrayViewMut1<F>,
        dy: ArrayViewMut2<F>,
    ) {
        (**self).forward_backward_weighted(y, targets, divisor, losses, dy);
    }
}

/// sum / divisor; 0 if nothing counted.
fn mean_of(sum: f64, divisor: f64) -> f64 {
    if divisor > 0.0 { sum / divisor } else { 0.0 }
}

fn check_rows(rows: usize, targets: usize) -> Result<(), Error> {
    if rows == 0 {
        return Err(Error::Empty { place: "outputs" });
    }
    if rows != targets {
        return Err(Error::RowCount { place: "targets", expected: rows, found: targets });
    }
    Ok(())
}
