use crate::settings::positive_in;
use chainrule_core::{Block, Error, Kept, Layer, ParameterSpec, Random, Real, Role};
use chainrule_kernels::{column_sums, layer_norm, layer_norm_backward, layer_norm_backward_gain};
use ndarray::{ArrayView2, ArrayViewMut2};

/// Layer normalisation: y = γ ⊙ x̂ + β with x̂ = (x - μ) / √(σ² + ε), μ and σ² the mean and the variance of each row.
///
/// dx = (g - mean(g) - x̂ mean(g ⊙ x̂)) / √(σ² + ε) with g = γ ⊙ dy; dγ = Σ dy ⊙ x̂, dβ = Σ dy over the rows. Shapes: x and y (rows,
/// width), gain γ and bias β (1, width), which begin at 1 and 0. Source: J. L. Ba et al., "Layer normalization", 2016.
///
/// ```
/// use chainrule_core::Layer;
/// use chainrule_models::LayerNorm;
/// let layer = LayerNorm::new(2, 1e-12);
/// let (x, mut y) = (ndarray::array![[3.0_f64, 5.0]], ndarray::array![[0.0, 0.0]]);
/// layer.forward(&[1.0, 1.0, 0.0, 10.0], x.view(), y.view_mut());
/// assert!((y[[0, 0]] + 1.0).abs() < 1e-9 && (y[[0, 1]] - 11.0).abs() < 1e-9);
/// ```
#[derive(Clone, Debug)]
pub struct LayerNorm {
    width: usize,
    epsilon: f64,
    parameters: [ParameterSpec; 2],
}

const GAIN: usize = 0;

impl LayerNorm {
    /// For rows of `width` columns; ε, above 0, keeps the quotient finite where a row is constant.
    pub fn new(width: usize, epsilon: f64) -> Self {
        let gain = ParameterSpec::new("gain", (1, width), Role::Weight);
        let bias = ParameterSpec::new("bias", (1, width), Role::Bias);
        LayerNorm { width, epsilon, parameters: [gain, bias] }
    }
}

impl<F: Real> Layer<F> for LayerNorm {
    fn name(&self) -> &'static str {
        "layer norm"
    }

    fn width(&self) -> (usize, usize) {
        (self.width, self.width)
    }

    fn parameters(&self) -> &[ParameterSpec] {
        &self.parameters
    }

    fn check(&self) -> Result<(), Error> {
        positive_in::<F>("layer norm epsilon", self.epsilon)
    }

    fn initialize(&self, parameters: &mut [F], _random: Random) {
        let (gain, bias) = parameters.split_at_mut(self.width);
        gain.fill(F::one());
        bias.fill(F::zero());
    }

    fn forward(&self, parameters: &[F], x: ArrayView2<F>, y: ArrayViewMut2<F>) {
        let (gain, bias) = parameters.split_at(self.width);
        layer_norm(x, gain, bias, F::of(self.epsilon), y);
    }

    fn backward_input(&self, parameters: &[F], kept: Kept<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
        layer_norm_backward(kept.x, &parameters[..self.width], F::of(self.epsilon), dy, dx);
    }

    fn backward_parameters(
        &self,
        block: &Block,
        kept: Kept<F>,
        dy: ArrayView2<F>,
        mut dblock: ArrayViewMut2<F>,
    ) {
        let dblock = dblock.as_slice_mut().expect("one contiguous row");
        if block.parameter == GAIN {
            layer_norm_backward_gain(kept.x, F::of(self.epsilon), dy, dblock);
        } else {
            column_sums(dy, dblock);
        }
    }
}
