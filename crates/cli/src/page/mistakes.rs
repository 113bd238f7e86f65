use super::picture;
use anyhow::Result;
use maud::{Markup, html};

/// A row that was taken for another class than its own.
pub(crate) struct Mistake {
    /// Number of the row among those measured, from 1.
    pub(crate) row: usize,
    pub(crate) truth: String,
    pub(crate) predicted: String,
    /// Probability of the class that was chosen.
    pub(crate) confidence: f64,
    pub(crate) shown: Shown,
}

/// What is shown of a row.
pub(crate) enum Shown {
    /// A PNG as a data URL.
    Picture(String),
    /// (name, value) of its first inputs.
    Inputs(Vec<(String, f32)>),
}

impl Shown {
    /// A row of pixels, of which `range` is white to black.
    pub(crate) fn picture(pixels: &[f32], shape: (usize, usize), range: (f32, f32)) -> Result<Self> {
        Ok(Shown::Picture(picture::data_url(pixels, shape, range)?))
    }
}

const NUMBERED: &str = "Rows are numbered among those measured, from 1.";

/// The mistakes, pictures side by side or a table of inputs.
pub(super) fn list(mistakes: &[Mistake]) -> Markup {
    let Some(first) = mistakes.first() else { return html! { p { "None: every row was right." } } };
    match &first.shown {
        Shown::Picture(_) => {
            html! { p { (NUMBERED) } div.mistakes { @for mistake in mistakes { (figure(mistake)) } } }
        }
        Shown::Inputs(inputs) => html! {
            p { (NUMBERED) }
            div.scroll { table.scores {
                thead { tr {
                    @for name in ["row", "true class", "taken for", "probability"] { th { (name) } }
                    @for (name, _) in inputs { th { (name) } }
                } }
                tbody { @for mistake in mistakes { (line(mistake)) } }
            } }
        },
    }
}

fn figure(mistake: &Mistake) -> Markup {
    let Mistake { row, truth, predicted, confidence, shown } = mistake;
    html! { figure {
        @if let Shown::Picture(url) = shown { img src=(url) alt=(format!("row {row}, {truth}")); }
        figcaption { b { (truth) } ", taken for " b { (predicted) } (format!(" ({confidence:.3}), row {row}")) }
    } }
}

fn line(mistake: &Mistake) -> Markup {
    html! { tr {
        th { (mistake.row) }
        td { (mistake.truth) }
        td { (mistake.predicted) }
        td { (format!("{:.4}", mistake.confidence)) }
        @if let Shown::Inputs(inputs) = &mistake.shown { @for (_, value) in inputs { td { (value) } } }
    } }
}
