use chainrule_core::{Error, Head, Loss, OutputKind, Real, Targets, WeightedTargets};
use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2};
use std::sync::Arc;

/// A loss as the sum over the rows in place of their mean (reduction "sum"): the same losses, divided by nothing.
///
/// ```
/// use chainrule_core::{Loss, Targets};
/// use chainrule_models::{MeanSquaredError, Summed};
/// let (y, t) = (ndarray::array![[1.0], [3.0]], ndarray::array![[0.0], [0.0]]);
/// assert_eq!(MeanSquaredError.mean(y.view(), Targets::Values(t.view()))?, 5.0);
/// assert_eq!(Summed(MeanSquaredError).mean(y.view(), Targets::Values(t.view()))?, 10.0);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summed<L>(pub L);

impl<F: Real, L: Loss<F>> Loss<F> for Summed<L> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn check(&self, width: usize, targets: Targets<F>) -> Result<(), Error> {
        self.0.check(width, targets)
    }

    fn forward(&self, y: ArrayView2<F>, targets: Targets<F>, losses: ArrayViewMut1<F>) {
        self.0.forward(y, targets, losses);
    }

    fn backward(&self, y: ArrayView2<F>, targets: Targets<F>, scale: F, dy: ArrayViewMut2<F>) {
        self.0.backward(y, targets, scale, dy);
    }

    fn forward_backward(
        &self,
        y: ArrayView2<F>,
        targets: Targets<F>,
        scale: F,
        losses: ArrayViewMut1<F>,
        dy: ArrayViewMut2<F>,
    ) {
        self.0.forward_backward(y, targets, scale, losses, dy);
    }

    fn fused_with(&self, head: Head) -> Option<&dyn Loss<F>> {
        // The divisor is asked of the loss that was given, never of its fused form.
        self.0.fused_with(head)
    }

    fn expected_outputs(&self) -> Option<OutputKind> {
        self.0.expected_outputs()
    }

    fn row_weight(&self, targets: Targets<F>, row: usize) -> f64 {
        self.0.row_weight(targets, row)
    }

    fn with_class_weights(&self, weights: &[f64]) -> Option<Arc<dyn Loss<F>>> {
        Some(Arc::new(Summed(self.0.with_class_weights(weights)?)))
    }

    fn forward_backward_weighted(
        &self,
        y: ArrayView2<F>,
        targets: WeightedTargets<F>,
        divisor: f64,
        losses: ArrayViewMut1<F>,
        dy: ArrayViewMut2<F>,
    ) {
        self.0.forward_backward_weighted(y, targets, divisor, losses, dy);
    }

    fn divisor(&self, _targets: WeightedTargets<F>) -> f64 {
        1.0
    }
}
