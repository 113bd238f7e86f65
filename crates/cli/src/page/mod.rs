//! The report: one HTML page that holds all it needs.

mod confusion;
mod mistakes;
mod picture;
mod scores;
mod training;

pub(crate) use mistakes::{Mistake, Shown};
pub(crate) use training::Training;

use crate::charts;
use anyhow::Result;
use chainrule_models::metrics::ClassificationReport;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// All that the page shows.
pub(crate) struct Page<'a> {
    /// The model's file.
    pub(crate) model: String,
    /// The rows that it was measured on.
    pub(crate) rows: String,
    pub(crate) report: &'a ClassificationReport,
    /// How the training went, or why that is not known.
    pub(crate) training: Result<Training>,
    /// The most confident ones first.
    pub(crate) mistakes: &'a [Mistake],
    /// (name, value) of the model and the data.
    pub(crate) summary: Vec<(&'static str, String)>,
    /// A table of the layers.
    pub(crate) layers: String,
    /// The settings, as TOML.
    pub(crate) settings: Option<String>,
}

impl Page<'_> {
    /// The text of the HTML file.
    pub(crate) fn render(&self) -> Result<String> {
        let reliability = charts::reliability(&self.report.reliability)?;
        let title = format!("chainrule: {}", self.rows);
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    // An icon of nothing: browsers ask for one that there is not.
                    link rel="icon" href="data:,";
                    title { (title) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header {
                        h1 { "How good is this classifier?" }
                        p { code { (self.model) } " on " (self.rows) ": " (self.report.rows) " rows." }
                        (scores::tiles(self.report))
                    }
                    main {
                        (section("curves", "Training", html! {
                            @match &self.training {
                                Ok(Training { curves, ending }) => {
                                    figure { (PreEscaped(curves)) }
                                    p { (ending) }
                                }
                                Err(why) => p { "The curves are not known: " (format!("{why:#}")) "." }
                            }
                        }))
                        (section("confusion", "Confusion", confusion::matrix(self.report)))
                        (section("classes", "Classes", scores::table(self.report)))
                        (section("calibration", "Calibration", html! {
                            figure { (PreEscaped(reliability)) }
                            p {
                                "Where bars end above the line, rows were right more often than their probability said; below, less. Expected calibration error "
                                (format!("{:.4}", self.report.reliability.expected_error)) "."
                            }
                        }))
                        (section("mistakes", "Most confident mistakes", mistakes::list(self.mistakes)))
                        (section("model", "Model and data", html! {
                            dl { @for (name, value) in &self.summary { dt { (name) } dd { (value) } } }
                            pre { (self.layers) }
                        }))
                        @if let Some(settings) = &self.settings {
                            (section("settings", "Settings", html! { pre { (settings) } }))
                        }
                    }
                    footer { "Made by chainrule " (env!("CARGO_PKG_VERSION")) "." }
                }
            }
        };
        Ok(page.into_string())
    }
}

fn section(id: &str, title: &str, content: Markup) -> Markup {
    html! { section id=(id) { h2 { (title) } (content) } }
}
