//! What a step costs on several ranks, as Markdown: the time of the computing, of the sum, and of both; a model of each, fitted to that;
//! and, by the model, the batch from which on p machines are at least p/2 times as fast as one, on other networks.
//!
//! ```sh
//! cargo build --release --package chainrule-mpi --example step_times
//! mpirun -n 2 --bind-to none target/release/examples/step_times
//! ```

mod measure;
mod model;

use chainrule_core::Error;
use chainrule_mpi::World;
use measure::{Measured, Step};
use model::{Compute, Network, Sum};

/// Widths of the two hidden layers; 784 inputs, 10 classes.
const WIDTHS: [usize; 3] = [128, 512, 1024];

/// Rows of a rank's share of a batch.
const SHARES: [usize; 4] = [8, 32, 128, 512];

/// Numbers that are summed.
const LENGTHS: [usize; 8] = [1, 256, 4096, 65_536, 262_144, 1_048_576, 2_097_152, 8_388_608];

/// Ranks that the model is asked about.
const RANKS: [usize; 8] = [8, 16, 32, 64, 128, 256, 512, 1024];

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    World::run(|world| {
        let measured = measure::all(world)?;
        let ranks = world.communicator();
        if ranks.rank() == 0 {
            report(&measured, ranks.size(), world.threads());
        }
        Ok(())
    })
}

fn report(measured: &Measured, ranks: usize, threads: usize) {
    println!("{ranks} ranks of {threads} threads on this machine, f32; the fastest of several, in µs.\n");
    println!("| numbers that all ranks sum | measured | model |\n|---|---|---|");
    let here = Sum::fit(ranks, &measured.sums);
    let model = |numbers: usize| here.map_or(0.0, |sum| sum.seconds(ranks, numbers));
    for (&length, seconds) in LENGTHS.iter().zip(&measured.sums) {
        println!("| {length} | {} | {} |", micros(*seconds), micros(model(length)));
    }
    if let Some(Sum { latency, bandwidth }) = here {
        println!("\nModel: latency {:.2} µs, bandwidth {:.2} GB/s.", latency * 1e6, bandwidth / 1e9);
    }

    println!("\nA step of 784 → w → w → 10 with Adam, by the rows of a rank's share:\n");
    println!(
        "| w | parameters | rows | one process | a rank's compute | model | with the sum | the sum | model |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut computes = Vec::new();
    for (&width, of_width) in WIDTHS.iter().zip(&measured.steps) {
        let fit = |seconds: fn(&Step) -> f64| {
            Compute::fit(&SHARES, &of_width.iter().map(seconds).collect::<Vec<_>>())
        };
        let (alone, compute) = (fit(|step| step.alone), fit(|step| step.compute));
        for (&rows, step) in SHARES.iter().zip(of_width) {
            println!(
                "| {width} | {} | {rows} | {} | {} | {} | {} | {} | {} |",
                parameters(width),
                micros(step.alone),
                micros(step.compute),
                micros(compute.seconds(rows as f64)),
                micros(step.together),
                micros(step.together - step.compute),
                micros(model(parameters(width)))
            );
        }
        computes.push((alone, compute));
    }
    println!("\nModel of the compute:\n\n| w | one process | a rank |\n|---|---|---|");
    for (width, (alone, compute)) in WIDTHS.iter().zip(&computes) {
        println!("| {width} | {alone} | {compute} |");
    }

    for network in [Network::TEN, Network::HUNDRED] {
        for faster in [1.0, 32.0] {
            predict(&network, &computes, faster);
        }
    }
}

/// What the model says of machines that compute `faster` times as fast as a rank here.
fn predict(Network { name, sum }: &Network, computes: &[(Compute, Compute)], faster: f64) {
    let Sum { latency, bandwidth } = sum;
    println!(
        "\n{name} (taken for it: latency {:.0} µs, bandwidth {:.2} GB/s), p machines, each {faster} times as fast as a rank here:\n",
        latency * 1e6,
        bandwidth / 1e9
    );
    print!("| p |");
    for width in WIDTHS {
        print!(" w {width}: batch from which | rows each | gain at 256 each |");
    }
    println!("\n|---|{}", "---|".repeat(3 * WIDTHS.len()));
    for ranks in RANKS {
        print!("| {ranks} |");
        for (&width, (alone, compute)) in WIDTHS.iter().zip(computes) {
            let gain = |rows: f64| {
                let one = alone.seconds(rows * ranks as f64) / faster;
                one / (compute.seconds(rows) / faster + sum.seconds(ranks, parameters(width)))
            };
            // The gain grows with the rows, and in the end to p.
            let rows = (1..).find(|&rows| gain(f64::from(rows)) >= ranks as f64 / 2.0).unwrap_or(0);
            print!(" {} | {rows} | {:.1} |", rows as usize * ranks, gain(256.0));
        }
        println!();
    }
}

fn parameters(width: usize) -> usize {
    784 * width + width + width * width + width + width * 10 + 10
}

fn micros(seconds: f64) -> String {
    format!("{:.1}", seconds * 1e6)
}

/// The least: what else a machine does only adds to a time.
fn fastest(seconds: Vec<f64>) -> f64 {
    seconds.into_iter().fold(f64::INFINITY, f64::min)
}

/// What measuring can fail with.
type Result<T> = std::result::Result<T, Error>;
