use chainrule_models::metrics::{ClassificationReport, Scores};
use maud::{Markup, html};

/// The scores of the whole.
pub(super) fn tiles(report: &ClassificationReport) -> Markup {
    let mut tiles = vec![
        ("accuracy", number(report.accuracy)),
        ("balanced accuracy", number(report.balanced_accuracy)),
        ("macro F1", number(report.macro_average.f1)),
        ("log loss", number(report.log_loss)),
        ("ROC AUC, macro", optional(report.roc_auc_macro)),
        ("Brier score", number(report.brier)),
        ("calibration error", number(report.reliability.expected_error)),
    ];
    if let (true, Some(top)) = (report.classes.len() > 3, report.top_k.get(2)) {
        tiles.push(("top-3 accuracy", number(*top)));
    }
    html! { dl.tiles { @for (name, value) in tiles { div { dt { (name) } dd { (value) } } } } }
}

/// A line for each class, and for their averages.
pub(super) fn table(report: &ClassificationReport) -> Markup {
    let averages = [
        ("macro average", report.macro_average, report.roc_auc_macro),
        ("weighted average", report.weighted_average, report.roc_auc_weighted),
    ];
    html! {
        div.scroll { table.scores {
            thead { tr {
                @for name in ["class", "precision", "recall", "F1", "ROC AUC", "rows", "predicted"] { th { (name) } }
            } }
            tbody { @for class in &report.classes {
                tr { th { (class.name) } (cells(class.scores, class.roc_auc)) td { (class.support) } td { (class.predicted) } }
            } }
            tfoot { @for (name, scores, roc_auc) in averages {
                tr { th { (name) } (cells(scores, roc_auc)) td { (report.weight) } td { (report.weight) } }
            } }
        } }
    }
}

fn cells(scores: Scores, roc_auc: Option<f64>) -> Markup {
    html! {
        @for value in [scores.precision, scores.recall, scores.f1] { td { (number(value)) } }
        td { (optional(roc_auc)) }
    }
}

fn number(value: f64) -> String {
    format!("{value:.4}")
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), number)
}
