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
const WIDTHS: [usize; 4] = [128, 512, 1024, 2048];

/// Rows of a rank's share of a batch.
const SHARES: [usize; 4] = [16, 64, 256, 1024];

/// Numbers that are summed.
const LENGTHS: [usize; 8] = [1, 256, 4096, 65_536, 262_144, 1_048_576, 2_097_152, 8_388_608];

/// Ranks that the model is asked about.
const RANKS: [usize; 8] = [8, 16, 32, 64, 128, 256, 512, 1024];

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let world = World::start()?;
    let measured = measure::all(&world)?;
    let ranks = world.communicator();
    if ranks.rank() == 0 {
        report(&measured, ranks.size(), world.threads());
    }
    Ok(())
}

fn report(measured: &Measured, ranks: usize, threads: usize) {
    println!("{ranks} ranks of {threads} threads on this machine, f32; medians, in µs\n");
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
        let Network { name, sum } = network;
        println!(
            "\n{name}: latency {:.0} µs, bandwidth {:.2} GB/s (assumed)",
            sum.latency * 1e6,
            sum.bandwidth / 1e9
        );
        println!("rows in a batch from which the step on p machines is p/2 times as fast as on one;");
        println!("and how many times as fast it is with 256 rows for each machine");
        print!("{:>6}", "p");
        WIDTHS.iter().for_each(|width| print!(" {:>16}", format!("w {width}")));
        println!();
        for ranks in RANKS {
            print!("{ranks:>6}");
            for (&width, compute) in WIDTHS.iter().zip(&computes) {
                let step = |ranks, batch: f64| {
                    compute.seconds(batch / ranks as f64) + sum.seconds(ranks, parameters(width))
                };
                let pays = (0..40).map(|power| 2_f64.powi(power));
                let pays =
                    pays.into_iter().find(|&batch| step(1, batch) / step(ranks, batch) >= ranks as f64 / 2.0);
                let batch = 256.0 * ranks as f64;
                let pays = pays.map_or_else(|| "never".to_owned(), |batch| format!("{batch}"));
                print!(" {:>9} {:>6.1}", pays, step(1, batch) / step(ranks, batch));
            }
            println!();
        }
    }
}

fn parameters(width: usize) -> usize {
    784 * width + width + width * width + width + width * 10 + 10
}

fn micros(seconds: f64) -> String {
    format!("{:.1}", seconds * 1e6)
}

/// The median, of at least one.
fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// What measuring can fail with.
type Result<T> = std::result::Result<T, Error>;
