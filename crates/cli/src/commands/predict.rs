//! `chainrule predict`

use crate::args::PredictArgs;
use crate::data::input_rows;
use crate::model::Model;
use crate::stdout::buffered;
use anyhow::Result;
use chainrule_kernels::argmax;
use ndarray::{Array2, ArrayView1};
use serde::{Serialize, Serializer};
use std::io::Write;

pub(super) fn run(args: &PredictArgs) -> Result<()> {
    let model = Model::load(&args.model)?;
    let rows = input_rows(&args.input, args.array.as_deref(), &model)?;
    let probabilities = model.classifier.predict_proba(&*rows)?;
    let class_names = model.classifier.class_names();
    if args.json {
        print_lines(class_names, &probabilities)
    } else {
        print_table(class_names, &probabilities)
    }
}

fn print_table(class_names: &[String], probabilities: &Array2<f32>) -> Result<()> {
    let mut out = csv::Writer::from_writer(buffered());
    out.write_field("class")?;
    out.write_record(class_names)?;
    for row in probabilities.rows() {
        out.write_field(&class_names[argmax(row)])?;
        out.write_record(row.iter().map(f32::to_string))?;
    }
    Ok(out.flush()?)
}

#[derive(Serialize)]
struct Line<'a> {
    class: &'a str,
    probabilities: InOrder<'a>,
}

/// Each class with its probability, in the order of the classes.
struct InOrder<'a>(&'a [String], ArrayView1<'a, f32>);

impl Serialize for InOrder<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().zip(&self.1))
    }
}

fn print_lines(class_names: &[String], probabilities: &Array2<f32>) -> Result<()> {
    let mut out = buffered();
    for row in probabilities.rows() {
        let line = Line { class: &class_names[argmax(row)], probabilities: InOrder(class_names, row) };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    }
    Ok(out.flush()?)
}
