use chainrule_models::metrics::ClassificationReport;
use maud::{Markup, html};

/// Up to so many classes all pairs are shown.
const MOST_CLASSES: usize = 40;
/// So many pairs are listed.
const PAIRS: usize = 20;

/// A heat map of the rows of each true class (down) by the class that they were taken for (across); of many classes the pairs that
/// were confused most.
pub(super) fn matrix(report: &ClassificationReport) -> Markup {
    if report.classes.len() > MOST_CLASSES { pairs(report) } else { heat_map(report) }
}

fn heat_map(report: &ClassificationReport) -> Markup {
    html! {
        p { "Rows by true class (down) and predicted class (across); the darker, the larger the share of the true class." }
        div.scroll { table.heat {
            thead { tr { th; @for class in &report.classes { th.across { (class.name) } } } }
            tbody { @for (class, counts) in report.classes.iter().zip(&report.confusion) {
                tr {
                    th { (class.name) }
                    @for count in counts { td style=(style(*count, class.support)) { (count) } }
                }
            } }
        } }
    }
}

/// Ink on paper up to half of the class, paper on ink above.
fn style(count: f64, support: f64) -> String {
    let share = if support > 0.0 { count / support } else { 0.0 };
    let color = if share > 0.55 {
        "#fff"
    } else if count > 0.0 {
        "#222"
    } else {
        "#bbb"
    };
    format!("background:rgba(68,119,170,{share:.3});color:{color}")
}

fn pairs(report: &ClassificationReport) -> Markup {
    let mut pairs: Vec<(f64, &str, &str)> = Vec::new();
    for (truth, counts) in report.classes.iter().zip(&report.confusion) {
        for (taken, &count) in report.classes.iter().zip(counts) {
            if count > 0.0 && truth.name != taken.name {
                pairs.push((count, &truth.name, &taken.name));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    html! {
        p { "Of " (report.classes.len()) " classes, the pairs that were confused most." }
        table.scores {
            thead { tr { th { "true class" } th { "taken for" } th { "rows" } } }
            tbody { @for (count, truth, taken) in pairs.iter().take(PAIRS) {
                tr { th { (truth) } td { (taken) } td { (count) } }
            } }
        }
    }
}
