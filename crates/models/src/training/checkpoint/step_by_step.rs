use super::{Identity, Position, Saved, file};
use crate::model_file::{ModelFileError, check_numbers};
use crate::training::Trainer;
use crate::{Network, OptimizerState};
use chainrule_core::{Error, Real};
use std::path::Path;

impl<F: Real> OptimizerState<F> {
    /// Keeps a training step by step in a file: the parameters of `network`, the moments and how many steps were taken.
    ///
    /// The file is written beside its place, synced and renamed, so that at any moment it is a whole one.
    ///
    /// ```
    /// use chainrule_core::{Error, Targets};
    /// use chainrule_models::{Adam, CategoricalCrossEntropy, Network, OptimizerState};
    ///
    /// let x = ndarray::array![[0.0_f32, 1.0], [1.0, 0.0], [0.5, 1.0]];
    /// let train = |network: &mut Network<f32>, optimizer: &mut OptimizerState<f32>, steps| -> Result<(), Error> {
    ///     let mut tape = network.tape(3);
    ///     for _ in 0..steps {
    ///         let pass = network.forward_training(x.view(), optimizer.steps(), &mut tape)?;
    ///         let (_, gradient) = pass.backward(&CategoricalCrossEntropy::new(), Targets::Classes(&[0, 1, 0]))?;
    ///         optimizer.step(network.parameters_mut(), gradient)?;
    ///     }
    ///     Ok(())
    /// };
    /// let begin = || -> Result<_, Error> {
    ///     let network = Network::builder(2).dense(8).relu().dense(2).softmax().build()?;
    ///     let optimizer = OptimizerState::new(Adam::default(), &network)?;
    ///     Ok((network, optimizer))
    /// };
    /// let directory = tempfile::tempdir().unwrap();
    /// let path = directory.path().join("steps.safetensors");
    ///
    /// let (mut network, mut optimizer) = begin()?;
    /// train(&mut network, &mut optimizer, 10)?;
    /// optimizer.save(&path, &network)?;
    /// train(&mut network, &mut optimizer, 10)?;
    ///
    /// // Gone on from the file, it is as if it had never stopped.
    /// let (mut resumed, mut optimizer) = begin()?;
    /// optimizer.load(&path, &mut resumed)?;
    /// train(&mut resumed, &mut optimizer, 10)?;
    /// assert_eq!(resumed.parameters(), network.parameters());
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Length`] if the state is of another network, and [`Error::Checkpoint`] with a [`ModelFileError`]: for a parameter or a
    /// moment that is not finite, and then nothing is written, and for a file that cannot be written.
    pub fn save(&self, path: impl AsRef<Path>, network: &Network<F>) -> Result<(), Error> {
        write(path.as_ref(), &Identity::of_steps(network, self), network, self, &Position::default())
    }

    /// Goes on from where [`OptimizerState::save`] was: with its moments and its number of steps, and `network` with its parameters. Rule,
    /// schedule, clipping and layers must be the same as then.
    ///
    /// # Errors
    /// [`Error::Length`] if the state is of another network, [`Error::OtherTraining`] names the first thing that is not the same as then, and
    /// [`Error::Checkpoint`] says what is wrong with the file. Nothing has then changed.
    pub fn load(&mut self, path: impl AsRef<Path>, network: &mut Network<F>) -> Result<(), Error> {
        let identity = Identity::of_steps(network, self);
        read(path.as_ref(), &identity, network, self).map(drop)
    }
}

impl<F: Real> Trainer<F> {
    /// [`OptimizerState::save`] for rows that come in portions. Where several processes train together, one of them writes the file and all
    /// read it.
    ///
    /// # Errors
    /// As [`OptimizerState::save`].
    pub fn save(&self, path: impl AsRef<Path>, network: &Network<F>) -> Result<(), Error> {
        let position = Position { epochs: self.portions, ..Position::default() };
        write(path.as_ref(), &self.identity(network), network, &self.work.optimizer, &position)
    }

    /// [`OptimizerState::load`] for rows that come in portions. Batch size, loss and class weights must be the same as then, too.
    ///
    /// # Errors
    /// As [`OptimizerState::load`].
    pub fn load(&mut self, path: impl AsRef<Path>, network: &mut Network<F>) -> Result<(), Error> {
        let identity = self.identity(network);
        self.portions = read(path.as_ref(), &identity, network, &mut self.work.optimizer)?.epochs;
        Ok(())
    }

    fn identity(&self, network: &Network<F>) -> Identity {
        Identity::of_steps(network, &self.work.optimizer)
            .with("batch_size", self.training.batch_size.to_string())
            .with("loss", format!("{:?}", self.training.loss))
    }
}

fn write<F: Real>(
    path: &Path,
    identity: &Identity,
    network: &Network<F>,
    optimizer: &OptimizerState<F>,
    position: &Position,
) -> Result<(), Error> {
    optimizer.check(network.parameters().len())?;
    let numbers = file::MOMENTS.into_iter().zip(optimizer.moments());
    let mut numbers = [(file::PARAMETERS, network.parameters())].into_iter().chain(numbers);
    numbers
        .try_for_each(|(name, numbers)| check_numbers(path, name, numbers))
        .and_then(|()| file::write(path, identity, network, optimizer, None, position))
        .map_err(checkpoint)
}

fn read<F: Real>(
    path: &Path,
    identity: &Identity,
    network: &mut Network<F>,
    optimizer: &mut OptimizerState<F>,
) -> Result<Position, Error> {
    optimizer.check(network.parameters().len())?;
    let saved = Saved::read(path).map_err(checkpoint)?;
    saved.identity().check(path, identity)?;
    saved.restore(network, optimizer, None).map_err(checkpoint)?;
    Ok(saved.position().clone())
}

fn checkpoint(error: ModelFileError) -> Error {
    Error::Checkpoint(Box::new(error))
}
