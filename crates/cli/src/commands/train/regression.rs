//! The training of a softmax regression: to its optimum.

use super::iterations::Iterations;
use super::outcome::Outcome;
use super::{builder, checkpoint, files, load, samples};
use crate::args::{Config, SolverName};
use crate::data::Parts;
use crate::output_directory::OutputDirectory;
use crate::ranks::Ranks;
use crate::stdout::{print_json, unless_closed};
use crate::{charts, interrupt, machine};
use anyhow::{Result, bail, ensure};
use chainrule_models::{
    Classifier, Iteration, SoftmaxRegression, SoftmaxTraining, Solver, SolverEnding, SolverHistory,
};
use serde::Serialize;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// What `metrics.json` says of a softmax regression beside its [outcome](Outcome).
#[derive(Serialize)]
struct OwnMetrics<'a> {
    solver: Solver,
    ending: SolverEnding,
    converged: bool,
    iterations: usize,
    objective: f64,
    gradient_norm: f64,
    relative_gradient: f64,
    products: usize,
    seconds: f64,
    history: &'a SolverHistory,
}

impl<'a> From<&'a SolverHistory> for OwnMetrics<'a> {
    fn from(history: &'a SolverHistory) -> Self {
        let last = history.last();
        OwnMetrics {
            solver: history.solver,
            ending: history.ending,
            converged: history.has_converged(),
            iterations: last.iteration,
            objective: last.objective,
            gradient_norm: last.gradient_norm,
            relative_gradient: last.relative_gradient,
            products: last.products,
            seconds: last.seconds,
            history,
        }
    }
}

/// Fits, and writes what comes of it, also where that is not the optimum.
pub(super) fn run(config: Config, ranks: &Ranks) -> Result<ExitCode> {
    let parts = load(&config)?;
    check_memory(&config, &parts)?;
    let start = start(&config, &parts)?;
    interrupt::listen()?;
    machine::on_threads(ranks.threads(config.run.threads), || {
        let directory = OutputDirectory::prepare("--out", &config.run.out, &files::ALL)?;
        checkpoint::check_free(&directory)?;
        let (classifier, history) = fit(&config, &parts, &start)?;
        let is_interrupted = history.ending == SolverEnding::Callback;
        let outcome = Outcome::of(config, classifier, &parts, !is_interrupted)?;
        let metrics = outcome.metrics(OwnMetrics::from(&history))?;
        let curves = charts::iterations(&history.iterations)?;
        files::write(&outcome, &to_csv(&history)?, &curves, &metrics, &directory)?;
        if !history.has_converged() {
            unless_closed(io::stderr().write_all(not_converged(&outcome.config, &history).as_bytes()))?;
        }
        if is_interrupted {
            return Ok(ExitCode::from(interrupt::EXIT_CODE));
        }
        let run = &outcome.config.run;
        if run.json {
            print_json(&metrics)?;
        } else {
            let closing =
                if run.quiet { closing_line(&outcome, &history) } else { summary(&outcome, &history) };
            unless_closed(io::stdout().write_all(closing.as_bytes()))?;
        }
        Ok(ExitCode::SUCCESS)
    })
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

/// The regression with parameters rounded to single precision, as all commands take them, and the way there.
fn fit(
    config: &Config,
    parts: &Parts,
    start: &SoftmaxRegression<f32>,
) -> Result<(Classifier<f32>, SolverHistory)> {
    let settings = &config.regression;
    let mut regression = SoftmaxRegression::<f64>::try_from(builder(config, parts)?.build()?)?;
    regression.start_from(start)?;
    let training = SoftmaxTraining {
        l2: settings.l2,
        solver: settings.solver.into(),
        tolerance: settings.tolerance,
        max_iterations: settings.max_iterations,
        class_weights: config.training.class_weights.into(),
        ..SoftmaxTraining::default()
    };
    let is_quiet = config.run.quiet || config.run.json;
    if !is_quiet {
        unless_closed(io::stdout().write_all(introduction(config, parts, &regression).as_bytes()))?;
    }
    let mut iterations = Iterations::new(is_quiet);
    let history =
        regression.fit_with(samples(&parts.train), &training, &mut |record| iterations.show(record));
    // The last may not have been told.
    iterations.finish(history.as_ref().map_or(&[], |history| &history.iterations))?;
    let history = history?;
    let classifier: Classifier<f32> = regression.into_classifier().to_precision();
    ensure!(
        classifier.network().parameters().iter().all(|parameter| parameter.is_finite()),
        "after iteration {} there are parameters beyond single precision, in which models are kept; scale the inputs by \
         --preprocess standard",
        history.last().iteration
    );
    Ok((classifier, history))
}

fn introduction(config: &Config, parts: &Parts, regression: &SoftmaxRegression) -> String {
    let (inputs, classes) = regression.weights().dim();
    let count = regression.classifier().network().parameters().len();
    let introduction = super::introduction(config, parts);
    format!("{introduction}; softmax regression {inputs} → {classes}, {count} parameters\n")
}

/// The iterations as CSV, a line for each.
fn to_csv(history: &SolverHistory) -> Result<String> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    history.iterations.iter().try_for_each(|iteration| csv.serialize(iteration))?;
    Ok(String::from_utf8(csv.into_inner()?)?)
}

/// Says why it is not at the optimum, how far from it, and what to do.
fn not_converged(config: &Config, history: &SolverHistory) -> String {
    let Iteration { iteration, gradient_norm, relative_gradient, .. } = *history.last();
    let file = |name| config.run.out.join(name).display().to_string();
    let (settings, model) = (file(files::CONFIG), file(files::MODEL));
    let go_on = format!("go on with: chainrule train --config {settings} --warm-start {model}");
    let (why, what_to_do) = match history.ending {
        SolverEnding::Callback => (format!("interrupted after iteration {iteration}, not converged"), go_on),
        SolverEnding::Precision => {
            (format!("warning: {}", history.ending), "raise --tolerance, or --l2".to_owned())
        }
        ending => (format!("warning: {ending}"), format!("raise --max-iterations, or {go_on}")),
    };
    format!(
        "{why}; the gradient's norm is {gradient_norm:.3e}, {relative_gradient:.1e} of that at 0, where --tolerance asks for \
         {:e}; {what_to_do}\n",
        config.regression.tolerance
    )
}

/// "newton-cg converged in 8 iterations and 0.049 s"
fn way(history: &SolverHistory) -> String {
    let Iteration { iteration, seconds, .. } = *history.last();
    let converged = if history.has_converged() { "converged" } else { "not converged" };
    let plural = if iteration == 1 { "" } else { "s" };
    format!("{} {converged} in {iteration} iteration{plural} and {seconds:.3} s", history.solver)
}

fn closing_line(outcome: &Outcome, history: &SolverHistory) -> String {
    let (data, out) = (&outcome.config.data.data, outcome.config.run.out.display());
    format!("{data}: {}, {}; see {out}\n", outcome.test_results(), way(history))
}

fn summary(outcome: &Outcome, history: &SolverHistory) -> String {
    let last = history.last();
    format!(
        "\n{} on {}: objective {:.9}, gradient {:.3e} ({:.1e} of that at 0)\n{}{}\n\n{}",
        way(history),
        outcome.threads(),
        last.objective,
        last.gradient_norm,
        last.relative_gradient,
        outcome.temperature_line(),
        outcome.test_results(),
        files::table(&outcome.config, "objective and gradient by iteration: look at this first")
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_converged_says_what_to_do() {
        let message = |ending: &str| {
            let iteration = r#"{"iteration":5,"objective":2.0,"gradient_norm":0.5,"relative_gradient":0.001,"step":1.0,
                "products":9,"seconds":0.1}"#;
            let history =
                format!(r#"{{"solver":"newton-cg","iterations":[{iteration}],"ending":"{ending}"}}"#);
            not_converged(&Config::default(), &serde_json::from_str(&history).expect("a history"))
        };
        for (ending, words) in [
            ("iterations", ["warning: not converged", "raise --max-iterations, or go on with"]),
            ("precision", ["warning: not converged", "raise --tolerance"]),
            ("callback", ["interrupted after iteration 5, not converged", "; go on with"]),
        ] {
            let message = message(ending);
            let words = words.into_iter().chain(["norm is 5.000e-1, 1.0e-3 of that at 0", "asks for 1e-6"]);
            words.for_each(|words| assert!(message.contains(words), "{message:?} does not say {words:?}"));
            assert_eq!(message.lines().count(), 1);
        }
    }
}
