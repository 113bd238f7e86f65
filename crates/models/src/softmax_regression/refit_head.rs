use super::minimize::minimize;
use super::objective::{Objective, loss};
use super::{Iteration, SoftmaxTraining, SolverHistory};
use crate::finite::check_finite;
use crate::training::{Identity, Team, check_counts, in_pool};
use crate::{Classifier, LayerSpec, Samples};
use chainrule_core::{Error, Loss, Real, Rows, Subset};
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
    /// [`Error::Empty`], [`Error::Width`] or [`Error::NotFinite`] for the inputs, [`Error::NotFinite`] for outputs of the
    /// hidden layers that overflow; [`Error::RowCount`], [`Error::Weight`],
    /// [`Error::NothingCounts`] and what [`Targets::check`](chainrule_core::Targets::check) says for the targets;
    /// [`Error::GradientOverflow`]; [`Error::Threads`]; [`Error::MoreRanksThanRows`], [`Error::OtherOnRank`], [`Error::OtherRank`],
    /// [`Error::RanksDrifted`] and [`Error::Communication`] where several processes fit together; and what [`Rows::gather`] says. Nothing
    /// changes then.
    pub fn refit_head(
        &mut self,
        samples: Samples<F>,
        training: &SoftmaxTraining,
    ) -> Result<SolverHistory, Error> {
        self.refit_head_with(samples, training, &mut |_| ControlFlow::Continue(()))
    }

    /// [`Classifier::refit_head`] that tells `watch` of every iteration that is not yet the end, the start first; if that breaks, it ends there, without an error.
    ///
    /// # Errors
    /// As [`Classifier::refit_head`].
    pub fn refit_head_with(
        &mut self,
        samples: Samples<F>,
        training: &SoftmaxTraining,
        watch: &mut (dyn FnMut(&Iteration) -> ControlFlow<()> + Send),
    ) -> Result<SolverHistory, Error> {
        let team = Team::new(training.communicator.clone());
        let class_weights = team.agree(self.check_head(samples, training))?;
        let mut has_begun = false;
        let fitted = in_pool(training.threads, || {
            has_begun = true;
            if !team.is_alone() {
                let words = format!("{}, scaling {:?}", training.in_words(), self.scaling());
                let identity = team.agree(Identity::of_head(self.network(), samples, words))?;
                team.start(&identity, self.network_mut())?;
            }
            self.fit_head((samples, class_weights.as_deref()), training, watch)
        });
        // Other ranks wait at the beginning for one that has no threads.
        let (w, history) = if has_begun { fitted? } else { team.agree(fitted)? };
        let network = self.network_mut();
        let (layer, classes) = (network.layers().len() - 2, network.outputs());
        let range = network.parameter_range(layer);
        let parameters = input_by_input(&w, classes);
        for (parameter, w) in network.parameters_mut()[range].iter_mut().zip(parameters) {
            *parameter = F::of(w);
        }
        Ok(history)
    }

    /// Makes sure that the head can be fitted, and gives the weights of the classes, if they are not 1 each.
    fn check_head(&self, samples: Samples<F>, training: &SoftmaxTraining) -> Result<Option<Vec<f64>>, Error> {
        training.check()?;
        let [.., LayerSpec::Dense { .. }, LayerSpec::Softmax { .. }] = self.architecture().layers[..] else {
            return Err(Error::LastLayers { expected: "a dense layer and softmax" });
        };
        let network = self.network();
        let class_weights = training.class_weights(samples.targets.targets, network.outputs())?;
        let loss = loss(class_weights.as_deref());
        network.check_inputs(samples.rows)?;
        network.check_targets_at_any_layer(samples.rows.len(), &loss, samples.targets)?;
        check_counts("training rows", &loss as &dyn Loss<F>, samples.targets)?;
        Team::new(training.communicator.clone()).check_rows(samples.rows.len())?;
        samples.rows.check_finite()?;
        Ok(class_weights)
    }

    /// The optimum of a head that was checked, by this rank's part of the rows, and the way there.
    fn fit_head(
        &self,
        (samples, class_weights): (Samples<F>, Option<&[f64]>),
        training: &SoftmaxTraining,
        watch: &mut (dyn FnMut(&Iteration) -> ControlFlow<()> + Send),
    ) -> Result<(Vec<f64>, SolverHistory), Error> {
        let (network, team) = (self.network(), Team::new(training.communicator.clone()));
        let (layer, classes) = (network.layers().len() - 2, network.outputs());
        let range = network.parameter_range(layer);
        let intercept =
            range.len() > classes * network.layers().nth(layer).map_or(0, |layer| layer.width().0);
        let mut w = class_by_class(&network.parameters()[range], classes);

        let share = team.share(samples.rows.len());
        let indices: Vec<usize> = share.clone().collect();
        let scaled = self.scaling().of(samples.rows);
        let own = Subset::new(&scaled, &indices)?;
        let features = (layer > 0).then(|| self.features(layer, &own, share.start));
        let features = team.agree(features.transpose())?;
        let rows: &dyn Rows<F> = features.as_ref().map_or(&own, |features| features);
        let own = Samples::new(rows, samples.targets.rows(share));
        let mut objective = Objective::new(own, class_weights, classes, intercept, training.l2, team);
        let history = minimize(&mut objective, &mut w, training, watch)?;
        Ok((w, history))
    }

    /// The outputs of the first `layers` layers for rows that were checked, (rows, width). The first row is number `start` of all ranks'.
    fn features(&self, layers: usize, rows: &dyn Rows<F>, start: usize) -> Result<Array2<F>, Error> {
        let width = self.network().layers().nth(layers - 1).map_or(0, |layer| layer.width().1);
        let mut features = Array2::zeros((rows.len(), width));
        self.network().for_each_checked_chunk(layers, rows, 0..rows.len(), |first, outputs| {
            check_finite("outputs of the hidden layers", start + first, outputs)?;
            let range = Slice::from(first..first + outputs.nrows());
            features.slice_axis_mut(Axis(0), range).assign(&outputs);
            Ok(())
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
