//! Where memory is short, Newton-CG does without the matrices that would make it faster. The test runs itself as the process that has
//! little.

use chainrule_core::{Purpose, Random, Targets};
use chainrule_models::{Samples, SoftmaxRegression, SoftmaxTraining, Solver};
use ndarray::Array2;
use std::process::Command;
use std::{env, fs, process};

/// In the environment of the process that has little.
const LITTLE: &str = "CHAINRULE_TEST_LITTLE_MEMORY";
/// A matrix of them takes 69 MiB.
const COLUMNS: usize = 3000;
const MORE_BYTES: usize = 150 << 20;

fn fit(columns: usize) {
    let draw = |(i, j)| Random::new(1, Purpose::Check, i).uniform(j as u64) - 0.5;
    let x = Array2::from_shape_fn((20, columns), draw);
    let labels: Vec<usize> = (0..20).map(|i| i % 2).collect();
    let mut regression = SoftmaxRegression::<f64>::new(columns, 2).unwrap();
    let training = SoftmaxTraining { solver: Solver::NewtonCg, ..SoftmaxTraining::default() };
    let history = regression.fit(Samples::new(&x, Targets::Classes(&labels)), &training).unwrap();
    assert!(history.has_converged(), "{history}");
}

#[test]
fn as_a_process_with_little() {
    if env::var_os(LITTLE).is_none() {
        return;
    }
    // What threads and BLAS take once.
    fit(10);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let kibibytes: usize = line.trim().strip_suffix("kB").unwrap().trim().parse().unwrap();
    let limit = format!("--as={}", kibibytes * 1024 + MORE_BYTES);
    let limited = Command::new("prlimit").arg("--pid").arg(process::id().to_string()).arg(limit).status();
    assert!(limited.unwrap().success());
    fit(COLUMNS);
}

#[test]
fn newton_cg_fits_without_matrices() {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "little_memory::as_a_process_with_little"]).env(LITTLE, "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}
