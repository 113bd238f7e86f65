//! Four ways from logits and labels to losses and the gradient in the logits, timed and compared.

use crate::args::Gradient;
use chainrule_core::{Purpose, Random, Targets};
use chainrule_kernels::{
    cross_entropy, cross_entropy_backward, softmax, softmax_backward, softmax_backward_jacobian,
    softmax_backward_stored_jacobian, softmax_cross_entropy,
};
use ndarray::{Array1, Array2};
use serde::Serialize;
use std::time::{Duration, Instant};

/// The explicit Jacobian first: the others are compared with it.
pub(crate) const PATHS: [Gradient; 4] =
    [Gradient::StoredJacobian, Gradient::Jacobian, Gradient::Product, Gradient::Fused];

/// Runs of a path are repeated until a measurement takes so long, so that the clock's resolution does not matter.
const SHORTEST: Duration = Duration::from_millis(1);

/// Time for one size, if three measurements of each path do not take longer.
const BUDGET: Duration = Duration::from_millis(1300);

/// Measurements of each path, at most.
const MOST_MEASUREMENTS: usize = 201;

/// One path at one size.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) classes: usize,
    pub(crate) batch: usize,
    pub(crate) path: Gradient,
    /// Median time of a run divided by batch · classes, in nanoseconds.
    pub(crate) ns_per_logit: f64,
    /// Time of the stored Jacobian divided by this path's.
    pub(crate) speed_up: f64,
    /// The largest difference of an entry from the fused kernel's in f64 on the same logits; entries lie in -1 to 1.
    pub(crate) largest_error: f64,
    /// Beyond logits, labels, losses and gradient: probabilities and their gradient, and a Jacobian.
    pub(crate) extra_bytes: usize,
}

/// Measures every path, on the calling thread's pool.
pub(crate) fn measure(batch: usize, classes: usize) -> [Row; 4] {
    let mut work = Work::new(batch, classes);
    let reference = work.reference();
    let errors = PATHS.map(|path| {
        work.run(path);
        let differences = work.dlogits.iter().zip(&reference).map(|(&d, r)| (f64::from(d) - r).abs());
        differences.fold(0.0, f64::max)
    });
    let seconds = work.time();
    std::array::from_fn(|i| Row {
        classes,
        batch,
        path: PATHS[i],
        ns_per_logit: seconds[i] * 1e9 / (batch * classes) as f64,
        speed_up: seconds[0] / seconds[i],
        largest_error: errors[i],
        extra_bytes: extra_bytes(PATHS[i], batch, classes),
    })
}

/// What a path needs beyond logits, labels, losses and the gradient in the logits, on one thread.
fn extra_bytes(path: Gradient, batch: usize, classes: usize) -> usize {
    let numbers = match path {
        Gradient::Fused => 0,
        Gradient::Product | Gradient::Jacobian => 2 * batch * classes,
        Gradient::StoredJacobian => 2 * batch * classes + classes * classes,
    };
    numbers * size_of::<f32>()
}

/// A batch, and room for everything that any path makes of it.
struct Work {
    logits: Array2<f32>,
    labels: Vec<usize>,
    probabilities: Array2<f32>,
    dprobabilities: Array2<f32>,
    losses: Array1<f32>,
    dlogits: Array2<f32>,
}

impl Work {
    /// Logits from the standard normal distribution, labels uniform.
    fn new(batch: usize, classes: usize) -> Self {
        let (logits, labels) = (Random::new(0, Purpose::Generate, 0), Random::new(0, Purpose::Generate, 1));
        let shape = (batch, classes);
        Work {
            logits: Array2::from_shape_fn(shape, |(i, j)| logits.normal((i * classes + j) as u64) as f32),
            labels: (0..batch).map(|i| (labels.uniform(i as u64) * classes as f64) as usize).collect(),
            probabilities: Array2::zeros(shape),
            dprobabilities: Array2::zeros(shape),
            losses: Array1::zeros(batch),
            dlogits: Array2::zeros(shape),
        }
    }

    /// The gradient in double precision.
    fn reference(&self) -> Array2<f64> {
        let logits = self.logits.mapv(f64::from);
        let (mut losses, mut dlogits) = (Array1::zeros(self.labels.len()), Array2::zeros(logits.raw_dim()));
        let targets = Targets::Classes(&self.labels);
        softmax_cross_entropy(
            logits.view(),
            targets,
            Default::default(),
            1.0,
            losses.view_mut(),
            dlogits.view_mut(),
        );
        dlogits
    }

    /// From the logits to the losses and their gradient, one way.
    fn run(&mut self, path: Gradient) {
        let Work { logits, labels, probabilities, dprobabilities, losses, dlogits } = self;
        let targets = Targets::Classes(labels);
        let backward = match path {
            Gradient::Fused => {
                softmax_cross_entropy(
                    logits.view(),
                    targets,
                    Default::default(),
                    1.0,
                    losses.view_mut(),
                    dlogits.view_mut(),
                );
                return;
            }
            Gradient::Product => softmax_backward,
            Gradient::Jacobian => softmax_backward_jacobian,
            Gradient::StoredJacobian => softmax_backward_stored_jacobian,
        };
        softmax(logits.view(), probabilities.view_mut());
        cross_entropy(probabilities.view(), targets, Default::default(), losses.view_mut());
        cross_entropy_backward(
            probabilities.view(),
            targets,
            Default::default(),
            1.0,
            dprobabilities.view_mut(),
        );
        backward(probabilities.view(), dprobabilities.view(), dlogits.view_mut());
    }

    /// Median time of a run of each path, in seconds. The paths take turns, so that a change of the machine's pace hits
    /// all alike.
    fn time(&mut self) -> [f64; 4] {
        let repetitions = PATHS.map(|path| {
            let run = self.time_runs(path, 1);
            (SHORTEST.as_secs_f64() / run).ceil().clamp(1.0, 1e6) as u32
        });
        let start = Instant::now();
        let mut seconds = [const { Vec::new() }; 4];
        while seconds[0].len() < 3 || (start.elapsed() < BUDGET && seconds[0].len() < MOST_MEASUREMENTS) {
            for ((path, repetitions), seconds) in PATHS.into_iter().zip(repetitions).zip(&mut seconds) {
                seconds.push(self.time_runs(path, repetitions));
            }
        }
        seconds.map(|mut seconds| {
            seconds.sort_by(f64::total_cmp);
            seconds[seconds.len() / 2]
        })
    }

    /// Seconds that one of `repetitions` runs takes.
    fn time_runs(&mut self, path: Gradient, repetitions: u32) -> f64 {
        let start = Instant::now();
        for _ in 0..repetitions {
            self.run(path);
        }
        // Even a coarse clock must not make it 0: it is divided by.
        start.elapsed().as_secs_f64().max(1e-9) / f64::from(repetitions)
    }
}
