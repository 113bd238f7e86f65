//! `chainrule predict`

use crate::args::PredictArgs;
use crate::data::input_rows;
use crate::model::Model;
use crate::stdout::buffered;
use anyhow::Result;
use chainrule_kernels::argmax;
use ndarray::Array2;
use serde_json::{Map, Value, json};
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

fn print_lines(class_names: &[String], probabilities: &Array2<f32>) -> Result<()> {
    let mut out = buffered();
    for row in probabilities.rows() {
        let of_class: Map<String, Value> =
            class_names.iter().cloned().zip(row.iter().map(|&p| json!(p))).collect();
        writeln!(out, "{}", json!({ "class": class_names[argmax(row)], "probabilities": of_class }))?;
    }
    Ok(out.flush()?)
}
