use crate::LENGTHS;
use std::fmt::{self, Display};

/// A sum of n numbers over p ranks by halves: 2 ⌈log₂ p⌉ latencies, and 2 (p - 1) / p of the bytes through the network.
///
/// Source: R. Thakur, R. Rabenseifner and W. Gropp, "Optimization of collective communication operations in MPICH", International
/// Journal of High Performance Computing Applications 19(1), 2005.
#[derive(Clone, Copy)]
pub(crate) struct Sum {
    /// Of a message, in seconds.
    pub(crate) latency: f64,
    /// Bytes per second.
    pub(crate) bandwidth: f64,
}

impl Sum {
    pub(crate) fn seconds(&self, ranks: usize, numbers: usize) -> f64 {
        let (messages, bytes) = Sum::costs(ranks, numbers);
        messages * self.latency + bytes / self.bandwidth
    }

    fn costs(ranks: usize, numbers: usize) -> (f64, f64) {
        let messages = 2.0 * (ranks as f64).log2().ceil();
        (messages, 2.0 * (ranks as f64 - 1.0) / ranks as f64 * 4.0 * numbers as f64)
    }

    /// That of the times of sums of all lengths, if there is more than one rank.
    pub(crate) fn fit(ranks: usize, seconds: &[f64]) -> Option<Sum> {
        if ranks < 2 {
            return None;
        }
        let costs: Vec<(f64, f64)> = LENGTHS.iter().map(|&length| Sum::costs(ranks, length)).collect();
        let (latency, per_byte) = least_squares(&costs, seconds);
        Some(Sum { latency, bandwidth: 1.0 / per_byte })
    }
}

/// The time of a step by its rows, without the sum.
#[derive(Clone, Copy)]
pub(crate) struct Compute {
    /// Of no rows: the optimiser's step, and what waits for what. In seconds.
    pub(crate) fixed: f64,
    pub(crate) per_row: f64,
}

impl Compute {
    pub(crate) fn fit(rows: &[usize], seconds: &[f64]) -> Self {
        let costs: Vec<(f64, f64)> = rows.iter().map(|&rows| (1.0, rows as f64)).collect();
        let (fixed, per_row) = least_squares(&costs, seconds);
        Compute { fixed, per_row }
    }

    pub(crate) fn seconds(&self, rows: f64) -> f64 {
        self.fixed + self.per_row * rows
    }
}

impl Display for Compute {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:.0} µs and {:.2} µs a row", self.fixed * 1e6, self.per_row * 1e6)
    }
}

/// A network between machines, and what is taken for it.
pub(crate) struct Network {
    pub(crate) name: &'static str,
    pub(crate) sum: Sum,
}

impl Network {
    pub(crate) const TEN: Network =
        Network { name: "10 Gbit/s, TCP", sum: Sum { latency: 30e-6, bandwidth: 1.25e9 } };
    pub(crate) const HUNDRED: Network =
        Network { name: "100 Gbit/s, RDMA", sum: Sum { latency: 2e-6, bandwidth: 12.5e9 } };
}

/// a and b, not below 0, with the least Σ ((a x + b y - t) / t)².
fn least_squares(costs: &[(f64, f64)], times: &[f64]) -> (f64, f64) {
    let scaled = || costs.iter().zip(times).map(|(&(x, y), &time)| (x / time, y / time));
    let total = |f: fn((f64, f64)) -> f64| scaled().map(f).sum::<f64>();
    let (xx, xy, yy) = (total(|(x, _)| x * x), total(|(x, y)| x * y), total(|(_, y)| y * y));
    let (x, y) = (total(|(x, _)| x), total(|(_, y)| y));
    let determinant = xx * yy - xy * xy;
    let (a, b) = ((x * yy - y * xy) / determinant, (y * xx - x * xy) / determinant);
    match (a > 0.0, b > 0.0) {
        (true, true) => (a, b),
        (false, _) => (0.0, y / yy),
        (true, false) => (x / xx, 0.0),
    }
}
