use crate::model::Model;
use anyhow::{Error, anyhow};
use chainrule_data::{Error as DataError, Missing, TableProblem};

/// What of a model's training lets it take other categories.
const UNSEEN: &str = "--unseen zeros in training lets a model take it as none of those it knows";

/// The error with the option of `train` that may help, if one does.
pub(super) fn with_training_hint(error: DataError) -> Error {
    let hint = problem(&error).and_then(|problem| match problem {
        TableProblem::NotANumber { .. } => Some(
            "for a column of categories use --categorical or --text-is-categorical, to leave it out --ignore",
        ),
        TableProblem::Missing { .. } => {
            Some("--missing says what becomes of such rows (a missing label is never filled: drop-row)")
        }
        TableProblem::NoColumn { names, .. } if names.len() == 1 => {
            Some("is there another --delimiter? (sniff finds it)")
        }
        TableProblem::UnseenCategory { .. } | TableProblem::UnseenCategoryInRow { .. } => Some(UNSEEN),
        _ => None,
    });
    with_hint(error, hint)
}

/// The error with what may help where the rows are for a model, which reads tables as in its training.
pub(super) fn with_model_hint(error: DataError, model: &Model) -> Error {
    let missing = model.encoder.as_ref().map(|encoder| encoder.missing());
    let hint = problem(&error).and_then(|problem| match problem {
        TableProblem::Missing { .. } if matches!(missing, Some(Missing::Error | Missing::DropRow)) => Some(
            "--missing mean, median or most-frequent in training lets a model fill it, unless it is a label",
        ),
        TableProblem::NoColumn { names, .. } if names.len() == 1 => {
            Some("is the delimiter another than in training?")
        }
        TableProblem::UnseenCategory { .. } => Some(UNSEEN),
        _ => None,
    });
    with_hint(error, hint)
}

fn problem(error: &DataError) -> Option<&TableProblem> {
    match error {
        DataError::Table { problem, .. } => Some(problem),
        _ => None,
    }
}

fn with_hint(error: DataError, hint: Option<&str>) -> Error {
    match hint {
        Some(hint) => anyhow!("{error}; {hint}"),
        None => error.into(),
    }
}
