use super::accuracy::Sums;
use super::checkpoint::Identity;
use super::{Samples, Score, Tally, Training};
use crate::network::BESIDE;
use crate::{Batch, Network, OptimizerState, Tape};
use chainrule_core::{Communicator, Error, Numbers, Real, WeightedTargets};
use ndarray::ArrayView2;
use sha2::{Digest, Sha256};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

/// What travels beside the gradient: what the rows sum up to, then who asks to stop, and who failed.
const STOP: usize = Sums::LEN;
const FAILED: usize = Sums::LEN + 1;
const _: () = assert!(BESIDE == FAILED + 1);

/// The ranks of a training, as one of them sees them. Alone, everything is as it comes.
///
/// Ranks meet in one order: no one may leave with an error that the others do not know, or they would wait for it. So what
/// fails on one rank between two meetings, and that it asks to stop, is told at the next.
pub(crate) struct Team {
    communicator: Arc<dyn Communicator>,
    /// What failed here since the last meeting.
    failure: Option<Error>,
    /// Whether this rank asked to stop since the last meeting.
    asks: bool,
    /// Whether any had asked at the last meeting.
    stops: bool,
}

impl Team {
    pub(crate) fn new(communicator: Arc<dyn Communicator>) -> Self {
        Team { communicator, failure: None, asks: false, stops: false }
    }

    pub(crate) fn is_alone(&self) -> bool {
        self.communicator.size() == 1
    }

    /// Whether this is the rank that writes.
    pub(super) fn is_first(&self) -> bool {
        self.communicator.rank() == 0
    }

    /// The most of `rows` rows that one rank takes.
    pub(super) fn largest_share(&self, rows: usize) -> usize {
        rows.div_ceil(self.communicator.size())
    }

    /// Makes sure that there are rows for all ranks to train on.
    pub(crate) fn check_rows(&self, rows: usize) -> Result<(), Error> {
        let ranks = self.communicator.size();
        if ranks > rows { Err(Error::MoreRanksThanRows { ranks, rows }) } else { Ok(()) }
    }

    /// This rank's part of `rows` rows: all parts together are all rows, in order, none more than one row larger than another.
    pub(crate) fn share(&self, rows: usize) -> Range<usize> {
        let (rank, size) = (self.communicator.rank(), self.communicator.size());
        let start = |rank: usize| rank * (rows / size) + rank.min(rows % size);
        start(rank)..start(rank + 1)
    }

    /// One step by all ranks, each with its part of the batch; it gives the batch's mean loss and adds what it saw to `sums`.
    pub(super) fn step<F: Real>(
        &mut self,
        network: &mut Network<F>,
        batch: Batch<F>,
        training: &Training<F>,
        (optimizer, tape): (&mut OptimizerState<F>, &mut Tape<F>),
        sums: &mut Sums,
    ) -> Result<f64, Error> {
        let share = self.share(batch.indices.len());
        let unit = unit(batch.targets, batch.indices.len());
        let mut beside = [0.0; BESIDE];
        if self.failure.is_none() {
            match sums_of_share(network, batch, share, training, (optimizer, tape)) {
                Ok(seen) => beside[..Sums::LEN].copy_from_slice(&seen.to_numbers().map(|sum| sum / unit)),
                Err(error) => self.failure = Some(error),
            }
        }
        beside[STOP] = f64::from(self.asks);
        beside[FAILED] = f64::from(self.failure.is_some());
        let sent = tape.sent_mut();
        let gradient = sent.len() - BESIDE;
        sent[gradient..].iter_mut().zip(beside).for_each(|(to, from)| *to = F::of(from));
        self.communicator.sum(F::numbers(sent))?;
        sent[gradient..].iter().zip(&mut beside).for_each(|(from, to)| *to = from.as_f64());
        if beside[FAILED] > 0.0 {
            self.agree_on_failure()?;
        }
        self.stops = beside[STOP] > 0.0;
        network.step_with_gradient(tape, optimizer);
        let seen = Sums::of_numbers(std::array::from_fn(|i| beside[i] * unit));
        let seen = seen.with_divisor(training.loss.divisor(batch.targets));
        *sums = sums.plus(seen);
        Ok(seen.mean_loss())
    }

    /// Mean loss and accuracy on validation rows that were checked, each rank with its part of the rows.
    pub(super) fn evaluate<F: Real>(
        &self,
        network: &Network<F>,
        samples: Samples<F>,
        training: &Training<F>,
    ) -> Result<Score, Error> {
        let share = self.share(samples.rows.len());
        let places = ["outputs of validation rows", "losses of validation rows"];
        let (loss, accuracy) = (&*training.loss, training.accuracy);
        let sums = network.sums_of_rows(samples, share, loss, accuracy, places, |_, _| {});
        if self.is_alone() {
            return sums.map(Score::of);
        }
        let mut numbers = self.agree(sums)?.to_numbers();
        self.communicator.sum(Numbers::Double(&mut numbers))?;
        let divisor = loss.divisor(samples.targets);
        Ok(Score::of(Sums::of_numbers(numbers).with_divisor(divisor)))
    }

    /// What to do after a step for which this rank has `own` in mind. Where there are others, it is what any of them asked for
    /// before the step: so all stop after the same one.
    pub(super) fn flow_after_step(&mut self, own: ControlFlow<()>) -> ControlFlow<()> {
        if self.is_alone() {
            return own;
        }
        self.asks |= own.is_break();
        if self.stops { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// An error is one at once alone; where there are others, at the next meeting.
    pub(super) fn later(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        match result {
            Err(error) if !self.is_alone() => {
                self.failure.get_or_insert(error);
                Ok(())
            }
            result => result,
        }
    }

    /// A meeting outside a step: whether any rank failed or asks to stop.
    pub(super) fn meet(&mut self, own: Result<ControlFlow<()>, Error>) -> Result<ControlFlow<()>, Error> {
        if self.is_alone() {
            return own;
        }
        let own = self.failure.take().map_or(own, Err);
        let asks = self.agree(own)?.is_break() || self.asks;
        self.asks = false;
        let stops = self.communicator.first(asks)?.is_some();
        Ok(if stops { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }

    /// The result, if no rank has an error: this rank's own, or else that another has one.
    pub(crate) fn agree<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if self.is_alone() {
            return result;
        }
        let words = result.as_ref().err().map(in_words);
        match self.communicator.first_failure(words.as_deref())? {
            Some((rank, message)) if result.is_ok() => Err(Error::OtherRank { rank, message }),
            _ => result,
        }
    }

    /// xᵢ ← Σ over the ranks of xᵢ, which this one may have failed to come to; then all have an error. One meeting where none failed.
    pub(crate) fn sum(&self, own: Result<Vec<f64>, Error>, len: usize) -> Result<Vec<f64>, Error> {
        if self.is_alone() {
            return own;
        }
        let (mut numbers, own) = match own {
            Ok(numbers) => (numbers, Ok(())),
            Err(error) => (vec![0.0; len], Err(error)),
        };
        numbers.push(f64::from(own.is_err()));
        self.communicator.sum(Numbers::Double(&mut numbers))?;
        if numbers.pop() > Some(0.0) {
            self.agree(own)?;
        }
        Ok(numbers)
    }

    /// This rank's own, if every rank has one.
    pub(crate) fn if_all_have<T>(&self, own: Option<T>) -> Result<Option<T>, Error> {
        if self.is_alone() {
            return Ok(own);
        }
        let lacks = self.communicator.first(own.is_none())?;
        Ok(own.filter(|_| lacks.is_none()))
    }

    /// numbers ← rank 0's: also of what each rank computes alike, but by LAPACK, whose last bits depend on the processor.
    pub(crate) fn take_first<F: Real>(&self, numbers: &mut [F]) -> Result<(), Error> {
        /// Numbers that are sent at a time.
        const CHUNK: usize = 1 << 16;
        if self.is_alone() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        for numbers in numbers.chunks_mut(CHUNK) {
            bytes.clear();
            numbers.iter().for_each(|number| number.write_le(&mut bytes));
            self.communicator.broadcast(0, &mut bytes)?;
            numbers
                .iter_mut()
                .zip(bytes.chunks_exact(F::BYTES))
                .for_each(|(to, from)| *to = F::read_le(from));
        }
        Ok(())
    }

    /// Whether this rank or any other wants to stop.
    pub(crate) fn any_stops(&self, own: ControlFlow<()>) -> Result<bool, Error> {
        if self.is_alone() {
            Ok(own.is_break())
        } else {
            Ok(self.communicator.first(own.is_break())?.is_some())
        }
    }

    fn agree_on_failure(&mut self) -> Result<(), Error> {
        let failure = self.failure.take().map_or(Ok(()), Err);
        self.agree(failure)
    }

    /// Makes sure that all ranks do the same, and that their parameters start as rank 0's.
    pub(crate) fn start<F: Real>(&self, own: &Identity, network: &mut Network<F>) -> Result<(), Error> {
        let of_first = self.communicator.broadcast_bytes(0, &own.to_bytes())?;
        let difference = Identity::of_bytes(&of_first).first_difference(own);
        self.agree(difference.map_or(Ok(()), |(setting, expected, found)| {
            Err(Error::OtherOnRank { setting, expected, found })
        }))?;
        self.take_first(network.parameters_mut())
    }

    /// Makes sure that all ranks have the same parameters after what `place` says, such as `"epoch 3"`.
    pub(crate) fn check_parameters<F: Real>(
        &self,
        parameters: &[F],
        place: impl FnOnce() -> String,
    ) -> Result<(), Error> {
        if self.is_alone() {
            return Ok(());
        }
        let (mut hash, mut bytes) = (Sha256::new(), Vec::new());
        for numbers in parameters.chunks(1 << 10) {
            bytes.clear();
            numbers.iter().for_each(|number| number.write_le(&mut bytes));
            hash.update(&bytes);
        }
        let own: [u8; 32] = hash.finalize().into();
        let mut of_first = own;
        self.communicator.broadcast(0, &mut of_first)?;
        match self.communicator.first(own != of_first)? {
            Some(rank) => Err(Error::RanksDrifted { place: place(), rank }),
            None => Ok(()),
        }
    }
}

/// A power of two about the weight of a batch of `rows` rows: by it, sums fit in any number type, and rounding is as it was.
fn unit<F: Real>(targets: WeightedTargets<F>, rows: usize) -> f64 {
    let weight: f64 = (0..rows).map(|row| targets.weight(row).as_f64()).sum();
    // By its exponent alone, which is the same on all machines, whatever their logarithm.
    const EXPONENT: u64 = 0x7FF << 52;
    if weight.is_normal() { f64::from_bits(weight.to_bits() & EXPONENT) } else { 1.0 }
}

/// What the rows `share` of a batch sum up to; their gradient is left on the tape.
fn sums_of_share<F: Real>(
    network: &Network<F>,
    batch: Batch<F>,
    share: Range<usize>,
    training: &Training<F>,
    (optimizer, tape): (&OptimizerState<F>, &mut Tape<F>),
) -> Result<Sums, Error> {
    let loss = &*training.loss;
    let mut tally = Tally::of_network(network, loss, training.accuracy);
    let targets = batch.targets.rows(share.clone());
    let seen = |rows, loss_sum, outputs: ArrayView2<F>| tally.add(loss_sum, outputs, targets.rows(rows));
    network.gradient_of_share(batch, share, loss, optimizer, tape, seen)?;
    Ok(tally.sums)
}

/// An error and its causes, in a line.
fn in_words(error: &Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    words
}
