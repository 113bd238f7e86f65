use crate::charts;
use anyhow::Result;
use chainrule_models::{History, SolverHistory};

/// How a training went.
pub(crate) struct Training {
    /// SVG.
    pub(super) curves: String,
    /// In a sentence.
    pub(super) ending: String,
}

impl Training {
    /// By epochs; `held_out` is what the part is called that was evaluated after each.
    pub(crate) fn by_epochs(history: &History, held_out: &str) -> Result<Self> {
        let epochs = history.epochs.len();
        let ending = history.ending.map_or_else(String::new, |ending| format!(": {ending}"));
        let ending = match history.best() {
            Some(best) => {
                format!("{epochs} epochs{ending}; the parameters are those after epoch {}.", best.epoch)
            }
            None => format!("{epochs} epochs{ending}."),
        };
        Ok(Training { curves: charts::curves(&history.epochs, held_out)?, ending })
    }

    /// To an optimum.
    pub(crate) fn by_iterations(history: &SolverHistory) -> Result<Self> {
        let Some(last) = history.iterations.last() else {
            let ending = format!("{}: {}.", history.solver, history.ending);
            return Ok(Training { curves: charts::iterations(&[])?, ending });
        };
        let ending = format!(
            "{}, {} iterations: {}. Objective {:.9}, gradient {:.3e} ({:.1e} of that at 0).",
            history.solver,
            last.iteration,
            history.ending,
            last.objective,
            last.gradient_norm,
            last.relative_gradient
        );
        Ok(Training { curves: charts::iterations(&history.iterations)?, ending })
    }
}
