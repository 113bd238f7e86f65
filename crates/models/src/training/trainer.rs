use super::accuracy::Sums;
use super::checkpoint::Identity;
use super::session::Job;
use super::team::Team;
use super::work::Work;
use super::{ClassWeights, Samples, Score, Training};
use crate::Network;
use chainrule_core::{Error, Real};

/// The optimiser of a training whose rows come in portions: its moments and its steps go on from one
/// [`Classifier::partial_fit`](crate::Classifier::partial_fit) or [`Network::partial_fit`] to the next.
///
/// Of its [`Training`] the epochs do not matter, nor what concerns validation, early stopping and checkpoints.
///
/// ```
/// use chainrule_core::Targets;
/// use chainrule_models::{Adam, Classifier, Samples, Trainer, Training};
/// use std::sync::Arc;
///
/// let mut classifier = Classifier::<f32>::builder(2, 2).hidden(&[16]).build()?;
/// let optimizer = Arc::new(Adam { learning_rate: 0.05, ..Adam::default() });
/// let mut trainer = Trainer::new(classifier.network(), &Training { optimizer, ..Training::default() })?;
/// for portion in 0..200 {
///     let x = ndarray::array![[0.0_f32, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, (portion % 2) as f32]];
///     let labels = [0, 0, 1, portion % 2];
///     let score = classifier.partial_fit(Samples::new(&x, Targets::Classes(&labels)), &mut trainer)?;
///     assert!(score.loss < 0.1 || portion < 150);
/// }
/// assert_eq!(trainer.steps(), 200);
/// # Ok::<(), chainrule_core::Error>(())
/// ```
pub struct Trainer<F: Real> {
    pub(super) training: Training<F>,
    pub(super) work: Work<F>,
    /// How many portions there were.
    pub(super) portions: usize,
}

impl<F: Real> Trainer<F> {
    /// Before the first step of `network`.
    ///
    /// # Errors
    /// [`Error::Setting`] for the training, [`Error::ClassWeightsUnsupported`], and [`Error::BalancedPortions`] if it asks for balanced
    /// class weights, which only all rows together would tell.
    pub fn new(network: &Network<F>, training: &Training<F>) -> Result<Self, Error> {
        training.check()?;
        let loss = match &training.class_weights {
            Some(ClassWeights::Balanced) => return Err(Error::BalancedPortions),
            Some(ClassWeights::Given(weights)) => training.loss_with(weights)?,
            None => training.loss.clone(),
        };
        let training = Training { loss, ..training.clone() };
        Ok(Trainer { work: Work::new(network, &training)?, training, portions: 0 })
    }

    /// How many steps were taken.
    pub fn steps(&self) -> u64 {
        self.work.optimizer.steps()
    }

    /// The learning rate of the last step, by the schedule.
    pub fn learning_rate(&self) -> f64 {
        self.work.optimizer.learning_rate()
    }
}

impl<F: Real> Network<F> {
    /// One pass over some rows, in their order, in batches; it gives their mean loss and accuracy, each as its batch saw it.
    ///
    /// # Errors
    /// As [`Network::fit`], and [`Error::OtherNetwork`] or [`Error::Length`] for a trainer of another network. The parameters are then as
    /// before, the optimiser's state is not: a new trainer is wanted. [`Error::Diverged`] counts portions as epochs.
    pub fn partial_fit(&mut self, samples: Samples<F>, trainer: &mut Trainer<F>) -> Result<Score, Error> {
        let Trainer { training, work, portions } = trainer;
        let team = Team::new(training.communicator.clone());
        let checked = self.check_samples("training rows", samples, training);
        let mut has_begun = false;
        let trained = training.in_pool(|| {
            has_begun = true;
            work.team.agree(checked)?;
            work.start(self, samples, (training, *portions))?;
            let before = self.parameters().to_vec();
            let pass = work.pass(self, samples, training, *portions + 1);
            *portions += 1;
            let sums = pass.inspect_err(|_| self.parameters_mut().copy_from_slice(&before))?;
            Ok(Score::of(sums))
        });
        // Other ranks wait at the beginning for one that did not come so far.
        if has_begun { trained } else { team.agree(trained) }
    }
}

impl<F: Real> Work<F> {
    /// Makes sure that all ranks take the same portion, after as many others, with the same parameters and moments.
    fn start(
        &mut self,
        network: &mut Network<F>,
        samples: Samples<F>,
        (training, portions): (&Training<F>, usize),
    ) -> Result<(), Error> {
        if self.team.is_alone() {
            return Ok(());
        }
        let rows = self.team.check_rows(samples.rows.len());
        let identity = rows.and_then(|()| Identity::new(network, &Job::new(samples, None, training)));
        let identity = self.team.agree(identity)?;
        let identity = identity
            .with("portions before", portions.to_string())
            .with("steps before", self.optimizer.steps().to_string());
        self.team.start(&identity, network)?;
        self.optimizer.moments_mut().into_iter().try_for_each(|moment| self.team.take_first(moment))
    }

    fn pass(
        &mut self,
        network: &mut Network<F>,
        samples: Samples<F>,
        training: &Training<F>,
        portion: usize,
    ) -> Result<Sums, Error> {
        let rows = samples.rows.len();
        self.make_room(network, training.batch_size.min(rows), samples.targets.targets);
        self.order.clear();
        self.order.extend(0..rows);
        let mut sums = Sums::default();
        let batches = rows.div_ceil(training.batch_size);
        for batch in 0..batches {
            self.step(network, samples, training, (portion, batch), &mut sums)?;
        }
        let finite = self.check_finite(network, training, (portion, batches - 1));
        self.team.agree(finite)?;
        self.team.check_parameters(network.parameters(), || format!("portion {portion}"))?;
        Ok(sums)
    }
}
