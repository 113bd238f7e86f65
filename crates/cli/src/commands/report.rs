//! `chainrule report`

use crate::args::{ClassifierName, Config, ReportArgs};
use crate::data::LabelledRows;
use crate::model::Model;
use crate::output_directory::OutputDirectory;
use crate::page::{Mistake, Page, Shown, Training};
use crate::stdout::{print_json, some_of};
use crate::{config, machine, model};
use anyhow::{Context, Result, ensure};
use chainrule_core::Rows;
use chainrule_data::DataSet;
use chainrule_kernels::argmax;
use chainrule_models::metrics::{ClassificationReport, Predictions};
use ndarray::Array2;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Mistakes that are shown.
const MISTAKES: usize = 24;
/// Inputs of a row that are shown, if it is no image.
const INPUTS: usize = 8;
/// Beside the model: what `train` wrote of itself.
const METRICS: &str = "metrics.json";

#[derive(Deserialize)]
struct Metrics {
    parameters_sha256: String,
    /// By the kind of classifier that it is of.
    history: Value,
}

pub(super) fn run(args: &ReportArgs) -> Result<()> {
    let model = Model::load(&args.model)?;
    let rows = args.rows.load(&model)?;
    let beside = |name: &str| model.path.with_file_name(name);
    let out = args.out.clone().unwrap_or_else(|| beside("report.html"));
    let metrics = beside(METRICS);
    let data = args.rows.files(model.config.as_ref().map(|config| &config.data));
    let inputs = [args.model.as_path(), metrics.as_path()].into_iter().chain(data);
    let (directory, name) = OutputDirectory::of_file(&out, inputs)?;
    let probabilities =
        machine::on_threads(args.rows.threads, || Ok(model.classifier.predict_proba(&rows.set)?))?;
    let predictions = Predictions::new(rows.set.labels(), probabilities.view(), None)?;
    let report = ClassificationReport::new(&predictions, model.classifier.class_names())?;
    let page = Page {
        model: model.path.display().to_string(),
        rows: rows.title.clone(),
        report: &report,
        training: training(&metrics, &model),
        mistakes: &mistakes(&model, &rows, &probabilities)?,
        summary: summary(&model, &rows.set),
        layers: model.classifier.summary(),
        settings: model.config.as_ref().map(config::to_toml).transpose()?,
    };
    directory.write(name, page.render()?.as_bytes())?;
    if args.json {
        return print_json(&report);
    }
    Ok(writeln!(io::stdout(), "{report}\n{}: open it in a browser", out.display())?)
}

/// How the model's training went, by a file of metrics.
fn training(metrics: &Path, model: &Model) -> Result<Training> {
    ensure!(metrics.exists(), "there is no {METRICS} beside the model");
    let config = model.config.as_ref();
    match config.map(|config| config.training.classifier) {
        Some(ClassifierName::SoftmaxRegression) => Training::by_iterations(&history(metrics, model)?),
        _ => Training::by_epochs(&history(metrics, model)?, config.map_or("validation", Config::held_out)),
    }
}

fn history<H: DeserializeOwned>(metrics: &Path, model: &Model) -> Result<H> {
    let named = || metrics.display().to_string();
    let text = fs::read_to_string(metrics).with_context(named)?;
    let Metrics { parameters_sha256, history } = serde_json::from_str(&text).with_context(named)?;
    ensure!(
        parameters_sha256 == model::parameters_sha256(&model.classifier),
        "{} is of another model",
        named()
    );
    serde_json::from_value(history).with_context(named)
}

/// The mistakes of which the model was surest.
fn mistakes(model: &Model, rows: &LabelledRows, probabilities: &Array2<f32>) -> Result<Vec<Mistake>> {
    let labels = rows.set.labels();
    let mut wrong: Vec<(usize, usize, f32)> = probabilities
        .outer_iter()
        .enumerate()
        .map(|(row, p)| (row, argmax(p), p[argmax(p)]))
        .filter(|(row, predicted, _)| *predicted != labels[*row])
        .collect();
    wrong.sort_by(|a, b| b.2.total_cmp(&a.2));
    wrong.truncate(MISTAKES);
    let mut inputs = Array2::<f32>::zeros((wrong.len(), rows.set.width()));
    rows.set.gather(&Vec::from_iter(wrong.iter().map(|(row, ..)| *row)), inputs.view_mut())?;
    let range =
        inputs.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
    let names = input_names(model, rows.set.width());
    let names_of = model.classifier.class_names();
    let mistake = |((row, predicted, confidence), inputs): ((usize, usize, f32), &[f32])| {
        Ok(Mistake {
            row: row + 1,
            truth: names_of[labels[row]].clone(),
            predicted: names_of[predicted].clone(),
            confidence: f64::from(confidence),
            shown: match rows.image_shape {
                Some(shape) => Shown::picture(inputs, shape, range)?,
                None => {
                    Shown::Inputs(names.iter().cloned().zip(inputs.iter().copied()).take(INPUTS).collect())
                }
            },
        })
    };
    let width = rows.set.width();
    let inputs = inputs.as_slice().unwrap_or_default().chunks(width);
    wrong.into_iter().zip(inputs).map(mistake).collect()
}

fn input_names(model: &Model, width: usize) -> Vec<String> {
    match &model.encoder {
        Some(encoder) => encoder.input_names(),
        None => (1..=width).map(|column| format!("column {column}")).collect(),
    }
}

fn summary(model: &Model, rows: &DataSet) -> Vec<(&'static str, String)> {
    let classifier = &model.classifier;
    let mut counts = vec![0_usize; classifier.class_names().len()];
    rows.labels().iter().for_each(|&label| counts[label] += 1);
    let (least, most) =
        (counts.iter().min().copied().unwrap_or(0), counts.iter().max().copied().unwrap_or(0));
    let mut summary = vec![
        ("rows measured", rows.len().to_string()),
        ("classes", format!("{} ({least} to {most} rows each)", classifier.class_names().len())),
        ("inputs", rows.width().to_string()),
        ("parameters", classifier.network().parameters().len().to_string()),
        (
            "preprocessing",
            match classifier.scaling().columns() {
                None => {
                    let (shift, factor) = classifier.scaling().column(0);
                    format!("(x - {shift}) · {factor}")
                }
                Some(_) => "each column by its own shift and factor".to_owned(),
            },
        ),
    ];
    if let Some(encoder) = &model.encoder {
        summary.push(("target", encoder.target().to_owned()));
        summary.push(("columns", some_of(&encoder.input_names())));
    }
    summary
}
