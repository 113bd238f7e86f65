use crate::args::{Config, SolverName};
use crate::commands::train::{builder, files, load};
use crate::data::Parts;
use crate::output_directory::OutputDirectory;
use crate::ranks::Ranks;
use crate::{interrupt, machine};
use anyhow::{Result, bail, ensure};
use chainrule_kernels::pool;
use chainrule_models::{Classifier, SoftmaxRegression, SoftmaxTraining};
use rayon::ThreadPool;
use std::path::Path;

/// All that a regression's fit needs: whatever can be wrong before it begins is found while this is made.
pub(super) struct Prepared {
    pub(super) config: Config,
    pub(super) parts: Parts,
    /// Where the fit begins.
    pub(super) regression: SoftmaxRegression,
    pub(super) training: SoftmaxTraining,
    /// Where it is written, by the first of several ranks.
    pub(super) output: Option<OutputDirectory>,
    pub(super) pool: ThreadPool,
}

impl Prepared {
    pub(super) fn new(config: Config, ranks: &Ranks) -> Result<Self> {
        let parts = load(&config)?;
        check_memory(&config, &parts)?;
        let start = start(&config, &parts)?;
        interrupt::listen()?;
        let pool = pool(ranks.threads(config.run.threads))?;
        let output = ranks.is_first().then(|| files::directory(&config, false)).transpose()?;
        let mut regression = SoftmaxRegression::try_from(builder(&config, &parts)?.build()?)?;
        regression.start_from(&start)?;
        let settings = &config.regression;
        let training = SoftmaxTraining {
            l2: settings.l2,
            solver: settings.solver.into(),
            tolerance: settings.tolerance,
            max_iterations: settings.max_iterations,
            class_weights: config.training.class_weights.into(),
            communicator: ranks.communicator(),
            ..SoftmaxTraining::default()
        };
        Ok(Prepared { config, parts, regression, training, output, pool })
    }
}

/// Where it begins: at 0, or at the model of `--warm-start`.
fn start(config: &Config, parts: &Parts) -> Result<SoftmaxRegression<f32>> {
    let (width, names) = (parts.train.width(), parts.train.class_names());
    let Some(path) = &config.regression.warm_start else {
        return Ok(SoftmaxRegression::new(width, names.len())?);
    };
    let start = SoftmaxRegression::load(path)?;
    check_start(start.classifier(), parts, path)?;
    Ok(start)
}

/// Makes sure that a model takes such rows and knows their classes.
fn check_start(start: &Classifier<f32>, parts: &Parts, path: &Path) -> Result<()> {
    let (path, width, names) = (path.display(), parts.train.width(), parts.train.class_names());
    let (inputs, classes) = (start.network().inputs(), start.class_names());
    ensure!(
        (inputs, classes.len()) == (width, names.len()),
        "--warm-start {path}: expected a model of {width} columns and {} classes, as the training rows have, found {inputs} \
         columns and {} classes",
        names.len(),
        classes.len()
    );
    let differs = |(name, class): &(&String, &String)| name != class;
    if let Some((name, class)) = names.iter().zip(classes).find(differs) {
        bail!("--warm-start {path}: expected the class {name:?}, found {class:?} in its place");
    }
    Ok(())
}

/// Makes sure that what a solver holds of these rows fits in memory.
fn check_memory(config: &Config, parts: &Parts) -> Result<()> {
    /// Sums of the chunks of rows, and the pairs of L-BFGS.
    const COPIES: u128 = 64;
    /// Of a matrix that is summed in pieces: those, the sum, the matrix and its factor.
    const MATRICES: u128 = 11;
    let (rows, width) = (parts.train.len() as u128, parts.train.width() as u128 + 1);
    let classes = parts.train.class_names().len() as u128;
    let parameters = width.saturating_mul(classes);
    // Newton's method by conjugate gradients chooses what it can have.
    let order = if config.regression.solver == SolverName::NewtonCholesky { parameters } else { 0 };
    let matrices = order.saturating_mul(order).saturating_mul(MATRICES);
    let numbers = matrices
        .saturating_add(parameters.saturating_mul(COPIES))
        .saturating_add(rows.saturating_mul(classes + 1));
    let bytes = numbers.saturating_mul(size_of::<f64>() as u128);
    machine::check_memory(bytes, "choose --solver newton-cg or lbfgs, or fewer columns or rows")
}
