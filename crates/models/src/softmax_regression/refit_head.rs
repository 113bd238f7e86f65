use super::minimize::minimize;
use super::objective::{Objective, loss};
use super::{Iteration, SoftmaxTraining, SolverHistory};
use crate::training::{check_counts, in_pool};
use crate::{Classifier, LayerSpec, Samples};
use chainrule_core::{Error, Loss, Real, Rows};
use ndarray::{Array2, Axis, Slice};
use std::ops::ControlFlow;

impl<F: Real> Classifier<F> {
    /// Takes the last dense layer to the optimum of its regularised cross-entropy, whatever the layers before it are, which stay: a softmax
    /// regression on the features that they make of the rows. The features are held in memory, (rows, width of the last hidden layer).
    ///
    /// It goes on from the layer as it is. Penalties and bounds of the layer's own do not count here; `training` says what weights cost.
    ///
    /// ```
    /// use chainrule_core::Targets;
    /// use chainrule_models::{Classifier, Samples, SoftmaxTraining};
    /// let x = ndarray::array![[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    /// let xor = Samples::new(&x, Targets::Classes(&[0, 1, 1, 0]));
    /// // Hidden layers as they were drawn.
    /// let mut classifier = Classifier::<f64>::builder(2, 2).hidden(&[32]).build()?;
    /// let history = classifier.refit_head(xor, &SoftmaxTraining { l2: 0.01, ..SoftmaxTraining::default() })?;
    /// assert!(history.has_converged());
    /// assert_eq!(classifier.evaluate(xor)?.accuracy, 1.0);
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::LastLayers`] for a classifier that does not end in a dense layer and softmax; [`Error::Setting`] for the training;
    /// [`Error::Empty`], [`Error::Width`] or [`Error::NotFinite`] for the inputs; [`Error::RowCount`], [`Error::Weight`],
    /// [`Error::NothingCounts`] and what [`Targets::check`](chainrule_core::Targets::check) says for the targets;
    /// [`Error::GradientOverflow`]; [`Error::Threads`]; and what [`Rows::gather`] says. Nothing changes then.
    pub fn refit_head(
        &mut self,
        samples: Samples<F>,
        training: &SoftmaxTraining,
    ) -> Result<SolverHistory, Error> {
        self.refit_head_with(samples, training, &mut |_| ControlFlow::Continue(()))
    }

    /// [`Classifier::refit_head`] that tells `watch` of every iteration, the start first; if that breaks, it ends there, without an error.
    ///
    /// # Errors
    /// As [`Classifier::refit_head`].
    pub fn refit_head_with(
        &mut self,
        samples: Samples<F>,
        training: &SoftmaxTraining,
        watch: &mut (dyn FnMut(&Iteration) -> ControlFlow<()> + Send),
    ) -> Result<SolverHistory, Error> {
        training.check()?;
        let [.., LayerSpec::Dense { bias, .. }, LayerSpec::Softmax { .. }] = self.architecture().layers[..]
        else {
            return Err(Error::LastLayers { expected: "a dense layer and softmax" });
        };
        let network = self.network();
        let (layer, classes) = (network.layers().len() - 2, network.outputs());
        let class_weights = training.class_weights(samples.targets.targets, classes)?;
        let loss = loss(class_weights.as_deref());
        network.check_inputs(samples.rows)?;
        network.check_targets(samples.rows.len(), &loss, samples.targets)?;
        check_counts("training rows", &loss as &dyn Loss<F>, samples.targets)?;
        samples.rows.check_finite()?;

        let mut w = class_by_class(&network.parameters()[network.parameter_range(layer)], classes);
        let history = in_pool(training.threads, || {
            let scaled = self.scaling().of(samples.rows);
            let features = if layer > 0 { Some(self.features(layer, &scaled)?) } else { None };
            let rows: &dyn Rows<F> = features.as_ref().map_or(&scaled, |features| features);
            rows.check_finite()?;
            let samples = samples.with_rows(rows);
            let class_weights = class_weights.as_deref();
            let mut objective = Objective::new(samples, class_weights, classes, bias, training.l2);
            minimize(&mut objective, &mut w, training, watch)
        })?;
        let range = self.network().parameter_range(layer);
        let parameters = input_by_input(&w, classes);
        for (parameter, w) in self.network_mut().parameters_mut()[range].iter_mut().zip(parameters) {
            *parameter = F::of(w);
        }
        Ok(history)
    }

    /// The outputs of the first `layers` layers, (rows, width).
    fn features(&self, layers: usize, rows: &dyn Rows<F>) -> Result<Array2<F>, Error> {
        let width = self.network().layers().nth(layers - 1).map_or(0, |layer| layer.width().1);
        let mut features = Array2::zeros((rows.len(), width));
        self.network().for_each_chunk(layers, rows, |first, outputs| {
            let range = Slice::from(first..first + outputs.nrows());
            features.slice_axis_mut(Axis(0), range).assign(&outputs);
        })?;
        Ok(features)
    }
}

/// Of a dense layer's parameters, an input's weights after another's and then the biases, those of one class after another.
fn class_by_class<F: Real>(parameters: &[F], classes: usize) -> Vec<f64> {
    let of_class = |class| parameters.iter().skip(class).step_by(classes).map(|parameter| parameter.as_f64());
    (0..classes).flat_map(of_class).collect()
}

/// And back.
fn input_by_input(w: &[f64], classes: usize) -> Vec<f64> {
    let width = w.len() / classes;
    (0..width).flat_map(|column| w.iter().skip(column).step_by(width).copied()).collect()
}
