//! What a step costs on several ranks: the time of the computing, of the sum, and of both; a model of each, fitted to that; and from
//! which batch on more machines pay, by the model, on other networks.
//!
//! ```sh
//! cargo build --release --package chainrule-mpi --example step_times
//! mpirun -n 2 --bind-to none target/release/examples/step_times
//! ```

mod measure;
mod model;

use chainrule_core::Error;
use chainrule_mpi::World;
use measure::Measured;
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
    println!("{ranks} ranks of {threads} threads on this machine, f32; the fastest of several, in µs\n");
    println!("the sum of n numbers by all ranks");
    println!("{:>10} {:>10} {:>10}", "n", "measured", "model");
    let here = Sum::fit(ranks, &measured.sums);
    for (&length, seconds) in LENGTHS.iter().zip(&measured.sums) {
        let model = here.map_or_else(|| "-".to_owned(), |sum| micros(sum.seconds(ranks, length)));
        println!("{length:>10} {:>10} {model:>10}", micros(*seconds));
    }
    if let Some(Sum { latency, bandwidth }) = here {
        println!("model: latency {:.1} µs, bandwidth {:.2} GB/s", latency * 1e6, bandwidth / 1e9);
    }

    println!("\na step of a network 784 → w → w → 10 with Adam, by rows in a rank's share");
    println!(
        "{:>6} {:>11} {:>6} {:>10} {:>10} {:>10} {:>10}",
        "w", "parameters", "rows", "alone", "model", "together", "model"
    );
    let mut computes = Vec::new();
    for (&width, of_width) in WIDTHS.iter().zip(&measured.steps) {
        let alone: Vec<f64> = of_width.iter().map(|step| step.alone).collect();
        let compute = Compute::fit(&SHARES, &alone);
        for (&rows, step) in SHARES.iter().zip(of_width) {
            let computing = compute.seconds(rows as f64);
            let together = computing + here.map_or(0.0, |sum| sum.seconds(ranks, parameters(width)));
            println!(
                "{width:>6} {:>11} {rows:>6} {:>10} {:>10} {:>10} {:>10}",
                parameters(width),
                micros(step.alone),
                micros(computing),
                micros(step.together),
                micros(together)
            );
        }
        println!("model: {:.1} µs and {:.3} µs per row", compute.fixed * 1e6, compute.per_row * 1e6);
        computes.push(compute);
    }

    for network in [Network::TEN, Network::HUNDRED] {
        for faster in [1.0, 32.0] {
            predict(&network, &computes, faster);
        }
    }
}

/// What the model says of machines that compute `faster` times as fast as a rank here.
fn predict(Network { name, sum }: &Network, computes: &[Compute], faster: f64) {
    let Sum { latency, bandwidth } = sum;
    println!("\n{name}: latency {:.0} µs, bandwidth {:.2} GB/s (assumed)", latency * 1e6, bandwidth / 1e9);
    println!(
        "p machines, each {faster} times as fast as a rank here: rows for each machine from which a step is at"
    );
    println!(
        "least p/2 times as fast as on one, and how many times as fast it is with 256 and 4,096 rows for each"
    );
    print!("{:>6}", "p");
    WIDTHS.iter().for_each(|width| print!("  {:>8} {:>7} {:>7}", format!("w {width}"), 256, 4096));
    println!();
    for ranks in RANKS {
        print!("{ranks:>6}");
        for (&width, compute) in WIDTHS.iter().zip(computes) {
            let gain = |rows: f64| {
                let one = compute.seconds(rows * ranks as f64) / faster;
                one / (compute.seconds(rows) / faster + sum.seconds(ranks, parameters(width)))
            };
            // The gain grows with the rows, and in the end to p.
            let pays = (1..).find(|&rows| gain(f64::from(rows)) >= ranks as f64 / 2.0);
            print!("  {:>8} {:>7.1} {:>7.1}", pays.unwrap_or(0), gain(256.0), gain(4096.0));
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
