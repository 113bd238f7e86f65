//! `chainrule inspect`

use crate::args::InspectArgs;
use crate::config;
use crate::model::Model;
use crate::stdout::{buffered, print_json, some_of};
use anyhow::Result;
use chainrule_core::Scaling;
use chainrule_data::Encoder;
use chainrule_models::LayerSpec;
use serde_json::{Value, json};
use std::io::Write;

pub(super) fn run(args: &InspectArgs) -> Result<()> {
    let model = Model::load(&args.model)?;
    let classifier = &model.classifier;
    if args.json {
        return print_json(&describe(&model)?);
    }
    let mut out = buffered();
    writeln!(out, "{}\n\n{}", args.model.display(), classifier.summary())?;
    for (position, layer) in classifier.network().layers().enumerate() {
        for parameter in layer.parameters() {
            let (rows, columns) = parameter.shape;
            writeln!(out, "layers.{position}.{}: {rows} × {columns}", parameter.name)?;
        }
    }
    let scaling = classifier.scaling();
    let names: Vec<String> = classifier.class_names().iter().map(|name| format!("{name:?}")).collect();
    writeln!(out, "\nclasses: {}", some_of(&names))?;
    match scaling.columns() {
        None => {
            let (shift, factor) = scaling.column(0);
            writeln!(out, "scaling: (x - {shift}) · {factor}")?;
        }
        Some(columns) => writeln!(out, "scaling: each of the {columns} columns by its own shift and factor")?,
    }
    if let Some(LayerSpec::Softmax { gradient }) = classifier.architecture().layers.last() {
        writeln!(out, "gradient: {}", json!(gradient).as_str().unwrap_or_default().replace('_', "-"))?;
    }
    if let Some(encoder) = &model.encoder {
        writeln!(out, "target: {}\ninputs: {}", encoder.target(), some_of(&encoder.input_names()))?;
    }
    if let Some(config) = &model.config {
        writeln!(out, "\n{}", config::to_toml(config)?)?;
    }
    Ok(out.flush()?)
}

fn describe(model: &Model) -> Result<Value> {
    let classifier = &model.classifier;
    let network = classifier.network();
    let layers: Vec<Value> = network
        .layers()
        .enumerate()
        .map(|(position, layer)| {
            let (inputs, outputs) = layer.width();
            let tensors: Vec<Value> = layer
                .parameters()
                .iter()
                .map(|parameter| {
                    json!({
                        "name": format!("layers.{position}.{}", parameter.name),
                        "shape": parameter.shape,
                    })
                })
                .collect();
            json!({
                "kind": layer.name(),
                "inputs": inputs,
                "outputs": outputs,
                "parameters": network.parameter_range(position).len(),
                "tensors": tensors,
            })
        })
        .collect();
    Ok(json!({
        "inputs": network.inputs(),
        "outputs": network.outputs(),
        "parameters": network.parameters().len(),
        "layers": layers,
        "class_names": classifier.class_names(),
        "input_names": model.encoder.as_ref().map(Encoder::input_names),
        "scaling": describe_scaling(classifier.scaling()),
        "encoder": model.encoder,
        "settings": model.config.as_ref().map(config::to_table).transpose()?,
    }))
}

/// One shift and factor for all columns, or a list of one for each.
fn describe_scaling(scaling: &Scaling) -> Value {
    let column = |column| {
        let (shift, factor) = scaling.column(column);
        json!({ "shift": shift, "factor": factor })
    };
    match scaling.columns() {
        None => column(0),
        Some(columns) => (0..columns).map(column).collect(),
    }
}
