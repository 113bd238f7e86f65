use super::evaluate::check_counts;
use super::session::{Job, Session};
use super::team::Team;
use super::validation_split::{Part, ValidationSplit};
use super::{Callback, History, Samples, Training};
use crate::Network;
use chainrule_core::{Error, Real};
use std::path::Path;

impl<F: Real> Network<F> {
    /// Trains on `train`, going on from the present parameters; the optimiser starts anew.
    ///
    /// Every epoch takes the rows in an order that is a function of the seed and of the number of the epoch. The result is
    /// the same bits on any number of threads.
    ///
    /// ```
    /// use chainrule_core::Targets;
    /// use chainrule_models::{Accuracy, Adam, MeanSquaredError, Network, Samples, Tanh, Training};
    /// use ndarray::Array2;
    /// use std::sync::Arc;
    ///
    /// let x = Array2::from_shape_fn((200, 1), |(i, _)| i as f64 / 200.0);
    /// let y = x.mapv(|x| (6.0 * x).sin());
    /// let targets = Targets::Values(y.view());
    /// let mut network = Network::<f64>::builder(1).dense(32).activation(Tanh).dense(1).build()?;
    /// let training = Training {
    ///     epochs: 300,
    ///     batch_size: 20,
    ///     loss: Arc::new(MeanSquaredError),
    ///     accuracy: Accuracy::Regression { tolerance: 0.1 },
    ///     optimizer: Arc::new(Adam { learning_rate: 0.01, ..Adam::default() }),
    ///     ..Training::default()
    /// };
    /// network.fit(Samples::new(&x, targets), &training)?;
    /// assert!(network.evaluate(Samples::new(&x, targets), &MeanSquaredError, training.accuracy)?.accuracy > 0.9);
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::NoValidation`], [`Error::NoneKeptBack`] and [`Error::ClassWeightsUnsupported`] for the training; [`Error::Empty`], [`Error::Width`] or [`Error::NotFinite`] for the inputs;
    /// [`Error::RowCount`], [`Error::Weight`], [`Error::NothingCounts`] and what [`Loss::check`](chainrule_core::Loss::check)
    /// says for the targets; [`Error::LossOfOthers`]; [`Error::AccuracyOfOthers`]; [`Error::MoreRanksThanRows`], [`Error::OtherOnRank`], [`Error::OtherRank`], [`Error::RanksDrifted`] and
    /// [`Error::Communication`] where several processes train together; [`Error::Diverged`]; [`Error::Threads`]; and what
    /// [`Rows::gather`](chainrule_core::Rows::gather) says. The parameters are then those after the last whole epoch, or
    /// after the best, where early stopping restores it.
    pub fn fit(&mut self, train: Samples<F>, training: &Training<F>) -> Result<History, Error> {
        self.fit_with(train, None, training, &mut ())
    }

    /// [`Network::fit`] that also evaluates `validation` after every epoch, and tells `callback` of every step and epoch. If that
    /// breaks, training ends there, without an error.
    ///
    /// # Errors
    /// As [`Network::fit`], for both sets of samples, and [`Error::NotFinite`] for validation rows whose outputs or losses overflow.
    pub fn fit_with(
        &mut self,
        train: Samples<F>,
        validation: Option<Samples<F>>,
        training: &Training<F>,
        callback: &mut dyn Callback<F>,
    ) -> Result<History, Error> {
        self.fit_from(&mut 0, Job::new(train, validation, training), callback)
    }

    /// Goes on from a checkpoint (see [`Checkpoints`](crate::Checkpoints)) of a training of such a network, and ends in the same bits as
    /// if that had never stopped; whatever parameters the network has are replaced. The history is that of the whole training.
    ///
    /// Network, samples and training must be the same as then, but for the number of epochs, which may be raised, the threads, and
    /// the checkpoints, which are written only if asked for again.
    ///
    /// # Errors
    /// As [`Network::fit_with`]; [`Error::OtherTraining`] names the first thing that is not the same, and [`Error::Checkpoint`] what is
    /// wrong with the file. The parameters are then as [`Network::fit`] says, or the checkpoint's, or unchanged.
    pub fn resume(
        &mut self,
        path: impl AsRef<Path>,
        train: Samples<F>,
        validation: Option<Samples<F>>,
        training: &Training<F>,
        callback: &mut dyn Callback<F>,
    ) -> Result<History, Error> {
        let resume = Some(path.as_ref());
        let job = Job::new(train, validation, training);
        self.fit_from(&mut 0, Job { resume, ..job }, callback)
    }

    /// Does the job for a network that trained `epochs` epochs: orders and records go on from there, and those that were trained
    /// count, also if a later one fails.
    pub(crate) fn fit_from(
        &mut self,
        epochs: &mut usize,
        job: Job<F>,
        callback: &mut dyn Callback<F>,
    ) -> Result<History, Error> {
        let team = Team::new(job.training.communicator.clone());
        let mut has_begun = false;
        let fitted = self.check_and_fit(epochs, job, callback, &mut has_begun);
        // Other ranks wait at the beginning for one that did not come so far.
        if has_begun { fitted } else { team.agree(fitted) }
    }

    fn check_and_fit(
        &mut self,
        epochs: &mut usize,
        job: Job<F>,
        callback: &mut dyn Callback<F>,
        has_begun: &mut bool,
    ) -> Result<History, Error> {
        let Job { train, validation, training, resume, more } = job;
        training.check()?;
        let training = &training.with_class_weights(train.targets.targets, self.outputs())?;
        self.check_samples("training rows", train, training)?;
        validation.map_or(Ok(()), |samples| self.check_samples("validation rows", samples, training))?;
        let fraction = training.validation_fraction;
        if fraction > 0.0 {
            if validation.is_some() {
                let expected = "0 where validation rows are given";
                return Err(Error::Setting { name: "validation_fraction", expected, value: fraction });
            }
            let split = ValidationSplit::new(train.targets.targets, fraction, training.seed)?;
            let part = |indices| Part::new(train.rows, train.targets, indices);
            let (kept, held) = (part(&split.train)?, part(&split.validation)?);
            let (train, held) = (kept.samples(), held.samples());
            check_counts("training rows", &*training.loss, train.targets)?;
            check_counts("validation rows", &*training.loss, held.targets)?;
            let validation = Some(held);
            let job = Job::new(train, validation, training);
            return self.run(epochs, Job { resume, more, ..job }, callback, has_begun);
        }
        if training.early_stopping.is_some() && validation.is_none() {
            return Err(Error::NoValidation { place: "early stopping" });
        }
        let job = Job::new(train, validation, training);
        self.run(epochs, Job { resume, more, ..job }, callback, has_begun)
    }

    /// Does a job that was checked.
    fn run(
        &mut self,
        epochs: &mut usize,
        job: Job<F>,
        callback: &mut dyn Callback<F>,
        has_begun: &mut bool,
    ) -> Result<History, Error> {
        job.training.in_pool(|| {
            *has_begun = true;
            Session::begin(job, self, *epochs)?.run(self, epochs, callback)
        })
    }

    pub(super) fn check_samples(
        &self,
        place: &'static str,
        samples: Samples<F>,
        training: &Training<F>,
    ) -> Result<(), Error> {
        self.check_inputs(samples.rows)?;
        self.check_targets(samples.rows.len(), &*training.loss, samples.targets)?;
        check_counts(place, &*training.loss, samples.targets)?;
        training.accuracy.check_fits(self.outputs(), samples.targets.targets)?;
        samples.rows.check_finite()
    }
}
