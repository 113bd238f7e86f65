use super::{ClassificationReport, Scores};
use std::fmt::{self, Display, Formatter};

impl Display for ClassificationReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let names = self.classes.iter().map(|class| class.name.chars().count());
        let width = names.max().unwrap_or(0).max("balanced accuracy".len());
        let (class, heads) = ("class", ["precision", "recall", "F1", "ROC AUC", "support"]);
        write!(f, "{class:>width$}")?;
        heads.iter().try_for_each(|head| write!(f, "{head:>11}"))?;
        writeln!(f)?;
        let mut line = |name: &str, Scores { precision, recall, f1 }: Scores, area, support| {
            write!(f, "{name:>width$}{precision:>11.4}{recall:>11.4}{f1:>11.4}")?;
            writeln!(f, "{:>11}{:>11}", optional(area), weight(support))
        };
        for class in &self.classes {
            line(&class.name, class.scores, class.roc_auc, class.support)?;
        }
        line("macro average", self.macro_average, self.roc_auc_macro, self.weight)?;
        line("weighted average", self.weighted_average, self.roc_auc_weighted, self.weight)?;
        writeln!(f)?;
        let top_k = self.top_k.iter().enumerate().skip(1);
        let measures = [("accuracy".to_owned(), Some(self.accuracy))]
            .into_iter()
            .chain([("balanced accuracy".to_owned(), Some(self.balanced_accuracy))])
            .chain(top_k.map(|(i, &accuracy)| (format!("top-{} accuracy", i + 1), Some(accuracy))))
            .chain([
                ("log loss".to_owned(), Some(self.log_loss)),
                ("Brier score".to_owned(), Some(self.brier)),
                ("calibration error".to_owned(), Some(self.reliability.expected_error)),
                ("Matthews".to_owned(), Some(self.matthews)),
                ("kappa".to_owned(), self.kappa),
            ]);
        for (name, value) in measures {
            writeln!(f, "{name:>width$}  {}", optional(value))?;
        }
        Ok(())
    }
}

fn optional(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.4}"))
}

/// A number of rows as such, another weight with two places.
fn weight(weight: f64) -> String {
    if weight.fract() == 0.0 { format!("{weight}") } else { format!("{weight:.2}") }
}
