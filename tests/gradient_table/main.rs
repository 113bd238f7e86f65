//! Every derivative against finite differences.
//!
//! A new layer, activation or loss is one more line in `layers`, `activations` or `losses` of table.rs, and one more choice in
//! random_networks.rs. `cargo test --test gradient_table -- --nocapture` prints each check.

#![allow(clippy::unwrap_used)]

mod inputs;
mod kinks;
mod planted_faults;
mod random_networks;
mod table;
