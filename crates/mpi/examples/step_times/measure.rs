use crate::{LENGTHS, Result, SHARES, WIDTHS, fastest};
use chainrule_core::{Alone, Communicator, Real, Targets};
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

#[derive(Clone, Copy)]
pub(crate) struct Step {
    /// By each rank for itself, all at once.
    pub(crate) alone: f64,
    /// With the sum.
    pub(crate) together: f64,
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
    const ROUNDS: usize = 2;
    let ranks = world.communicator();
    // As many epochs as take some tenths of a second.
    let epochs = (20_000_000 / (width * width + 784 * width) / (rows + 16) + 2).min(60);
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ranks.barrier()?;
        alone.push(seconds_per_step(world, Arc::new(Alone), width, rows, epochs)?);
        together.push(seconds_per_step(world, ranks.clone(), width, rows * ranks.size(), epochs)?);
    }
    Ok(Step { alone: fastest(alone), together: fastest(together) })
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
