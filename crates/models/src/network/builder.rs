use super::{Network, blocks};
use crate::{ActivationLayer, Dense, GradientPath, Initializer, Relu, Softmax};
use chainrule_core::{Activation, AlignedBuffer, Error, Layer, Purpose, Random, Real};
use std::sync::Arc;

/// Layers in the making; [`NetworkBuilder::build`] checks them all at once. Made by [`Network::builder`].
#[derive(Clone, Debug)]
pub struct NetworkBuilder<F> {
    inputs: usize,
    layers: Vec<Arc<dyn Layer<F>>>,
    initializer: Initializer,
    seed: u64,
}

impl<F: Real> NetworkBuilder<F> {
    pub(super) fn new(inputs: usize) -> Self {
        NetworkBuilder { inputs, layers: Vec::new(), initializer: Initializer::default(), seed: 0 }
    }

    /// How the dense layers that follow begin; [`Initializer::He`] unless said.
    pub fn initializer(mut self, initializer: Initializer) -> Self {
        self.initializer = initializer;
        self
    }

    /// Seed of the first parameters; 0 unless said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Appends a dense layer with `outputs` outputs.
    pub fn dense(self, outputs: usize) -> Self {
        let layer = Dense::new(self.width(), outputs, self.initializer);
        self.layer(layer)
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
    pub fn activation(self, activation: impl Activation<F> + 'static) -> Self {
        let layer = ActivationLayer::new(activation, self.width());
        self.layer(layer)
    }

    /// Appends any layer.
    pub fn layer(mut self, layer: impl Layer<F> + 'static) -> Self {
        self.layers.push(Arc::new(layer));
        self
    }

    /// Columns that the next layer takes.
    fn width(&self) -> usize {
        self.layers.last().map_or(self.inputs, |layer| layer.width().1)
    }

    /// The layers so far.
    pub(crate) fn layers(&self) -> &[Arc<dyn Layer<F>>] {
        &self.layers
    }

    /// The network, its parameters drawn.
    ///
    /// # Errors
    /// [`Error::NoLayers`], [`Error::ZeroWidth`], [`Error::LayerWidth`], [`Error::TooLarge`], or what
    /// [`Initializer::check`] says.
    pub fn build(self) -> Result<Network<F>, Error> {
        self.initializer.check()?;
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
        Ok(Network { layers: self.layers, parameters, ranges, blocks: all_blocks, widths })
    }
}

/// Whether so many numbers could lie in one buffer, with room to align it.
fn fits<F: Real>(numbers: usize) -> bool {
    numbers < isize::MAX as usize / F::BYTES / 2
}
