//! The kernels, layers, losses, networks, optimisers, schedules, metrics and regressions against exact values made without this library: each
//! JSON file by the Python script of its name (golden.json by generate.py).
//!
//! `cargo test --test golden -- --nocapture` prints, for each table, how many values were compared, the 99.9th percentile
//! of their errors and the worst.

#![allow(clippy::unwrap_used)]

mod activations;
mod chapter;
mod comparison;
mod cross_entropy;
mod imports;
mod json;
mod losses;
mod metrics;
mod networks;
mod optimizers;
mod softmax_regression;
