//! chainrule's softmax regression on the arrays x.npy and labels.npy of a directory: `compare-regression f64|f32 DIRECTORY SOLVER
//! TOLERANCE`.

use anyhow::{Context, Result, bail};
use chainrule::core::Real;
use chainrule::prelude::*;
use ndarray::Array2;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [precision, directory, solver, tolerance] = &arguments[..] else {
        bail!("expected f64|f32 DIRECTORY SOLVER TOLERANCE")
    };
    let directory = PathBuf::from(directory);
    let labels: Vec<usize> =
        protocol::read_npy(&directory.join("labels.npy"))?.iter().map(|&y| y as usize).collect();
    let x = protocol::read_npy(&directory.join("x.npy"))?;
    let x = Array2::from_shape_vec((labels.len(), x.len() / labels.len()), x)?;
    let classes = labels.iter().max().context("there are no labels")? + 1;
    let solver = match solver.as_str() {
        "newton-cg" => Solver::NewtonCg,
        "newton-cholesky" => Solver::NewtonCholesky,
        "lbfgs" => Solver::Lbfgs,
        _ => Solver::Auto,
    };
    let training = SoftmaxTraining { solver, tolerance: tolerance.parse()?, ..SoftmaxTraining::default() };
    let report = match precision.as_str() {
        "f32" => fit::<f32>(&x.mapv(|x| x as f32), &labels, classes, &training)?,
        _ => fit::<f64>(&x, &labels, classes, &training)?,
    };
    println!("{report}");
    Ok(())
}

fn fit<F: Real>(
    x: &Array2<F>,
    labels: &[usize],
    classes: usize,
    training: &SoftmaxTraining,
) -> Result<Value> {
    let mut regression = SoftmaxRegression::<F>::new(x.ncols(), classes)?;
    let start = Instant::now();
    let history = regression.fit(Samples::new(x, Targets::Classes(labels)), training)?;
    let seconds = start.elapsed().as_secs_f64();
    let weights: Vec<f64> = regression.weights().iter().map(|w| w.as_f64()).collect();
    let intercepts: Vec<f64> = regression.intercepts().iter().map(|b| b.as_f64()).collect();
    Ok(json!({
        "seconds": seconds,
        "iterations": history.last().iteration,
        "weights": weights,
        "intercepts": intercepts,
    }))
}
