//! Tests across the modules of the crate, in one program: several would each compile what is generic again.

#![allow(clippy::unwrap_used)]

mod trainings;

mod bad_settings;
mod calibration;
mod callbacks;
mod checkpoints;
mod errors;
mod everything_on;
mod fitting;
mod import;
#[cfg(unix)]
mod killed;
#[cfg(target_os = "linux")]
mod little_memory;
mod model_file;
mod overflow;
mod own_layers;
mod partial_fit;
mod predictor;
mod properties;
mod several_ranks;
mod softmax_regression;
mod step_by_step;
mod training;
