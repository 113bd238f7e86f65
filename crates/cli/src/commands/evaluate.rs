//! `chainrule evaluate`

use crate::args::EvaluateArgs;
use crate::machine;
use crate::model::Model;
use crate::stdout::{buffered, print_json};
use anyhow::Result;
use chainrule_models::{Evaluation, Samples};
use ndarray::Array2;
use serde_json::json;
use std::io::{self, Write};

/// Up to so many classes the pairs are printed as a table.
const MOST_CLASSES: usize = 40;

pub(super) fn run(args: &EvaluateArgs) -> Result<()> {
    let model = Model::load(&args.model)?;
    let rows = args.rows.load(&model)?;
    let classifier = &model.classifier;
    let samples = Samples::new(&rows.set, rows.set.targets());
    let measure = || Ok((classifier.evaluate(samples)?, classifier.report(samples)?));
    let (Evaluation { loss, accuracy, confusion }, report) = machine::on_threads(args.rows.threads, measure)?;
    if args.json {
        return print_json(&json!({
            "model": args.model.display().to_string(),
            "data": rows.title,
            "rows": rows.set.len(),
            "loss": loss,
            "accuracy": accuracy,
            "class_names": classifier.class_names(),
            "confusion": confusion.outer_iter().map(|row| row.to_vec()).collect::<Vec<_>>(),
            "report": report,
        }));
    }
    let mut out = buffered();
    let count = rows.set.len();
    write!(out, "{} of {count} rows: loss {loss:.4}, accuracy {accuracy:.4}\n\n{report}", rows.title)?;
    if classifier.class_names().len() <= MOST_CLASSES {
        writeln!(out, "\nrows by true class (down) and predicted class (across):\n")?;
        print_table(&mut out, classifier.class_names(), &confusion)?;
    }
    Ok(out.flush()?)
}

/// A square table with the names at both edges.
fn print_table(out: &mut impl Write, names: &[String], counts: &Array2<usize>) -> io::Result<()> {
    let length = |text: &String| text.chars().count();
    let edge = names.iter().map(length).max().unwrap_or_default();
    let widths: Vec<usize> = names
        .iter()
        .zip(counts.columns())
        .map(|(name, column)| {
            column.iter().map(usize::to_string).chain([name.clone()]).map(|t| length(&t)).max()
        })
        .map(Option::unwrap_or_default)
        .collect();
    write!(out, "{:edge$}", "")?;
    for (name, width) in names.iter().zip(&widths) {
        write!(out, "  {name:>width$}")?;
    }
    writeln!(out)?;
    for (name, row) in names.iter().zip(counts.rows()) {
        write!(out, "{name:<edge$}")?;
        for (count, width) in row.iter().zip(&widths) {
            write!(out, "  {count:>width$}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}
