use crate::Initializer;
use chainrule_core::{Block, Error, Kept, Layer, OutputKind, ParameterSpec, Penalty, Random, Real, Role};
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
    /// The weight, and the bias if there is one.
    parameters: Vec<ParameterSpec>,
}

const WEIGHT: usize = 0;

impl Dense {
    /// A layer with `inputs` inputs, `outputs` outputs and a bias.
    pub fn new(inputs: usize, outputs: usize, initializer: Initializer) -> Self {
        let weight = ParameterSpec::new("weight", (inputs, outputs), Role::Weight);
        let bias = ParameterSpec::new("bias", (1, outputs), Role::Bias);
        Dense { inputs, outputs, initializer, parameters: vec![weight, bias] }
    }

    /// The layer as y = x W.
    pub fn without_bias(mut self) -> Self {
        self.parameters.truncate(1);
        self
    }

    /// What the weights' size costs.
    pub fn weight_penalty(mut self, penalty: Penalty) -> Self {
        self.parameters[WEIGHT].penalty = penalty;
        self
    }

    /// What the biases' size costs.
    pub fn bias_penalty(mut self, penalty: Penalty) -> Self {
        self.parameters[1..].iter_mut().for_each(|bias| bias.penalty = penalty);
        self
    }

    /// The longest that the weights into one output may be, above 0: a longer column of W is scaled back after each step
    /// (G. E. Hinton et al., "Improving neural networks by preventing co-adaptation of feature detectors", 2012).
    pub fn max_norm(mut self, norm: f64) -> Self {
        self.parameters[WEIGHT].max_norm = Some(norm);
        self
    }

    /// W as a matrix, and b or nothing.
    fn split<'a, F: Real>(&self, parameters: &'a [F]) -> (ArrayView2<'a, F>, &'a [F]) {
        let (weight, bias) = parameters.split_at(self.inputs * self.outputs);
        let weight = ArrayView2::from_shape((self.inputs, self.outputs), weight);
        (weight.expect("as many weights as inputs times outputs"), bias)
    }
}

/// y ← x W + b, without b if it is empty.
pub(crate) fn affine<F: Real>(x: ArrayView2<F>, weight: ArrayView2<F>, bias: &[F], mut y: ArrayViewMut2<F>) {
    // A bias that is already there costs no pass of its own.
    let present = if bias.is_empty() { F::zero() } else { F::one() };
    if !bias.is_empty() {
        fill_rows(bias, y.view_mut());
    }
    matmul(F::one(), x, weight, present, y);
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

    fn check(&self) -> Result<(), Error> {
        self.initializer.check()
    }

    fn initialize(&self, parameters: &mut [F], random: Random) {
        let (weight, bias) = parameters.split_at_mut(self.inputs * self.outputs);
        self.initializer.fill(weight, self.inputs, self.outputs, random);
        bias.fill(F::zero());
    }

    fn output_kind(&self) -> Option<OutputKind> {
        Some(OutputKind::Logits)
    }

    fn affine<'p>(&self, parameters: &'p [F]) -> Option<(ArrayView2<'p, F>, &'p [F])> {
        Some(self.split(parameters))
    }

    fn forward(&self, parameters: &[F], x: ArrayView2<F>, y: ArrayViewMut2<F>) {
        let (weight, bias) = self.split(parameters);
        affine(x, weight, bias, y);
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
