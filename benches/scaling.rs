//! How the cost of training grows: one quantity at a time is varied around 784-128-128-10, batch 128, Adam, 8,192 rows of bytes.
//! Time per sample on all threads, in f32 and f64, and the peak of the resident memory against the samples.
//!
//! `make scaling`, or `cargo bench --bench scaling`, prints Markdown tables in about a minute.

use chainrule::core::{Purpose, Random, Real};
use chainrule::data::Description;
use chainrule::models::Progress;
use chainrule::prelude::*;
use std::fs;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

type Anything = Result<(), Box<dyn std::error::Error>>;

const INPUTS: usize = 784;

#[derive(Clone, Copy)]
struct Case {
    samples: usize,
    batch: usize,
    width: usize,
    layers: usize,
    classes: usize,
}

const BASE: Case = Case { samples: 8192, batch: 128, width: 128, layers: 2, classes: 10 };

impl Case {
    fn widths(&self) -> Vec<usize> {
        let mut widths = vec![self.width; self.layers + 2];
        (widths[0], widths[self.layers + 1]) = (INPUTS, self.classes);
        widths
    }

    /// Of a sample: a product and a sum for each weight, forward, for the weights' gradient, and (but in the first layer) back.
    fn operations(&self) -> usize {
        let weights: usize = self.widths().windows(2).map(|pair| pair[0] * pair[1]).sum();
        6 * weights - 2 * INPUTS * self.width
    }

    /// Images of random bytes.
    fn data(&self) -> Result<DataSet, chainrule::data::Error> {
        let random = Random::new(0, Purpose::Generate, 0);
        // At its full size at once, as memory is measured.
        let mut bytes = Vec::with_capacity(self.samples * INPUTS);
        (0..(self.samples * INPUTS / 16) as u64)
            .for_each(|i| random.words(i).map(u32::to_le_bytes).iter().for_each(|word| bytes.extend(word)));
        let description = Description {
            name: "random".into(),
            class_names: (0..self.classes).map(|class| class.to_string()).collect(),
            scaling: Scaling::from_range(0.0, 255.0)?,
            image_shape: None,
        };
        DataSet::from_bytes(description, bytes, INPUTS, (0..self.samples).map(|i| i % self.classes).collect())
    }

    /// The median time that a sample takes in an epoch, in seconds; the first epoch warms up.
    fn seconds_per_sample<F: Real>(&self, data: &DataSet) -> Result<f64, Error> {
        let mut builder = Network::<F>::builder(INPUTS);
        for _ in 0..self.layers {
            builder = builder.dense(self.width).relu();
        }
        let mut network = builder.dense(self.classes).softmax().build()?;
        let rows = data.scaling().of(data);
        let training = Training { epochs: 10_000, batch_size: self.batch, ..Training::default() };
        let (start, mut seconds) = (Instant::now(), Vec::new());
        network.fit_with(Samples::new(&rows, data.targets()), None, &training, &mut |news: Progress| {
            let Progress::Epoch(epoch) = news else { return ControlFlow::Continue(()) };
            seconds.push(epoch.seconds);
            let enough = seconds.len() > 3 && start.elapsed() > Duration::from_millis(600);
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        seconds.remove(0);
        seconds.sort_by(f64::total_cmp);
        Ok(seconds[seconds.len() / 2] / self.samples as f64)
    }
}

/// A table of the cases that `values` make.
fn table(what: &str, values: &[usize], case: impl Fn(usize) -> Case) -> Anything {
    println!("| {what} | f32, µs a sample | GFLOP/s | f64, µs a sample | GFLOP/s |\n|---|---|---|---|---|");
    for &value in values {
        let case = case(value);
        let data = case.data()?;
        let row =
            [case.seconds_per_sample::<f32>(&data)?, case.seconds_per_sample::<f64>(&data)?].map(|seconds| {
                format!("{:.2} | {:.0}", seconds * 1e6, 1e-9 * case.operations() as f64 / seconds)
            });
        println!("| {value} | {} |", row.join(" | "));
    }
    println!();
    Ok(())
}

/// Peak of the resident memory, in bytes; `None` where there is no /proc.
fn peak_memory() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? * 1024.0)
}

/// Before the other tables, and from few samples to many, so that each peak is that of its own row.
fn memory(samples: &[usize]) -> Anything {
    println!("| samples | peak memory, MB |\n|---|---|");
    let mut peaks = Vec::new();
    for &samples in samples {
        let case = Case { samples, ..BASE };
        case.seconds_per_sample::<f32>(&case.data()?)?;
        let Some(peak) = peak_memory() else { break };
        println!("| {samples} | {:.1} |", peak / 1e6);
        peaks.push(peak);
    }
    if let [first, .., last] = peaks[..] {
        let slope = (last - first) / (samples[peaks.len() - 1] - samples[0]) as f64;
        println!(
            "\nBytes for each further sample: {slope:.0}. A row is {INPUTS}, its label and its place in the order 8 each."
        );
    }
    println!();
    Ok(())
}

fn main() -> Anything {
    memory(&[1_000, 4_000, 16_000, 60_000])?;
    table("samples", &[1_000, 4_000, 16_000, 60_000], |samples| Case { samples, ..BASE })?;
    table("batch", &[16, 32, 64, 128, 256, 1024, 4096], |batch| Case { batch, ..BASE })?;
    table("hidden width", &[16, 64, 100, 128, 256, 512, 1024, 2048], |width| Case {
        width,
        samples: 4096,
        ..BASE
    })?;
    table("hidden layers", &[1, 2, 3, 4, 6], |layers| Case { layers, ..BASE })?;
    table("classes", &[2, 10, 100, 300, 1000], |classes| Case { classes, ..BASE })
}
