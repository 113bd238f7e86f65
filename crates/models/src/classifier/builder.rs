use super::{Architecture, Classifier, LayerSpec};
use crate::{GradientPath, Initializer, Network};
use chainrule_core::{Error, Real, Scaling, check_class_names};
use std::collections::BTreeMap;

/// A classifier in the making; [`ClassifierBuilder::build`] checks everything at once. Made by [`Classifier::builder`].
#[derive(Clone, Debug)]
pub struct ClassifierBuilder<F> {
    inputs: usize,
    classes: usize,
    hidden: Vec<LayerSpec>,
    gradient: GradientPath,
    initializer: Initializer,
    seed: u64,
    scaling: Scaling,
    class_names: Option<Vec<String>>,
    metadata: BTreeMap<String, String>,
    number: std::marker::PhantomData<F>,
}

impl<F: Real> ClassifierBuilder<F> {
    pub(super) fn new(inputs: usize, classes: usize) -> Self {
        ClassifierBuilder {
            inputs,
            classes,
            hidden: Vec::new(),
            gradient: GradientPath::default(),
            initializer: Initializer::default(),
            seed: 0,
            scaling: Scaling::IDENTITY,
            class_names: None,
            metadata: BTreeMap::new(),
            number: std::marker::PhantomData,
        }
    }

    /// Widths of the hidden layers, each with a ReLU; none unless said.
    pub fn hidden(self, widths: &[usize]) -> Self {
        let layers = widths.iter().flat_map(|&width| [LayerSpec::dense(width), LayerSpec::Relu]);
        self.hidden_layers(layers)
    }

    /// Hidden layers of any kind, in place of [`ClassifierBuilder::hidden`]; a dense layer and softmax follow them.
    ///
    /// ```
    /// use chainrule_models::{Classifier, LayerSpec};
    /// let block = vec![LayerSpec::dense(32), LayerSpec::Gelu, LayerSpec::Dropout { rate: 0.1, seed: 0 }];
    /// let layers = [LayerSpec::dense(32), LayerSpec::LayerNorm { epsilon: 1e-5 }, LayerSpec::Residual { layers: block }];
    /// let classifier = Classifier::<f32>::builder(64, 10).hidden_layers(layers).build()?;
    /// assert_eq!(classifier.network().outputs(), 10);
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    pub fn hidden_layers(mut self, layers: impl IntoIterator<Item = LayerSpec>) -> Self {
        self.hidden = layers.into_iter().collect();
        self
    }

    /// How the gradient gets back through the softmax; fused with the loss unless said.
    pub fn gradient(mut self, path: GradientPath) -> Self {
        self.gradient = path;
        self
    }

    /// How weights begin; [`Initializer::He`] unless said.
    pub fn initializer(mut self, initializer: Initializer) -> Self {
        self.initializer = initializer;
        self
    }

    /// Seed of the first parameters; 0 unless said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What happens to inputs before the network sees them; nothing unless said.
    pub fn scaling(mut self, scaling: &Scaling) -> Self {
        self.scaling = scaling.clone();
        self
    }

    /// A text that is kept with the classifier, and in its file, under `key`: where the data came from, how they were encoded.
    pub fn metadata(mut self, key: impl Into<String>, text: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), text.into());
        self
    }

    /// One name for each class, none empty and none twice; "0", "1", … unless said.
    pub fn class_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.class_names = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The classifier, its parameters drawn.
    ///
    /// # Errors
    /// [`Error::ZeroWidth`], [`Error::TooLarge`], [`Error::ClassNames`], [`Error::SameClassName`], [`Error::EmptyClassName`], [`Error::Width`] for a scaling of other columns, [`Error::Setting`] or
    /// [`Error::Column`] for one that F cannot hold, and [`Error::Layer`] or [`Error::Parameter`] for a layer's setting.
    pub fn build(self) -> Result<Classifier<F>, Error> {
        let architecture = Architecture::classifier(self.inputs, &self.hidden, self.classes, self.gradient);
        let builder = Network::builder(self.inputs).seed(self.seed).initializer(self.initializer);
        let network = architecture.append_to(builder).build()?;
        let class_names =
            self.class_names.unwrap_or_else(|| (0..self.classes).map(|class| class.to_string()).collect());
        Classifier::from_parts(architecture, network, class_names, self.scaling, self.metadata)
    }
}

impl<F: Real> Classifier<F> {
    /// A classifier that has not trained yet.
    pub(crate) fn from_parts(
        architecture: Architecture,
        network: Network<F>,
        class_names: Vec<String>,
        scaling: Scaling,
        metadata: BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        scaling.check(network.inputs())?;
        scaling.check_precision::<F>()?;
        let expected = network.outputs();
        if class_names.len() != expected {
            return Err(Error::ClassNames { expected, found: class_names.len() });
        }
        check_class_names(&class_names)?;
        Ok(Classifier { architecture, network, class_names, scaling, metadata, epochs: 0 })
    }
}
