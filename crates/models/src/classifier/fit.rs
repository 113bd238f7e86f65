use super::Classifier;
use crate::training::Job;
use crate::{Callback, History, Samples, Score, Trainer, Training};
use chainrule_core::{Error, Real};
use std::path::Path;

impl<F: Real> Classifier<F> {
    /// Trains on `train`, going on from the present parameters; the optimiser starts anew.
    ///
    /// Every epoch takes the rows in an order that is a function of the seed and of how many epochs the classifier has
    /// trained in all. The result is the same bits on any number of threads.
    ///
    /// # Errors
    /// As [`Network::fit`](crate::Network::fit). The parameters are then those after the last whole epoch, or after the best, where early
    /// stopping restores it.
    pub fn fit(&mut self, train: Samples<F>, training: &Training<F>) -> Result<History, Error> {
        self.fit_with(train, None, training, &mut ())
    }

    /// [`Classifier::fit`] that also evaluates `validation` after every epoch, by the loss that it trains with, and tells
    /// `callback` of every step and epoch. If that breaks, training ends there, without an error.
    ///
    /// # Errors
    /// As [`Classifier::fit`], for both sets of samples.
    pub fn fit_with(
        &mut self,
        train: Samples<F>,
        validation: Option<Samples<F>>,
        training: &Training<F>,
        callback: &mut dyn Callback<F>,
    ) -> Result<History, Error> {
        self.fit_from(train, validation, training, None, callback)
    }

    /// Goes on from a checkpoint (see [`Checkpoints`](crate::Checkpoints)) of a training of such a classifier, and ends in the same bits
    /// as if that had never stopped; whatever parameters the classifier has are replaced. The history is that of the whole
    /// training.
    ///
    /// Classifier, samples and training must be the same as then, but for the number of epochs, which may be raised, the threads,
    /// and the checkpoints, which are written only if asked for again.
    ///
    /// ```
    /// use chainrule_core::Targets;
    /// use chainrule_models::{Checkpoints, Classifier, Every, Progress, Samples, Training};
    /// use std::ops::ControlFlow;
    ///
    /// let x = ndarray::array![[0.0_f32, 1.0], [1.0, 0.0], [0.5, 1.0]];
    /// let samples = Samples::new(&x, Targets::Classes(&[0, 1, 0]));
    /// let build = || Classifier::<f32>::builder(2, 2).hidden(&[8]).build();
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("checkpoint.safetensors");
    /// let checkpoints = Some(Checkpoints { path: path.clone(), every: Every::Epochs(5) });
    /// let training = Training { epochs: 20, batch_size: 2, checkpoints, ..Training::default() };
    ///
    /// // Interrupted in the middle of an epoch …
    /// let mut steps = 0;
    /// let mut interrupt = |news: Progress| {
    ///     steps += usize::from(matches!(news, Progress::Batch(_)));
    ///     if steps == 15 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    /// };
    /// build()?.fit_with(samples, None, &training, &mut interrupt)?;
    ///
    /// // … and gone on from there, it is as if it had never stopped.
    /// let (mut resumed, mut whole) = (build()?, build()?);
    /// let history = resumed.resume(&path, samples, None, &training, &mut ())?;
    /// whole.fit(samples, &training)?;
    /// assert_eq!(history.epochs.len(), 20);
    /// assert_eq!(resumed.network().parameters(), whole.network().parameters());
    /// # Ok::<(), chainrule_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Classifier::fit_with`]; [`Error::OtherTraining`] names the first thing that is not the same, and [`Error::Checkpoint`]
    /// what is wrong with the file. The parameters are then as [`Classifier::fit`] says, or the checkpoint's, or
    /// unchanged.
    pub fn resume(
        &mut self,
        path: impl AsRef<Path>,
        train: Samples<F>,
        validation: Option<Samples<F>>,
        training: &Training<F>,
        callback: &mut dyn Callback<F>,
    ) -> Result<History, Error> {
        self.fit_from(train, validation, training, Some(path.as_ref()), callback)
    }

    /// One pass over some rows, in their order, in batches: for rows that come in portions. The optimiser goes on from one portion to
    /// the next, as `trainer` keeps it ([`Trainer`] has an example). It gives the rows' mean loss and accuracy, each as its batch
    /// saw it.
    ///
    /// # Errors
    /// As [`Network::partial_fit`](crate::Network::partial_fit). The parameters are then as before.
    pub fn partial_fit(&mut self, samples: Samples<F>, trainer: &mut Trainer<F>) -> Result<Score, Error> {
        let rows = self.scaling.of(samples.rows);
        self.network.partial_fit(samples.with_rows(&rows), trainer)
    }

    fn fit_from(
        &mut self,
        train: Samples<F>,
        validation: Option<Samples<F>>,
        training: &Training<F>,
        resume: Option<&Path>,
        callback: &mut dyn Callback<F>,
    ) -> Result<History, Error> {
        let rows = self.scaling.of(train.rows);
        let validation_rows = validation.map(|samples| self.scaling.of(samples.rows));
        let validation = validation.zip(validation_rows.as_ref());
        let more =
            [("class_names", format!("{:?}", self.class_names)), ("scaling", format!("{:?}", self.scaling))];
        let job = Job {
            train: train.with_rows(&rows),
            validation: validation.map(|(samples, rows)| samples.with_rows(rows)),
            training,
            resume,
            more: &more,
        };
        self.network.fit_from(&mut self.epochs, job, callback)
    }
}
