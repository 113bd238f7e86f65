//! Four ways from logits and labels to losses and the gradient in the logits, timed and compared.

mod double_double;
mod tile;

use crate::args::Gradient;
use crate::machine;
use chainrule_core::Real;
use rayon::prelude::*;
use serde::Serialize;
use std::time::{Duration, Instant};
use tile::{Part, Tile};

/// The explicit Jacobian first: it is what the others are about.
pub(crate) const PATHS: [Gradient; 4] =
    [Gradient::StoredJacobian, Gradient::Jacobian, Gradient::Product, Gradient::Fused];

/// A Jacobian above it is not stored.
const LARGEST_JACOBIAN: u128 = 1 << 30;

/// Logits of a tile, about: enough work for waking a thread to be worth it.
const TILE: usize = 4096;

/// Runs of a part are repeated until a measurement takes so long, so that the clock's resolution does not matter.
const SHORTEST: Duration = Duration::from_millis(1);

/// A part is measured for so long, or once, before it is the next one's turn.
const TURN: Duration = Duration::from_millis(10);

/// Time for one size, if [`LEAST_TURNS`] do not take longer.
const BUDGET: Duration = Duration::from_millis(1300);

const LEAST_TURNS: usize = 3;

/// One path at one size.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) precision: &'static str,
    pub(crate) threads: usize,
    pub(crate) classes: usize,
    pub(crate) batch: usize,
    pub(crate) path: Gradient,
    /// Beyond logits, labels, losses and gradient, of all threads: probabilities and their gradient, and Jacobians.
    pub(crate) extra_bytes: u128,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Outcome {
    Measured(Figures),
    LeftOut {
        /// Why.
        left_out: String,
    },
}

/// Median times of a run, divided by batch · classes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Figures {
    /// To the losses, without a gradient.
    pub(crate) forward_ns_per_logit: f64,
    /// From the probabilities to the gradient in the logits; the fused path has no such part.
    pub(crate) backward_ns_per_logit: Option<f64>,
    /// To losses and gradient.
    pub(crate) ns_per_logit: f64,
    /// The last, divided by the fused path's.
    pub(crate) times_fused: f64,
    /// The largest difference of an entry from the exact gradient; entries lie in -1 to 1.
    pub(crate) largest_error: f64,
}

impl Row {
    pub(crate) fn figures(&self) -> Option<&Figures> {
        match &self.outcome {
            Outcome::Measured(figures) => Some(figures),
            Outcome::LeftOut { .. } => None,
        }
    }
}

/// Measures every path, on the calling thread's pool.
pub(crate) fn measure<F: Real>(batch: usize, classes: usize) -> [Row; 4] {
    let threads = rayon::current_num_threads();
    let left_out = left_out::<F>(classes, threads);
    let mut parts = vec![Part::Forward, Part::LossOfLogits, Part::Fused];
    let separate = PATHS.into_iter().filter(|&path| path != Gradient::Fused);
    let separate = separate.filter(|&path| path != Gradient::StoredJacobian || left_out.is_none());
    parts.extend(separate.map(Part::Backward));

    let measurements = Work::<F>::new(batch, classes).measure(&parts);
    let of = |part| measurements.iter().find(|measurement| measurement.part == part);
    let ns = |part| of(part).map_or(f64::NAN, |found| found.seconds * 1e9 / (batch * classes) as f64);
    let fused = ns(Part::Fused);
    PATHS.map(|path| {
        let outcome = match &left_out {
            Some(reason) if path == Gradient::StoredJacobian => Outcome::LeftOut { left_out: reason.clone() },
            _ => {
                let (forward, backward, both, last) = if path == Gradient::Fused {
                    (ns(Part::LossOfLogits), None, fused, Part::Fused)
                } else {
                    let last = Part::Backward(path);
                    let (forward, backward) = (ns(Part::Forward), ns(last));
                    (forward, Some(backward), forward + backward, last)
                };
                Outcome::Measured(Figures {
                    forward_ns_per_logit: forward,
                    backward_ns_per_logit: backward,
                    ns_per_logit: both,
                    times_fused: both / fused,
                    largest_error: of(last).map_or(f64::NAN, |found| found.largest_error),
                })
            }
        };
        let extra_bytes = extra_bytes::<F>(path, batch, classes, threads);
        Row { precision: F::NAME, threads, classes, batch, path, extra_bytes, outcome }
    })
}

/// What a path needs beyond logits, labels, losses and the gradient in the logits.
fn extra_bytes<F: Real>(path: Gradient, batch: usize, classes: usize, threads: usize) -> u128 {
    let between = 2 * (batch as u128) * (classes as u128) * F::BYTES as u128;
    match path {
        Gradient::Fused => 0,
        Gradient::Product | Gradient::Jacobian => between,
        Gradient::StoredJacobian => between + threads as u128 * jacobian_bytes::<F>(classes),
    }
}

fn jacobian_bytes<F: Real>(classes: usize) -> u128 {
    (classes as u128).pow(2) * F::BYTES as u128
}

/// Why the Jacobian is not stored, if it is not.
fn left_out<F: Real>(classes: usize, threads: usize) -> Option<String> {
    let bytes = jacobian_bytes::<F>(classes);
    if bytes > LARGEST_JACOBIAN {
        return Some(format!("its matrix takes {} a thread", size(bytes)));
    }
    let all = threads as u128 * bytes;
    (!machine::has_memory(all)).then(|| format!("its matrices take {}, more than there is", size(all)))
}

fn size(bytes: u128) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

/// A batch in tiles.
struct Work<F> {
    tiles: Vec<Tile<F>>,
}

struct Measurement {
    part: Part,
    /// Median time of a run.
    seconds: f64,
    /// 0 if the part gives no gradient.
    largest_error: f64,
}

impl<F: Real> Work<F> {
    fn new(batch: usize, classes: usize) -> Self {
        let rows = (TILE / classes).max(1);
        let tiles = (0..batch.div_ceil(rows)).into_par_iter();
        let tiles = tiles.map(|i| Tile::new(i * rows..batch.min((i + 1) * rows), classes));
        Work { tiles: tiles.collect() }
    }

    /// Measures each part; [`Part::Forward`] before any [`Part::Backward`]. They take turns, so that a change of the
    /// machine's pace hits all alike.
    fn measure(&mut self, parts: &[Part]) -> Vec<Measurement> {
        let plan: Vec<(Part, f64, u32)> = parts
            .iter()
            .map(|&part| {
                let mut run = self.time_runs(part, 1);
                let error = if part.gives_gradient() {
                    self.tiles.iter().map(Tile::largest_error).fold(0.0, f64::max)
                } else {
                    0.0
                };
                // The first run of a short part is mostly cold memory.
                if run < SHORTEST.as_secs_f64() {
                    run = self.time_runs(part, 1);
                }
                (part, error, (SHORTEST.as_secs_f64() / run).ceil().clamp(1.0, 1e6) as u32)
            })
            .collect();
        let mut seconds = vec![Vec::new(); plan.len()];
        let (start, mut turns) = (Instant::now(), 0);
        while turns < LEAST_TURNS || start.elapsed() < BUDGET {
            for (&(part, _, repetitions), seconds) in plan.iter().zip(&mut seconds) {
                let turn = Instant::now();
                loop {
                    seconds.push(self.time_runs(part, repetitions));
                    if turn.elapsed() >= TURN {
                        break;
                    }
                }
            }
            turns += 1;
        }
        let measured = plan.into_iter().zip(seconds);
        let measured = measured.map(|((part, largest_error, _), mut seconds)| {
            seconds.sort_by(f64::total_cmp);
            Measurement { part, seconds: seconds[seconds.len() / 2], largest_error }
        });
        measured.collect()
    }

    /// Seconds that one of `repetitions` runs takes.
    fn time_runs(&mut self, part: Part, repetitions: u32) -> f64 {
        let start = Instant::now();
        for _ in 0..repetitions {
            self.tiles.par_iter_mut().with_max_len(1).for_each(|tile| tile.run(part));
        }
        // Even a coarse clock must not make it 0: it is divided by.
        start.elapsed().as_secs_f64().max(1e-9) / f64::from(repetitions)
    }
}
