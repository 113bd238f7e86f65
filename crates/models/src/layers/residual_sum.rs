use chainrule_core::{Kept, Layer, Real};
use ndarray::{ArrayView2, ArrayViewMut2};

/// The end of a residual block, y = x + what the block took: the network, which has that on its tape, adds it to this
/// layer's output, and on the way back adds dy to its gradient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResidualSum {
    pub(crate) width: usize,
}

impl<F: Real> Layer<F> for ResidualSum {
    fn name(&self) -> &'static str {
        "residual"
    }

    fn width(&self) -> (usize, usize) {
        (self.width, self.width)
    }

    fn forward(&self, _parameters: &[F], x: ArrayView2<F>, mut y: ArrayViewMut2<F>) {
        y.assign(&x);
    }

    fn backward_input(&self, _parameters: &[F], _kept: Kept<F>, dy: ArrayView2<F>, mut dx: ArrayViewMut2<F>) {
        dx.assign(&dy);
    }
}
