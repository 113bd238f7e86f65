use super::checkpoint::{Checkpointer, Identity, Position, Saved};
use super::early_stopping::Watch;
use super::team::Team;
use super::work::Work;
use super::{BatchRecord, Callback, Ending, EpochRecord, History, Samples, Training};
use crate::Network;
use chainrule_core::{Error, Real};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

/// What is trained on, and how.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a, F: Real> {
    pub(crate) train: Samples<'a, F>,
    pub(crate) validation: Option<Samples<'a, F>>,
    pub(crate) training: &'a Training<F>,
    /// The checkpoint to go on from.
    pub(crate) resume: Option<&'a Path>,
    /// What a checkpoint should know of the network that it does not know itself, by name.
    pub(crate) more: &'a [(&'static str, String)],
}

impl<'a, F: Real> Job<'a, F> {
    /// One that starts anew.
    pub(crate) fn new<'t: 'a, 'v: 'a>(
        train: Samples<'t, F>,
        validation: Option<Samples<'v, F>>,
        training: &'a Training<F>,
    ) -> Self {
        let validation = validation.map(|samples| samples.with_rows(samples.rows));
        Job { train: train.with_rows(train.rows), validation, training, resume: None, more: &[] }
    }
}

/// A training under way.
pub(super) struct Session<'a, F: Real> {
    job: Job<'a, F>,
    work: Work<F>,
    watch: Option<Watch<F>>,
    position: Position,
    checkpointer: Option<Checkpointer>,
}

impl<'a, F: Real> Session<'a, F> {
    /// At the start, or where the checkpoint was, which the network then becomes. `epochs` are those in its life so far.
    ///
    /// Together with what tells other ranks whether they do the same, if there are any.
    pub(super) fn new(
        job: Job<'a, F>,
        network: &mut Network<F>,
        epochs: usize,
    ) -> Result<(Self, Option<Identity>), Error> {
        let Job { train, training, resume, .. } = job;
        let mut work = Work::new(network, training)?;
        work.team.check_rows(train.rows.len())?;
        let is_alone = work.team.is_alone();
        work.make_room(network, training.batch_size.min(train.rows.len()), train.targets.targets);
        let mut session = Session {
            job,
            work,
            watch: training.early_stopping.map(Watch::new),
            position: Position { epochs, ..Position::default() },
            checkpointer: None,
        };
        if resume.is_none() && training.checkpoints.is_none() && is_alone {
            return Ok((session, None));
        }
        let identity = Identity::new(network, &job)?;
        let mut whole = identity.clone().with("epochs", training.epochs.to_string());
        if let Some(path) = resume {
            let saved = Saved::read(path).map_err(|error| Error::Checkpoint(Box::new(error)))?;
            saved.identity().check(path, &identity)?;
            check_epochs(path, saved.position(), training.epochs)?;
            saved
                .restore(network, &mut session.work.optimizer, session.watch.as_mut())
                .map_err(|error| Error::Checkpoint(Box::new(error)))?;
            session.position = saved.position().clone();
            whole = whole.with("SHA-256 of the checkpoint", saved.checksum().to_owned());
        }
        // By which the rows are shuffled.
        whole = whole.with("epochs before", session.position.epochs.to_string());
        let checkpoints = training.checkpoints.clone().filter(|_| session.work.team.is_first());
        session.checkpointer = checkpoints.map(|checkpoints| Checkpointer::new(checkpoints, identity));
        Ok((session, (!is_alone).then_some(whole)))
    }

    /// [`Session::new`] by all ranks, who then know that they do the same, with the same parameters.
    pub(super) fn begin(job: Job<'a, F>, network: &mut Network<F>, epochs: usize) -> Result<Self, Error> {
        let team = Team::new(job.training.communicator.clone());
        let (session, whole) = team.agree(Session::new(job, network, epochs))?;
        if let Some(whole) = whole {
            team.start(&whole, network)?;
        }
        Ok(session)
    }

    /// Epoch after epoch, and then back to the best, if it is wanted; `epochs` counts those in the network's life.
    pub(super) fn run(
        &mut self,
        network: &mut Network<F>,
        epochs: &mut usize,
        callback: &mut dyn Callback<F>,
    ) -> Result<History, Error> {
        let trained = self.epochs(network, epochs, callback);
        // Also after an error.
        if let Some(watch) = &self.watch {
            watch.restore(network);
        }
        let history = trained?;
        callback.end(&history, network);
        Ok(history)
    }

    fn epochs(
        &mut self,
        network: &mut Network<F>,
        epochs: &mut usize,
        callback: &mut dyn Callback<F>,
    ) -> Result<History, Error> {
        let Job { validation, training, .. } = self.job;
        *epochs = self.position.epochs;
        let mut before = network.parameters().to_vec();
        let mut part_of_an_epoch = None;
        let ending = loop {
            if self.watch.as_ref().is_some_and(Watch::is_over) {
                break Ending::EarlyStopping;
            }
            let number = self.position.history.epochs.len() + 1;
            if number > training.epochs {
                break Ending::Epochs;
            }
            let flow = callback.epoch_begin(number, training.epochs);
            if self.work.team.meet(Ok(flow))?.is_break() {
                break Ending::Callback;
            }
            let trained = self.epoch(network, callback);
            let flow = trained.inspect_err(|_| network.parameters_mut().copy_from_slice(&before))?;
            before.copy_from_slice(network.parameters());
            let evaluate = |samples| self.work.team.evaluate(network, samples, training);
            *epochs = epochs.saturating_add(1);
            let score = validation.map(evaluate).transpose()?;
            let record = EpochRecord {
                epoch: *epochs,
                loss: self.position.sums.mean_loss(),
                accuracy: self.position.sums.accuracy(),
                validation_loss: score.map(|score| score.loss),
                validation_accuracy: score.map(|score| score.accuracy),
                learning_rate: self.work.optimizer.learning_rate(),
                seconds: self.position.seconds,
            };
            if flow.is_break() {
                // The checkpoint goes on within the epoch, so it must not know of this record.
                part_of_an_epoch = Some(record);
                if let Some(watch) = &mut self.watch {
                    watch.see(&record, network);
                }
                break Ending::Callback;
            }
            let mut history = std::mem::take(&mut self.position.history);
            history.epochs.push(record);
            let due = self.checkpointer.as_ref();
            let due = due.is_some_and(|checkpointer| checkpointer.is_due_after_epoch(history.epochs.len()));
            self.position = Position { epochs: *epochs, history, ..Position::default() };
            if let Some(watch) = &mut self.watch {
                watch.see(&record, network);
            }
            let flow = callback.epoch_end(&record, network);
            let saved = if due { self.save(network) } else { Ok(()) };
            if self.work.team.meet(saved.map(|()| flow))?.is_break() {
                break Ending::Callback;
            }
        };
        if part_of_an_epoch.is_none() {
            let saved = self.save(network);
            self.work.team.agree(saved)?;
        }
        let mut history = self.position.history.clone();
        history.epochs.extend(part_of_an_epoch);
        history.ending = Some(ending);
        history.best_epoch = self.watch.as_ref().and_then(|watch| watch.best).map(|best| best.epoch);
        Ok(history)
    }

    /// What is left of an epoch: every row once, in this epoch's order.
    fn epoch(
        &mut self,
        network: &mut Network<F>,
        callback: &mut dyn Callback<F>,
    ) -> Result<ControlFlow<()>, Error> {
        let Job { train, training, .. } = self.job;
        let number = self.position.history.epochs.len() + 1;
        self.work.shuffle(train.rows.len(), training.seed, self.position.epochs);
        let batches = train.rows.len().div_ceil(training.batch_size);
        let (start, before) = (Instant::now(), self.position.seconds);
        let mut flow = ControlFlow::Continue(());
        while self.position.batches < batches && flow.is_continue() {
            let place = (number, self.position.batches);
            self.work.step(network, train, training, place, &mut self.position.sums)?;
            self.position.batches += 1;
            self.position.seconds = before + start.elapsed().as_secs_f64();
            let wanted = callback.batch_end(&BatchRecord {
                epoch: number,
                epochs: training.epochs,
                batch: self.position.batches,
                batches,
                loss: self.position.sums.mean_loss(),
                accuracy: self.position.sums.accuracy(),
            });
            flow = self.work.team.flow_after_step(wanted);
            let steps = self.work.optimizer.steps();
            let due = self.checkpointer.as_ref();
            let due = due.is_some_and(|checkpointer| checkpointer.is_due_after_step(steps));
            // At once when interrupted: who waits for the validation may lose patience.
            if due || flow.is_break() {
                let finite = self.work.check_finite(network, training, place);
                let saved = finite.and_then(|()| self.save(network));
                self.work.team.later(saved)?;
            }
        }
        let last = self.position.batches.saturating_sub(1).min(batches - 1);
        let finite = self.work.check_finite(network, training, (number, last));
        let flow = self.work.team.meet(finite.map(|()| flow))?;
        self.work.team.check_parameters(network.parameters(), || format!("epoch {number}"))?;
        if flow.is_break() {
            // Where others asked for it after the last step; else it was done.
            let saved = self.save(network);
            self.work.team.agree(saved)?;
        }
        Ok(flow)
    }

    fn save(&mut self, network: &Network<F>) -> Result<(), Error> {
        let Session { work, watch, position, checkpointer, .. } = self;
        let Some(checkpointer) = checkpointer else { return Ok(()) };
        checkpointer.write(network, &work.optimizer, watch.as_ref(), position)
    }
}

/// Makes sure that the training is not over before it is where the checkpoint was.
fn check_epochs(path: &Path, position: &Position, epochs: usize) -> Result<(), Error> {
    let begun = position.history.epochs.len() + usize::from(position.batches > 0);
    if epochs >= begun {
        return Ok(());
    }
    Err(Error::OtherTraining {
        path: path.to_owned(),
        setting: "epochs".to_owned(),
        expected: format!("at least {begun}"),
        found: epochs.to_string(),
    })
}
