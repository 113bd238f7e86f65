use super::{BatchRecord, Callback, Samples, Tally, Training};
use crate::{Batch, Network, OptimizerState, Tape};
use chainrule_core::{Error, OwnedTargets, Purpose, Random, Real, WeightedTargets};
use std::ops::ControlFlow;

/// All that training allocates.
pub(super) struct Work<F> {
    pub(super) optimizer: OptimizerState<F>,
    tape: Tape<F>,
    order: Vec<usize>,
    targets: OwnedTargets<F>,
    weights: Vec<F>,
}

/// Mean loss and accuracy of the rows of an epoch so far.
#[derive(Clone, Copy)]
pub(super) struct Means {
    pub(super) loss: f64,
    pub(super) accuracy: f64,
}

/// Which epoch it is.
#[derive(Clone, Copy)]
pub(super) struct Epoch {
    /// Of this training, from 1.
    pub(super) number: usize,
    /// Of all that the network trained, from 0: the index of the order of its rows.
    pub(super) shuffle: usize,
}

impl<F: Real> Work<F> {
    pub(super) fn new(
        network: &Network<F>,
        train: Samples<F>,
        training: &Training<F>,
    ) -> Result<Self, Error> {
        let batch_size = training.batch_size.min(train.rows.len());
        let optimizer = OptimizerState::new(training.optimizer.clone(), network)?;
        let optimizer = optimizer.with_schedule(training.schedule.clone())?;
        Ok(Work {
            optimizer: match training.clipping {
                None => optimizer,
                Some(clipping) => optimizer.with_clipping(clipping)?,
            },
            tape: network.tape(batch_size),
            order: Vec::with_capacity(train.rows.len()),
            targets: OwnedTargets::with_capacity(train.targets.targets, batch_size),
            weights: Vec::with_capacity(batch_size),
        })
    }

    /// One epoch: every row once, in this epoch's order.
    pub(super) fn epoch(
        &mut self,
        network: &mut Network<F>,
        train: Samples<F>,
        training: &Training<F>,
        Epoch { number: epoch, shuffle }: Epoch,
        callback: &mut dyn Callback<F>,
    ) -> Result<(Means, ControlFlow<()>), Error> {
        self.order.clear();
        self.order.extend(0..train.rows.len());
        Random::new(training.seed, Purpose::Shuffle, shuffle).shuffle(&mut self.order);

        let loss = &*training.loss;
        let fused = network.split_head(loss).0 < network.layers().len();
        let mut tally = Tally::new(loss, training.accuracy, network.head().filter(|_| fused));
        let batches = self.order.len().div_ceil(training.batch_size);
        let mut flow = ControlFlow::Continue(());
        let mut means = Means { loss: 0.0, accuracy: 0.0 };
        for (number, indices) in self.order.chunks(training.batch_size).enumerate() {
            let targets = self.targets.gather(train.targets.targets, indices);
            let weights = train.targets.weights.map(|weights| {
                self.weights.clear();
                self.weights.extend(indices.iter().map(|&index| weights[index]));
                &*self.weights
            });
            let targets = WeightedTargets { targets, weights };
            let batch = Batch { rows: train.rows, indices, targets };
            let mean = network.train_step(batch, loss, &mut self.optimizer, &mut self.tape)?.as_f64();
            if !mean.is_finite() {
                return Err(Error::Diverged { epoch, batch: number + 1, loss: mean });
            }
            let outputs = network.last_outputs(&self.tape, indices.len(), loss);
            tally.add(mean * loss.divisor(targets), outputs, targets);
            means = Means { loss: tally.mean_loss(), accuracy: tally.accuracy() };
            let Means { loss, accuracy } = means;
            let (batch, epochs) = (number + 1, training.epochs);
            flow = callback.batch_end(&BatchRecord { epoch, epochs, batch, batches, loss, accuracy });
            if flow.is_break() {
                break;
            }
        }
        // The loss tells of the parameters before a step; the last step is seen here.
        if let Some(parameter) = network.parameters().iter().find(|parameter| !parameter.is_finite()) {
            return Err(Error::Diverged { epoch, batch: batches, loss: parameter.as_f64() });
        }
        Ok((means, flow))
    }
}
