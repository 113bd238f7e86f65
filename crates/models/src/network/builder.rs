use super::{Network, blocks, layer_check};
use crate::layers::ResidualSum;
use crate::memory::fits;
use crate::{ActivationLayer, Dense, Dropout, GradientPath, Initializer, LayerNorm, Relu, Softmax};
use chainrule_core::{Activation, AlignedBuffer, Error, Layer, Penalty, Purpose, Random, Real};
use std::sync::Arc;

/// Layers in the making; [`NetworkBuilder::build`] checks them all at once. Made by [`Network::builder`].
#[derive(Clone, Debug)]
pub struct NetworkBuilder<F> {
    inputs: usize,
    layers: Vec<Arc<dyn Layer<F>>>,
    /// For each layer, after how many layers what is added to its output came out, if anything is.
    skips: Vec<Option<usize>>,
    initializer: Initializer,
    weight_penalty: Penalty,
    bias_penalty: Penalty,
    max_norm: Option<f64>,
    seed: u64,
}

impl<F: Real> NetworkBuilder<F> {
    pub(super) fn new(inputs: usize) -> Self {
        NetworkBuilder {
            inputs,
            layers: Vec::new(),
            skips: Vec::new(),
            initializer: Initializer::default(),
            weight_penalty: Penalty::NONE,
            bias_penalty: Penalty::NONE,
            max_norm: None,
            seed: 0,
        }
    }

    /// How the dense layers that follow begin; [`Initializer::He`] unless said.
    pub fn initializer(mut self, initializer: Initializer) -> Self {
        self.initializer = initializer;
        self
    }

    /// What the size of the weights of the dense layers that follow costs; nothing unless said.
    pub fn weight_penalty(mut self, penalty: Penalty) -> Self {
        self.weight_penalty = penalty;
        self
    }

    /// What the size of the biases of the dense layers that follow costs; nothing unless said.
    pub fn bias_penalty(mut self, penalty: Penalty) -> Self {
        self.bias_penalty = penalty;
        self
    }

    /// The longest that the weights into one output of the dense layers that follow may be; any unless said.
    pub fn max_norm(mut self, norm: Option<f64>) -> Self {
        self.max_norm = norm;
        self
    }

    /// Seed of the first parameters, and of the dropout layers that follow; 0 unless said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Appends a dense layer with `outputs` outputs.
    pub fn dense(self, outputs: usize) -> Self {
        let layer = self.next_dense(outputs);
        self.layer(layer)
    }

    /// Appends a dense layer without a bias.
    pub fn dense_without_bias(self, outputs: usize) -> Self {
        let layer = self.next_dense(outputs).without_bias();
        self.layer(layer)
    }

    fn next_dense(&self, outputs: usize) -> Dense {
        let dense = Dense::new(self.width(), outputs, self.initializer)
            .weight_penalty(self.weight_penalty)
            .bias_penalty(self.bias_penalty);
        match self.max_norm {
            None => dense,
            Some(norm) => dense.max_norm(norm),
        }
    }

    /// Appends a dropout of a share `rate` of what comes before it, at least 0 and below 1.
    pub fn dropout(self, rate: f64) -> Self {
        let layer = Dropout::new(self.width(), rate, self.seed);
        self.layer(layer)
    }

    /// Appends a layer normalisation with ε = 1e-5.
    pub fn layer_norm(self) -> Self {
        let layer = LayerNorm::new(self.width(), 1e-5);
        self.layer(layer)
    }

    /// Appends a residual block, y = x + g(x), where g is the layers that `block` appends; it must give as many columns as it
    /// takes (K. He et al., "Deep residual learning for image recognition", CVPR 2016).
    ///
    /// ```
    /// use chainrule_models::Network;
    /// let network = Network::<f32>::builder(8).residual(|block| block.dense(16).relu().dense(8)).dense(3).build()?;
    /// assert_eq!(network.outputs(), 3);
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    pub fn residual(self, block: impl FnOnce(Self) -> Self) -> Self {
        let start = self.layers.len();
        let inside = block(self);
        let sum = ResidualSum { width: inside.width() };
        let mut after = inside.layer(sum);
        if let Some(skip) = after.skips.last_mut() {
            *skip = Some(start);
        }
        after
    }

    /// Appends a ReLU.
    pub fn relu(self) -> Self {
        self.activation(Relu)
    }

    /// Appends a softmax on its default gradient path.
    pub fn softmax(self) -> Self {
        self.softmax_by(GradientPath::default())
    }

    /// Appends a softmax that goes back by the path given.
    pub fn softmax_by(self, gradient: GradientPath) -> Self {
        self.activation(Softmax { gradient })
    }

    /// Appends any activation, as wide as what comes before it.
    ///
    /// ```
    /// use chainrule_core::Activation;
    /// use chainrule_models::{Network, Relu, Tanh};
    /// use std::sync::Arc;
    ///
    /// let chosen: Arc<dyn Activation<f32>> = if std::env::args().len() > 5 { Arc::new(Relu) } else { Arc::new(Tanh) };
    /// let network = Network::builder(4).dense(8).activation(chosen).dense(3).build()?;
    /// assert_eq!(network.layers().nth(1).map(|layer| layer.name()), Some("tanh"));
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    pub fn activation(self, activation: impl Activation<F> + 'static) -> Self {
        let layer = ActivationLayer::new(activation, self.width());
        self.layer(layer)
    }

    /// Appends any layer, also a shared one (`Arc<dyn Layer<F>>`).
    pub fn layer(mut self, layer: impl Layer<F> + 'static) -> Self {
        self.layers.push(Arc::new(layer));
        self.skips.push(None);
        self
    }

    /// Columns that the next layer takes.
    pub(crate) fn width(&self) -> usize {
        self.layers.last().map_or(self.inputs, |layer| layer.width().1)
    }

    /// The layers so far.
    pub(crate) fn layers(&self) -> &[Arc<dyn Layer<F>>] {
        &self.layers
    }

    /// The network, its parameters drawn.
    ///
    /// # Errors
    /// [`Error::NoLayers`], [`Error::ZeroWidth`], [`Error::LayerWidth`], [`Error::ResidualWidth`], [`Error::TooLarge`],
    /// [`Error::ParameterName`], [`Error::EmptyParameter`], [`Error::Layer`] with what a layer's own check says, and
    /// [`Error::Parameter`] for a penalty or a bound that is out of range.
    pub fn build(self) -> Result<Network<F>, Error> {
        if self.layers.is_empty() {
            return Err(Error::NoLayers);
        }
        let mut widths = vec![self.inputs];
        let mut ranges = Vec::new();
        let mut all_blocks = Vec::new();
        let (mut len, mut columns) = (0_usize, self.inputs);
        for (position, layer) in self.layers.iter().enumerate() {
            let (name, (inputs, outputs)) = (layer.name(), layer.width());
            if inputs == 0 || outputs == 0 {
                return Err(Error::ZeroWidth { layer: position, name, inputs, outputs });
            }
            let expected = widths[position];
            if inputs != expected {
                return Err(Error::LayerWidth { layer: position, name, expected, found: inputs });
            }
            layer_check::check(position, &**layer)?;
            match self.skips[position].map(|skip| widths[skip]) {
                Some(taken) if taken != outputs => {
                    return Err(Error::ResidualWidth { layer: position, expected: taken, found: outputs });
                }
                _ => {}
            }
            let too_large = || Error::TooLarge { layer: position, name };
            let start = len;
            for (parameter, spec) in layer.parameters().iter().enumerate() {
                let numbers = spec.shape.0.checked_mul(spec.shape.1).ok_or_else(too_large)?;
                let end = len.checked_add(numbers).filter(|&end| fits::<F>(end)).ok_or_else(too_large)?;
                all_blocks.extend(blocks::cut(position, parameter, spec, len));
                len = end;
            }
            // A row of the tape: outputs and their gradients.
            columns =
                outputs.checked_mul(2).and_then(|more| columns.checked_add(more)).ok_or_else(too_large)?;
            if !fits::<F>(columns) {
                return Err(too_large());
            }
            ranges.push(start..len);
            widths.push(outputs);
        }
        let mut parameters = AlignedBuffer::zeros(len);
        for (position, (layer, range)) in self.layers.iter().zip(&ranges).enumerate() {
            if !range.is_empty() {
                let random = Random::new(self.seed, Purpose::Initialize, position);
                layer.initialize(&mut parameters[range.clone()], random);
            }
        }
        let skips = self.skips;
        Ok(Network { layers: self.layers, skips, parameters, ranges, blocks: all_blocks, widths })
    }
}
