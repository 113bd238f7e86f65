//! linfa's multinomial logistic regression on the arrays x.npy and labels.npy of a directory: `compare-linfa DIRECTORY SOLVER
//! TOLERANCE`; it has one solver, L-BFGS.

use anyhow::{Result, bail};
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_logistic::MultiLogisticRegression;
use ndarray::{Array1, Array2};
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, _solver, tolerance] = &arguments[..] else {
        bail!("expected DIRECTORY SOLVER TOLERANCE")
    };
    let directory = PathBuf::from(directory);
    let labels: Vec<usize> =
        protocol::read_npy(&directory.join("labels.npy"))?.iter().map(|&y| y as usize).collect();
    let x = protocol::read_npy(&directory.join("x.npy"))?;
    let x = Array2::from_shape_vec((labels.len(), x.len() / labels.len()), x)?;
    let data = DatasetBase::new(x, Array1::from_vec(labels));
    let regression = MultiLogisticRegression::default().alpha(1.0).max_iterations(10_000);
    let regression = regression.gradient_tolerance(tolerance.parse()?);
    let start = Instant::now();
    let fitted = regression.fit(&data)?;
    let seconds = start.elapsed().as_secs_f64();
    let weights: Vec<f64> = fitted.params().iter().copied().collect();
    println!(
        "{}",
        json!({ "seconds": seconds, "weights": weights, "intercepts": fitted.intercept().to_vec() })
    );
    Ok(())
}
