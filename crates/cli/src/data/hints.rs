use anyhow::{Error, anyhow};
use chainrule_data::{Error as DataError, TableProblem};

/// The error with the option that may help, if one does.
pub(super) fn with_hint(error: DataError) -> Error {
    match hint(&error) {
        Some(hint) => anyhow!("{error}; {hint}"),
        None => error.into(),
    }
}

fn hint(error: &DataError) -> Option<&'static str> {
    let DataError::Table { problem, .. } = error else { return None };
    match problem {
        TableProblem::NotANumber { .. } => Some(
            "for a column of categories use --categorical or --text-is-categorical, to leave it out --ignore",
        ),
        TableProblem::Missing { .. } => {
            Some("--missing says what becomes of such rows (a missing label is never filled: drop-row)")
        }
        TableProblem::NoColumn { names, .. } if names.len() == 1 => {
            Some("is there another --delimiter? (sniff finds it)")
        }
        TableProblem::UnseenCategory { .. } | TableProblem::UnseenCategoryInRow { .. } => {
            Some("--unseen zeros in training lets a model take it as none of those it knows")
        }
        _ => None,
    }
}
