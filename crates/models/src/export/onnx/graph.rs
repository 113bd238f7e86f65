use super::messages::{Attribute, FLOAT, Graph, INT64, Node, Tensor, Value};
use crate::{Classifier, LayerSpec};
use chainrule_core::{Real, Scaling};
use std::f64::consts::FRAC_1_SQRT_2;

const INPUT: &str = "input";
const PROBABILITIES: &str = "probabilities";
const LABEL: &str = "label";

/// A classifier's graph: scaling, layers, the most probable class.
pub(super) fn graph<F: Real>(classifier: &Classifier<F>) -> Graph {
    let mut drawing = Drawing { classifier, position: 0, nodes: Vec::new(), tensors: Vec::new() };
    let scaled = drawing.scaling(classifier.scaling());
    let last = drawing.layers(&classifier.architecture().layers, scaled);
    // The last node is the softmax: by its name the graph gives it out.
    if let Some(node) = drawing.nodes.last_mut() {
        debug_assert_eq!(node.output, [last]);
        node.output = vec![PROBABILITIES.to_owned()];
    }
    let attributes = vec![Attribute::int("axis", 1), Attribute::int("keepdims", 0)];
    drawing.node(LABEL, "ArgMax", &[PROBABILITIES], attributes);
    let network = classifier.network();
    Graph {
        node: drawing.nodes,
        name: "classifier".to_owned(),
        initializer: drawing.tensors,
        input: vec![Value::batch(INPUT, FLOAT, Some(network.inputs()))],
        output: vec![
            Value::batch(PROBABILITIES, FLOAT, Some(network.outputs())),
            Value::batch(LABEL, INT64, None),
        ],
    }
}

/// A graph in the making: nodes in the order in which they compute.
struct Drawing<'c, F: Real> {
    classifier: &'c Classifier<F>,
    /// Of the next layer in the network, where a residual block's sum comes after its layers.
    position: usize,
    nodes: Vec<Node>,
    tensors: Vec<Tensor>,
}

impl<F: Real> Drawing<'_, F> {
    /// (x - shift) · factor
    fn scaling(&mut self, scaling: &Scaling) -> String {
        if *scaling == Scaling::IDENTITY {
            return INPUT.to_owned();
        }
        let (shifts, factors): (Vec<F>, Vec<F>) = (0..scaling.columns().unwrap_or(1))
            .map(|column| scaling.column(column))
            .map(|(shift, factor)| (F::of(shift), F::of(factor)))
            .unzip();
        let dims = [shifts.len()];
        self.tensor("scaling.shift", &dims, &shifts);
        self.tensor("scaling.factor", &dims, &factors);
        self.node("scaling.shifted", "Sub", &[INPUT, "scaling.shift"], vec![]);
        self.node("scaling", "Mul", &["scaling.shifted", "scaling.factor"], vec![])
    }

    fn layers(&mut self, layers: &[LayerSpec], input: String) -> String {
        layers.iter().fold(input, |x, layer| self.layer(layer, x))
    }

    /// Draws a layer that reads `x`, and names what it gives.
    fn layer(&mut self, layer: &LayerSpec, x: String) -> String {
        if let LayerSpec::Residual { layers } = layer {
            let inside = self.layers(layers, x.clone());
            let (name, _) = self.next();
            return self.node(&name, "Add", &[&inside, &x], vec![]);
        }
        let (name, parameters) = self.next();
        let last_axis = || Attribute::int("axis", -1);
        match *layer {
            LayerSpec::Dense { outputs, bias, .. } => {
                let weights = parameters.len() / outputs - usize::from(bias);
                let (weight, biases) = parameters.split_at(weights * outputs);
                let weight = self.tensor(&format!("{name}.weight"), &[weights, outputs], weight);
                if bias {
                    let bias = self.tensor(&format!("{name}.bias"), &[outputs], biases);
                    self.node(&name, "Gemm", &[&x, &weight, &bias], vec![])
                } else {
                    self.node(&name, "MatMul", &[&x, &weight], vec![])
                }
            }
            LayerSpec::LayerNorm { epsilon } => {
                let (gain, bias) = parameters.split_at(parameters.len() / 2);
                let gain = self.tensor(&format!("{name}.gain"), &[gain.len()], gain);
                let bias = self.tensor(&format!("{name}.bias"), &[bias.len()], bias);
                let attributes = vec![last_axis(), Attribute::float("epsilon", epsilon as f32)];
                self.node(&name, "LayerNormalization", &[&x, &gain, &bias], attributes)
            }
            LayerSpec::Dropout { .. } | LayerSpec::Linear => x,
            LayerSpec::Relu => self.node(&name, "Relu", &[&x], vec![]),
            LayerSpec::LeakyRelu { slope } => {
                self.node(&name, "LeakyRelu", &[&x], vec![Attribute::float("alpha", slope as f32)])
            }
            LayerSpec::Elu { alpha } => {
                self.node(&name, "Elu", &[&x], vec![Attribute::float("alpha", alpha as f32)])
            }
            LayerSpec::Gelu => self.gelu(&name, &x),
            LayerSpec::Silu => {
                let sigmoid = self.node(&format!("{name}.sigmoid"), "Sigmoid", &[&x], vec![]);
                self.node(&name, "Mul", &[&x, &sigmoid], vec![])
            }
            LayerSpec::Sigmoid => self.node(&name, "Sigmoid", &[&x], vec![]),
            LayerSpec::Tanh => self.node(&name, "Tanh", &[&x], vec![]),
            LayerSpec::Softmax { .. } => self.node(&name, "Softmax", &[&x], vec![last_axis()]),
            LayerSpec::LogSoftmax => self.node(&name, "LogSoftmax", &[&x], vec![last_axis()]),
            LayerSpec::Residual { .. } => unreachable!("drawn above"),
        }
    }

    /// x (1 + erf(x / √2)) / 2: ONNX has a node of its own only since opset 20.
    fn gelu(&mut self, name: &str, x: &str) -> String {
        let inner = |part: &str| format!("{name}.{part}");
        let factor = self.tensor(&inner("inverse_root_2"), &[], &[F::of(FRAC_1_SQRT_2)]);
        let one = self.tensor(&inner("one"), &[], &[F::one()]);
        let half = self.tensor(&inner("half"), &[], &[F::of(0.5)]);
        let scaled = self.node(&inner("scaled"), "Mul", &[x, &factor], vec![]);
        let erf = self.node(&inner("erf"), "Erf", &[&scaled], vec![]);
        let sum = self.node(&inner("sum"), "Add", &[&erf, &one], vec![]);
        let product = self.node(&inner("product"), "Mul", &[x, &sum], vec![]);
        self.node(name, "Mul", &[&product, &half], vec![])
    }

    /// Name and parameters of the next layer of the network.
    fn next(&mut self) -> (String, Vec<F>) {
        let network = self.classifier.network();
        let position = self.position;
        self.position += 1;
        (format!("layers.{position}"), network.parameters()[network.parameter_range(position)].to_vec())
    }

    /// Adds a node of one output, which is named as the node is.
    fn node(&mut self, name: &str, op_type: &str, input: &[&str], attribute: Vec<Attribute>) -> String {
        self.nodes.push(Node {
            input: input.iter().map(|&name| name.to_owned()).collect(),
            output: vec![name.to_owned()],
            name: name.to_owned(),
            op_type: op_type.to_owned(),
            attribute,
        });
        name.to_owned()
    }

    /// Adds numbers, as float32.
    fn tensor(&mut self, name: &str, dims: &[usize], numbers: &[F]) -> String {
        self.tensors.push(Tensor {
            dims: dims.iter().map(|&extent| extent as i64).collect(),
            data_type: FLOAT,
            name: name.to_owned(),
            raw_data: numbers.iter().flat_map(|x| (x.as_f64() as f32).to_le_bytes()).collect(),
        });
        name.to_owned()
    }
}
