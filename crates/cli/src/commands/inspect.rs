//! `chainrule inspect`

use crate::args::InspectArgs;
use crate::stdout::{buffered, print_json};
use anyhow::Result;
use chainrule_models::{Classifier, LayerSpec};
use serde_json::{Value, json};
use std::io::Write;

pub(super) fn run(args: &InspectArgs) -> Result<()> {
    let classifier = Classifier::<f32>::load(&args.model)?;
    if args.json {
        return print_json(&describe(&classifier));
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
    writeln!(out, "\nclasses: {}", classifier.class_names().join(", "))?;
    writeln!(out, "scaling: (x - {}) · {}", scaling.shift(), scaling.factor())?;
    if let Some(LayerSpec::Softmax { gradient }) = classifier.architecture().layers.last() {
        writeln!(out, "gradient: {}", json!(gradient).as_str().unwrap_or_default().replace('_', "-"))?;
    }
    Ok(out.flush()?)
}

fn describe(classifier: &Classifier<f32>) -> Value {
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
    json!({
        "inputs": network.inputs(),
        "outputs": network.outputs(),
        "parameters": network.parameters().len(),
        "layers": layers,
        "class_names": classifier.class_names(),
        "scaling": { "shift": classifier.scaling().shift(), "factor": classifier.scaling().factor() },
    })
}
