//! The simple door: a network with its class names and input scaling, that trains, evaluates, predicts, saves and loads.

mod architecture;
mod builder;
mod evaluation;
mod fit;
mod persistence;
mod summary;

pub use architecture::{Architecture, LayerSpec, PenaltySpec};
pub use builder::ClassifierBuilder;
pub use evaluation::Evaluation;

use crate::finite::check_finite;
use crate::{CategoricalCrossEntropy, Network};
use chainrule_core::{Error, Real, Rows, Scaling};
use chainrule_kernels::argmax;
use ndarray::{Array2, ArrayView2};
use std::collections::BTreeMap;

/// A dense network that tells classes apart.
///
/// Inputs are raw everywhere (fitting, evaluation, prediction): the classifier scales them itself, and its file keeps the
/// scaling.
///
/// ```
/// use chainrule_core::Targets;
/// use chainrule_models::{Adam, Classifier, Samples, Training};
/// use ndarray::array;
/// use std::sync::Arc;
///
/// let x = array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
/// let xor = Samples::new(&x, Targets::Classes(&[0, 1, 1, 0]));
///
/// let mut classifier = Classifier::<f32>::builder(2, 2).hidden(&[16]).class_names(["equal", "different"]).build()?;
/// let optimizer = Arc::new(Adam { learning_rate: 0.05, ..Adam::default() });
/// let history = classifier.fit(xor, &Training { epochs: 200, optimizer, ..Training::default() })?;
/// assert_eq!(history.epochs.len(), 200);
/// assert_eq!(classifier.evaluate(xor)?.accuracy, 1.0);
/// assert_eq!(classifier.predict(&x)?, [0, 1, 1, 0]);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Classifier<F: Real> {
    architecture: Architecture,
    network: Network<F>,
    class_names: Vec<String>,
    scaling: Scaling,
    /// What else its maker wants to keep with it.
    metadata: BTreeMap<String, String>,
    /// Epochs trained so far: the next one shuffles by its own number.
    epochs: usize,
}

/// What a classifier is evaluated by.
const LOSS: CategoricalCrossEntropy = CategoricalCrossEntropy::new();

impl<F: Real> Classifier<F> {
    /// Starts a classifier of rows with `inputs` columns into `classes` classes.
    pub fn builder(inputs: usize, classes: usize) -> ClassifierBuilder<F> {
        ClassifierBuilder::new(inputs, classes)
    }

    /// The network within.
    pub fn network(&self) -> &Network<F> {
        &self.network
    }

    /// The network within, to change its parameters.
    pub(crate) fn network_mut(&mut self) -> &mut Network<F> {
        &mut self.network
    }

    /// Gives the network other parameters, laid out like [`Network::parameters`]: those of a copy that was trained step by step, for
    /// example, on rows that went through [`Classifier::scaling`].
    ///
    /// ```
    /// use chainrule_core::Targets;
    /// use chainrule_models::{Adam, Batch, CategoricalCrossEntropy, Classifier, OptimizerState};
    ///
    /// let x = ndarray::array![[0.0_f32, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    /// let labels = [0, 1, 1, 0];
    /// let mut classifier = Classifier::<f32>::builder(2, 2).hidden(&[16]).build()?;
    ///
    /// let (mut network, scaled) = (classifier.network().clone(), classifier.scaling().of(&x));
    /// let mut optimizer = OptimizerState::new(Adam { learning_rate: 0.05, ..Adam::default() }, &network)?;
    /// let mut tape = network.tape(4);
    /// for _ in 0..200 {
    ///     let batch = Batch::new(&scaled, &[0, 1, 2, 3], Targets::Classes(&labels));
    ///     network.train_step(batch, &CategoricalCrossEntropy::new(), &mut optimizer, &mut tape)?;
    /// }
    /// classifier.set_parameters(network.parameters())?;
    /// assert_eq!(classifier.predict(&x)?, labels);
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Length`] for another number of parameters, and [`Error::NotFinite`] names the first that is not finite. Nothing has then
    /// changed.
    pub fn set_parameters(&mut self, parameters: &[F]) -> Result<(), Error> {
        let expected = self.network.parameters().len();
        if parameters.len() != expected {
            return Err(Error::Length { place: "parameters", expected, found: parameters.len() });
        }
        let row = ArrayView2::from_shape((1, expected), parameters).expect("one row of all parameters");
        check_finite("parameters", 0, row)?;
        self.network.parameters_mut().copy_from_slice(parameters);
        Ok(())
    }

    /// The layers, as they are saved.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// One name for each class.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// What happens to inputs before the network sees them.
    pub fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    /// The text that was given under `key` to [`ClassifierBuilder::metadata`], if any.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.get(key).map(String::as_str)
    }

    /// The same classifier in f32 or f64, its parameters rounded to that.
    ///
    /// # Errors
    /// [`Error::Setting`] for a parameter, that or [`Error::Column`] for a scaling, and [`Error::Layer`] for a layer's setting that is beyond that
    /// type's range.
    ///
    /// ```
    /// # use chainrule_models::Classifier;
    /// let double = Classifier::<f64>::builder(4, 3).build()?;
    /// let single: Classifier<f32> = double.to_precision()?;
    /// assert_eq!(single.network().parameters()[0], double.network().parameters()[0] as f32);
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    pub fn to_precision<G: Real>(&self) -> Result<Classifier<G>, Error> {
        self.check_settings_in::<G>()?;
        let builder = self.architecture.append_to(Network::<G>::builder(self.architecture.inputs));
        let mut network = builder.build()?;
        for (to, from) in network.parameters_mut().iter_mut().zip(self.network.parameters()) {
            *to = G::of(from.as_f64());
            if from.is_finite() && !to.is_finite() {
                let (expected, value) = ("a number within the range of the type asked for", from.as_f64());
                return Err(Error::Setting { name: "parameter", expected, value });
            }
        }
        Ok(Classifier {
            architecture: self.architecture.clone(),
            network,
            class_names: self.class_names.clone(),
            scaling: self.scaling.clone(),
            metadata: self.metadata.clone(),
            epochs: self.epochs,
        })
    }

    /// Makes sure that the scaling and the layers' settings mean something in G, too.
    ///
    /// # Errors
    /// [`Error::Setting`] or [`Error::Column`], and [`Error::Layer`].
    pub(crate) fn check_settings_in<G: Real>(&self) -> Result<(), Error> {
        self.scaling.check_precision::<G>()?;
        let builder = self.architecture.append_to(Network::<G>::builder(self.architecture.inputs));
        builder.layers().iter().enumerate().try_for_each(|(position, layer)| {
            let name = layer.name();
            layer.check().map_err(|source| Error::Layer { layer: position, name, source: Box::new(source) })
        })
    }

    /// Probabilities of the classes for each row, (rows, classes).
    ///
    /// # Errors
    /// [`Error::Empty`], [`Error::Width`] or [`Error::NotFinite`] for the inputs, [`Error::NotFinite`] for outputs that overflow, as after a
    /// training that diverged, and what [`Rows::gather`] says.
    pub fn predict_proba(&self, rows: &dyn Rows<F>) -> Result<Array2<F>, Error> {
        self.network.outputs_for(&self.scaling.of(rows))
    }

    /// The most probable class of each row (the first, if several are).
    ///
    /// # Errors
    /// As [`Classifier::predict_proba`].
    pub fn predict(&self, rows: &dyn Rows<F>) -> Result<Vec<usize>, Error> {
        let mut classes = Vec::with_capacity(rows.len());
        self.network.for_each_chunk(self.network.layers().len(), &self.scaling.of(rows), |_, outputs| {
            classes.extend(outputs.outer_iter().map(argmax));
        })?;
        Ok(classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn parameters_that_it_cannot_have_are_refused() {
        let mut classifier = Classifier::<f64>::builder(1, 2).build().expect("a classifier");
        let before = classifier.network().parameters().to_vec();
        for (parameters, message) in [
            (&[1.0; 3][..], "parameters: expected 4 numbers, found 3"),
            (&[1.0, 2.0, f64::NAN, 4.0], "parameters: row 0, column 2 holds NaN, expected a finite number"),
        ] {
            let error = classifier.set_parameters(parameters).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(classifier.network().parameters(), before);
        }
        classifier.set_parameters(&[100.0, -100.0, 0.0, 0.0]).expect("as many, all finite");
        assert_eq!(classifier.predict(&array![[1.0], [-1.0]]).expect("two rows"), [0, 1]);
    }

    #[test]
    fn a_parameter_beyond_f32_is_refused() {
        let mut classifier = Classifier::<f64>::builder(2, 2).build().expect("a classifier");
        classifier.network.parameters_mut()[3] = -1e300;
        let result = classifier.to_precision::<f32>().map(drop);
        assert!(matches!(result, Err(Error::Setting { name: "parameter", value: -1e300, .. })), "{result:?}");
        assert_eq!(classifier.to_precision::<f64>().expect("as it was").network().parameters()[3], -1e300);
    }
}
