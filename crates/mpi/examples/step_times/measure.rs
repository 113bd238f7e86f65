use crate::{LENGTHS, Result, SHARES, WIDTHS, fastest};
use chainrule_core::{Alone, Communicator, Numbers, Real, Targets};
use chainrule_models::{Network, Samples, SoftmaxCrossEntropy, Training};
use chainrule_mpi::World;
use ndarray::Array2;
use std::sync::Arc;
use std::time::Instant;

/// Times in seconds, on rank 0.
pub(crate) struct Measured {
    /// Of each of the lengths.
    pub(crate) sums: Vec<f64>,
    /// Of each of the widths, of each of the shares.
    pub(crate) steps: Vec<Vec<Step>>,
}

/// All ranks at once, with as many rows each.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    /// As one process trains: each block of parameters steps while its gradient is in the cache.
    pub(crate) alone: f64,
    /// As a rank trains, but for the sum.
    pub(crate) compute: f64,
    /// As a rank trains.
    pub(crate) together: f64,
}

/// As many ranks, who send nothing.
#[derive(Debug)]
struct Silent(Arc<dyn Communicator>);

impl Communicator for Silent {
    fn rank(&self) -> usize {
        self.0.rank()
    }
    fn size(&self) -> usize {
        self.0.size()
    }
    fn sum(&self, _numbers: Numbers) -> Result<()> {
        Ok(())
    }
    fn broadcast(&self, _root: usize, _bytes: &mut [u8]) -> Result<()> {
        Ok(())
    }
    fn barrier(&self) -> Result<()> {
        Ok(())
    }
    fn broadcast_bytes(&self, _root: usize, bytes: &[u8]) -> Result<Vec<u8>> {
        Ok(bytes.to_vec())
    }
}

pub(crate) fn all(world: &World) -> Result<Measured> {
    let sums = LENGTHS.iter().map(|&length| sum(&*world.communicator(), length)).collect::<Result<_>>()?;
    let steps = WIDTHS.iter().map(|&width| SHARES.iter().map(|&rows| step(world, width, rows)).collect());
    Ok(Measured { sums, steps: steps.collect::<Result<_>>()? })
}

fn sum(ranks: &dyn Communicator, length: usize) -> Result<f64> {
    let mut numbers = vec![1.0_f32; length];
    let rounds = (20_000_000 / (length + 10_000)).clamp(5, 1000);
    let mut seconds = Vec::new();
    for _ in 0..rounds {
        numbers.fill(1.0);
        ranks.barrier()?;
        let start = Instant::now();
        ranks.sum(f32::numbers(&mut numbers))?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(fastest(seconds))
}

/// A step of a network of this width, with so many rows for each rank.
fn step(world: &World, width: usize, rows: usize) -> Result<Step> {
    const ROUNDS: usize = 3;
    let ranks = world.communicator();
    // As many epochs as take some tenths of a second.
    let epochs = (20_000_000 / (width * width + 784 * width) / (rows + 16) + 2).min(60);
    let all_rows = rows * ranks.size();
    let (mut alone, mut compute, mut together) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ranks.barrier()?;
        alone.push(seconds_per_step(world, Arc::new(Alone), width, rows, epochs)?);
        ranks.barrier()?;
        compute.push(seconds_per_step(world, Arc::new(Silent(ranks.clone())), width, all_rows, epochs)?);
        ranks.barrier()?;
        together.push(seconds_per_step(world, ranks.clone(), width, all_rows, epochs)?);
    }
    Ok(Step { alone: fastest(alone), compute: fastest(compute), together: fastest(together) })
}

fn seconds_per_step(
    world: &World,
    communicator: Arc<dyn Communicator>,
    width: usize,
    batch_size: usize,
    epochs: usize,
) -> Result<f64> {
    /// What happens between epochs should not be felt.
    const STEPS_PER_EPOCH: usize = 8;
    let rows = STEPS_PER_EPOCH * batch_size;
    let x = Array2::from_shape_fn((rows, 784), |(i, j)| ((31 * i + 17 * j) % 97) as f32 / 48.0 - 1.0);
    let labels: Vec<usize> = (0..rows).map(|row| row % 10).collect();
    let mut network = Network::builder(784).dense(width).relu().dense(width).relu().dense(10).build()?;
    let training = Training {
        epochs,
        batch_size,
        loss: Arc::new(SoftmaxCrossEntropy::new()),
        threads: world.threads(),
        communicator,
        ..Training::default()
    };
    let history = network.fit(Samples::new(&x, Targets::Classes(&labels)), &training)?;
    let seconds = history.epochs.iter().map(|epoch| epoch.seconds / STEPS_PER_EPOCH as f64);
    Ok(fastest(seconds.collect()))
}
