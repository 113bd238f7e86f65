//! The training of a softmax regression: to its optimum.

mod iterations;
mod prepare;

use self::iterations::Iterations;
use self::prepare::Prepared;
use super::outcome::Outcome;
use super::{files, samples};
use crate::args::Config;
use crate::data::Parts;
use crate::output_directory::OutputDirectory;
use crate::ranks::Ranks;
use crate::stdout::{print_json, unless_closed};
use crate::{charts, interrupt};
use anyhow::{Context, Error, Result};
use chainrule_models::{
    Classifier, Iteration, SoftmaxRegression, SoftmaxTraining, Solver, SolverEnding, SolverHistory,
};
use serde::Serialize;
use std::io::{self, Write};
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

/// Fits, on all ranks, and writes what comes of it, also where that is not the optimum.
pub(super) fn run(config: Config, ranks: &Ranks) -> Result<ExitCode> {
    let prepared = ranks.agree(Prepared::new(config, ranks))?;
    let Prepared { config, parts, regression, training, output, pool } = prepared;
    pool.install(|| {
        let (classifier, history) = fit(&config, &parts, regression, &training, ranks)?;
        let ended = match output {
            Some(directory) => finish(config, classifier, &history, &parts, ranks, &directory),
            None => Ok(()),
        };
        let code = if is_interrupted(&history) { interrupt::EXIT_CODE } else { 0 };
        ranks.agree_on_exit(ended.map(|()| ExitCode::from(code)))
    })
}

fn is_interrupted(history: &SolverHistory) -> bool {
    history.ending == SolverEnding::Callback
}

/// The regression with parameters rounded to single precision, as all commands take them, and the way there.
fn fit(
    config: &Config,
    parts: &Parts,
    mut regression: SoftmaxRegression,
    training: &SoftmaxTraining,
    ranks: &Ranks,
) -> Result<(Classifier<f32>, SolverHistory)> {
    let is_quiet = config.run.quiet || config.run.json || !ranks.is_first();
    let introduced = if is_quiet {
        Ok(())
    } else {
        unless_closed(io::stdout().write_all(introduction(config, parts, &regression).as_bytes()))
    };
    ranks.agree(introduced.map_err(Error::from))?;
    let mut iterations = Iterations::new(is_quiet);
    let fitted = regression.fit_with(samples(&parts.train), training, &mut |record| iterations.show(record));
    // The last may not have been told.
    let shown = iterations.finish(fitted.as_ref().map_or(&[], |history| &history.iterations));
    let history = fitted?;
    ranks.agree(shown)?;
    let classifier: Classifier<f32> = regression.into_classifier().to_precision().with_context(|| {
        let iteration = history.last().iteration;
        format!("after iteration {iteration}, in single precision, in which models are kept (--preprocess standard scales the inputs)")
    })?;
    Ok((classifier, history))
}

/// Measures what was fitted, writes it and says so.
fn finish(
    config: Config,
    classifier: Classifier<f32>,
    history: &SolverHistory,
    parts: &Parts,
    ranks: &Ranks,
    directory: &OutputDirectory,
) -> Result<()> {
    let is_over = !is_interrupted(history);
    let outcome = Outcome::of(config, classifier, parts, is_over)?.on_ranks(ranks.size());
    let metrics = outcome.metrics(OwnMetrics::from(history))?;
    let curves = charts::iterations(&history.iterations)?;
    files::write(&outcome, &to_csv(history)?, &curves, &metrics, directory)?;
    if !history.has_converged() {
        unless_closed(io::stderr().write_all(not_converged(&outcome.config, history).as_bytes()))?;
    }
    let run = &outcome.config.run;
    if !is_over {
        return Ok(());
    }
    if run.json {
        return print_json(&metrics);
    }
    let closing = if run.quiet { closing_line(&outcome, history) } else { summary(&outcome, history) };
    Ok(unless_closed(io::stdout().write_all(closing.as_bytes()))?)
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
