//! `chainrule evaluate`

use crate::args::EvaluateArgs;
use crate::stdout::{buffered, print_json};
use crate::{data::Parts, machine};
use anyhow::{Result, ensure};
use chainrule_models::{Classifier, Evaluation, Samples};
use ndarray::Array2;
use serde_json::json;
use std::io::{self, Write};

pub(super) fn run(args: &EvaluateArgs) -> Result<()> {
    let classifier = Classifier::<f32>::load(&args.model)?;
    let Parts { test, .. } = args.data.load(args.seed)?;
    let (width, classes) = (classifier.network().inputs(), classifier.network().outputs());
    ensure!(
        (width, classes) == (test.width(), test.class_names().len()),
        "{}: the model takes rows of {width} columns and knows {classes} classes, but {} has {} columns and {} \
         classes; choose the --data that it was trained on",
        args.model.display(),
        args.data.data,
        test.width(),
        test.class_names().len()
    );
    let evaluation =
        machine::on_threads(args.threads, || Ok(classifier.evaluate(Samples::new(&test, test.targets()))?))?;
    let Evaluation { loss, accuracy, confusion } = evaluation;
    if args.json {
        return print_json(&json!({
            "model": args.model.display().to_string(),
            "data": args.data.data,
            "seed": args.seed,
            "rows": test.len(),
            "loss": loss,
            "accuracy": accuracy,
            "class_names": classifier.class_names(),
            "confusion": confusion.outer_iter().map(|row| row.to_vec()).collect::<Vec<_>>(),
        }));
    }
    let mut out = buffered();
    writeln!(
        out,
        "{}, test part of {} rows: loss {loss:.4}, accuracy {accuracy:.4}",
        args.data.data,
        test.len()
    )?;
    writeln!(out, "\nrows by true class (down) and predicted class (across):\n")?;
    print_table(&mut out, classifier.class_names(), &confusion)?;
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
