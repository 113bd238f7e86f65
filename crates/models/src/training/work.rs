use super::accuracy::Sums;
use super::team::Team;
use super::{Samples, Tally, Training};
use crate::network::{NotFinite, chunk_room};
use crate::{Batch, Network, OptimizerState, Tape};
use chainrule_core::{Error, OwnedTargets, Purpose, Random, Real, Targets, WeightedTargets};
use ndarray::ArrayView2;

/// All that training allocates.
pub(super) struct Work<F: Real> {
    pub(super) optimizer: OptimizerState<F>,
    tape: Tape<F>,
    /// Who trains together.
    pub(super) team: Team,
    /// The rows of a pass, in its order.
    pub(super) order: Vec<usize>,
    targets: OwnedTargets<F>,
    weights: Vec<F>,
}

impl<F: Real> Work<F> {
    /// Without room for a batch yet.
    pub(super) fn new(network: &Network<F>, training: &Training<F>) -> Result<Self, Error> {
        let optimizer = OptimizerState::new(training.optimizer.clone(), network)?;
        let optimizer = optimizer.with_schedule(training.schedule.clone())?;
        Ok(Work {
            optimizer: match training.clipping {
                None => optimizer,
                Some(clipping) => optimizer.with_clipping(clipping)?,
            },
            tape: network.tape(0),
            team: Team::new(training.communicator.clone()),
            order: Vec::new(),
            targets: OwnedTargets::Classes(Vec::new()),
            weights: Vec::new(),
        })
    }

    /// Makes room for batches of up to `rows` rows, or this rank's share of them, with targets like `targets`.
    pub(super) fn make_room(&mut self, network: &Network<F>, rows: usize, targets: Targets<F>) {
        let room = chunk_room(self.team.largest_share(rows));
        if self.tape.capacity() < room {
            self.tape = network.tape(room);
        }
        self.targets = OwnedTargets::with_capacity(targets, rows);
        self.weights.reserve(rows);
    }

    /// All of `rows` rows in the order of epoch number `epoch`, from 0.
    pub(super) fn shuffle(&mut self, rows: usize, seed: u64, epoch: usize) {
        self.order.clear();
        self.order.extend(0..rows);
        Random::new(seed, Purpose::Shuffle, epoch).shuffle(&mut self.order);
    }

    /// One step, by batch number `batch` of the order, from 0, in epoch `epoch`, from 1; what it saw is added to `sums`.
    pub(super) fn step(
        &mut self,
        network: &mut Network<F>,
        train: Samples<F>,
        training: &Training<F>,
        (epoch, batch): (usize, usize),
        sums: &mut Sums,
    ) -> Result<(), Error> {
        let first = batch * training.batch_size;
        let last = self.order.len().min(first + training.batch_size);
        let indices = &self.order[first..last];
        let targets = self.targets.gather(train.targets.targets, indices);
        let weights = train.targets.weights.map(|weights| {
            self.weights.clear();
            self.weights.extend(indices.iter().map(|&index| weights[index]));
            &*self.weights
        });
        let targets = WeightedTargets { targets, weights };
        let loss = &*training.loss;
        let stepped = Batch { rows: train.rows, indices, targets };
        if !self.team.is_alone() {
            let step = (&mut self.optimizer, &mut self.tape);
            let mean = self.team.step(network, stepped, training, step, sums)?;
            if !mean.is_finite() {
                return Err(self.diverged(network, training, (epoch, batch), mean));
            }
            return Ok(());
        }
        let mut tally = Tally::of_network(network, loss, training.accuracy);
        let seen = |rows, loss_sum, outputs: ArrayView2<F>| tally.add(loss_sum, outputs, targets.rows(rows));
        let mean = network.train_step_seen(stepped, loss, &mut self.optimizer, &mut self.tape, seen)?;
        if !mean.is_finite() {
            return Err(self.diverged(network, training, (epoch, batch), mean.as_f64()));
        }
        *sums = sums.plus(tally.sums.with_divisor(loss.divisor(targets)));
        Ok(())
    }

    /// Makes sure that batch number `batch` left finite parameters: its loss tells of those before the step.
    pub(super) fn check_finite(
        &self,
        network: &Network<F>,
        training: &Training<F>,
        (epoch, batch): (usize, usize),
    ) -> Result<(), Error> {
        match network.parameters().iter().find(|parameter| !parameter.is_finite()) {
            None => Ok(()),
            Some(parameter) => Err(self.diverged(network, training, (epoch, batch), parameter.as_f64())),
        }
    }

    /// That the last step was not finite, and where that began; at the loss, which was `loss`, if nowhere else.
    fn diverged(
        &self,
        network: &Network<F>,
        training: &Training<F>,
        (epoch, batch): (usize, usize),
        loss: f64,
    ) -> Error {
        let rows = self.order.len().min((batch + 1) * training.batch_size) - batch * training.batch_size;
        let rows = self.team.share(rows).len();
        let last = NotFinite { layer: network.layers().len() - 1, what: "loss", value: loss };
        let found = network.first_not_finite(&self.tape, rows, &*training.loss).unwrap_or(last);
        let NotFinite { layer, what, value } = found;
        let name = network.layers().nth(layer).map_or("", |layer| layer.name());
        Error::Diverged { epoch, batch: batch + 1, layer, name, what, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_batch_takes_the_room_of_a_chunk() {
        let network = Network::<f32>::builder(3).dense(2).build().expect("a network");
        let mut work = Work::new(&network, &Training::default()).expect("good settings");
        for (rows, expected) in [(100, 100), (1_000_000, 512)] {
            let labels = vec![0; rows];
            work.make_room(&network, rows, Targets::Classes(&labels));
            assert_eq!(work.tape.capacity(), expected);
        }
    }
}
