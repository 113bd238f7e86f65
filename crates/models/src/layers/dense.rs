use crate::Initializer;
use chainrule_core::{Block, Kept, Layer, ParameterSpec, Random, Real, Role};
use chainrule_kernels::{column_sums, fill_rows, matmul};
use ndarray::{ArrayView2, ArrayViewMut2};

/// Fully connected layer: y = x W + b; dW = xᵀ dy, db = Σ dy over the rows, dx = dy Wᵀ.
///
/// Shapes: x (rows, inputs), W (inputs, outputs), b (1, outputs), y (rows, outputs). Source: *Neural Networks from
/// Scratch*, chapters 3 and 9 (there `Layer_Dense`).
#[derive(Clone, Debug)]
pub struct Dense {
    inputs: usize,
    outputs: usize,
    initializer: Initializer,
    parameters: [ParameterSpec; 2],
}

const WEIGHT: usize = 0;

impl Dense {
    /// A layer with `inputs` inputs and `outputs` outputs.
    pub fn new(inputs: usize, outputs: usize, initializer: Initializer) -> Self {
        let weight = ParameterSpec { name: "weight", shape: (inputs, outputs), role: Role::Weight };
        let bias = ParameterSpec { name: "bias", shape: (1, outputs), role: Role::Bias };
        Dense { inputs, outputs, initializer, parameters: [weight, bias] }
    }

    /// W as a matrix, and b.
    fn split<'a, F: Real>(&self, parameters: &'a [F]) -> (ArrayView2<'a, F>, &'a [F]) {
        let (weight, bias) = parameters.split_at(self.inputs * self.outputs);
        let weight = ArrayView2::from_shape((self.inputs, self.outputs), weight);
        (weight.expect("as many weights as inputs times outputs"), bias)
    }
}

impl<F: Real> Layer<F> for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn width(&self) -> (usize, usize) {
        (self.inputs, self.outputs)
    }

    fn parameters(&self) -> &[ParameterSpec] {
        &self.parameters
    }

    fn initialize(&self, parameters: &mut [F], random: Random) {
        let (weight, bias) = parameters.split_at_mut(self.inputs * self.outputs);
        self.initializer.fill(weight, self.inputs, self.outputs, random);
        bias.fill(F::zero());
    }

    fn forward(&self, parameters: &[F], x: ArrayView2<F>, mut y: ArrayViewMut2<F>) {
        let (weight, bias) = self.split(parameters);
        fill_rows(bias, y.view_mut());
        matmul(F::one(), x, weight, F::one(), y);
    }

    fn backward_input(&self, parameters: &[F], _kept: Kept<F>, dy: ArrayView2<F>, dx: ArrayViewMut2<F>) {
        let (weight, _) = self.split(parameters);
        matmul(F::one(), dy, weight.reversed_axes(), F::zero(), dx);
    }

    fn backward_parameters(
        &self,
        block: &Block,
        kept: Kept<F>,
        dy: ArrayView2<F>,
        mut dblock: ArrayViewMut2<F>,
    ) {
        if block.parameter == WEIGHT {
            let mut x = kept.x;
            x.slice_axis_inplace(ndarray::Axis(1), block.rows.clone().into());
            matmul(F::one(), x.reversed_axes(), dy, F::zero(), dblock);
        } else {
            column_sums(dy, dblock.as_slice_mut().expect("one contiguous row of biases"));
        }
    }
}
