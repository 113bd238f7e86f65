use crate::{Error, Real, Targets};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, ArrayViewMut2};
use std::fmt::Debug;

/// An activation at the end of a network that has a joint, cheaper and more exact gradient with its usual loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Head {
    /// Softmax, joined by categorical cross-entropy.
    Softmax,
}

/// A mean over samples of a loss per sample, and its gradient in the outputs that it is given.
///
/// Outputs y are (rows, width). A loss sees any part of a batch at a time, so whoever calls it says by which `scale`
/// a sample's gradient counts: 1 / (number of samples in the batch) for the mean.
pub trait Loss<F: Real>: Debug + Send + Sync {
    /// The field's name for it, in lower case.
    fn name(&self) -> &'static str;

    /// Checks targets against outputs of `width` columns.
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

    /// The mean loss of all rows.
    ///
    /// # Errors
    /// [`Error::Empty`] without rows, [`Error::RowCount`] for another number of targets, and what [`Loss::check`] says.
    fn mean(&self, y: ArrayView2<F>, targets: Targets<F>) -> Result<F, Error> {
        check_rows(y.nrows(), targets.len())?;
        self.check(y.ncols(), targets)?;
        let mut losses = Array1::zeros(y.nrows());
        self.forward(y, targets, losses.view_mut());
        let sum: f64 = losses.iter().map(|loss| loss.as_f64()).sum();
        Ok(F::of(sum / y.nrows() as f64))
    }

    /// The gradient of [`Loss::mean`] in y, (rows, width), in a new array.
    ///
    /// # Errors
    /// As [`Loss::mean`].
    fn gradient(&self, y: ArrayView2<F>, targets: Targets<F>) -> Result<Array2<F>, Error> {
        check_rows(y.nrows(), targets.len())?;
        self.check(y.ncols(), targets)?;
        let mut dy = Array2::zeros(y.raw_dim());
        self.backward(y, targets, F::of(1.0 / y.nrows() as f64), dy.view_mut());
        Ok(dy)
    }
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
