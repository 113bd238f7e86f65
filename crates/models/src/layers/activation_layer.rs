use chainrule_core::{Activation, Error, Head, Kept, Layer, OutputKind, Real};
use ndarray::{ArrayView2, ArrayViewMut2};
use std::sync::Arc;

/// An activation in its place in a network: a layer without parameters.
#[derive(Clone, Debug)]
pub struct ActivationLayer<F> {
    activation: Arc<dyn Activation<F>>,
    width: usize,
}

impl<F: Real> ActivationLayer<F> {
    /// `activation` on rows of `width` columns.
    pub fn new(activation: impl Activation<F> + 'static, width: usize) -> Self {
        ActivationLayer { activation: Arc::new(activation), width }
    }
}

impl<F: Real> Layer<F> for ActivationLayer<F> {
    fn name(&self) -> &'static str {
        self.activation.name()
    }

    fn width(&self) -> (usize, usize) {
        (self.width, self.width)
    }

    fn check(&self) -> Result<(), Error> {
        self.activation.check()
    }

    fn forward(&self, _parameters: &[F], x: ArrayView2<F>, y: ArrayViewMut2<F>) {
        self.activation.forward(x, y);
    }

    fn backward_input(&self, _parameters: &[F], kept: Kept<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
        self.activation.backward(kept.x, kept.y, dy, dx);
    }

    fn head(&self) -> Option<Head> {
        self.activation.head()
    }

    fn output_kind(&self) -> Option<OutputKind> {
        self.activation.output_kind()
    }
}
