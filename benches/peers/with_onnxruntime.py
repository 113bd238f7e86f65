"""onnxruntime's side of `make compare`."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import protocol


def model(hidden):
    """Gemm and Relu for each layer, then Softmax; any number of rows."""
    widths = [protocol.PIXELS, *hidden, protocol.CLASSES]
    nodes, weights, x = [], [], "x"
    for layer, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
        w, b, z, y = (f"{name}{layer}" for name in "wbzy")
        weights.append(numpy_helper.from_array(protocol.normal(inputs, outputs) * np.float32((2 / inputs) ** 0.5), w))
        weights.append(numpy_helper.from_array(np.zeros(outputs, np.float32), b))
        nodes.append(helper.make_node("Gemm", [x, w, b], [z]))
        last = layer == len(hidden)
        nodes.append(helper.make_node("Softmax" if last else "Relu", [z], ["y" if last else y]))
        x = y
    rows = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", width])
        for name, width in [("x", protocol.PIXELS), ("y", protocol.CLASSES)]
    ]
    graph = helper.make_graph(nodes, "classifier", rows[:1], rows[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def predict(args):
    """Inputs and outputs are bound once, so that a call allocates nothing."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model(args.hidden).SerializeToString(), options, ["CPUExecutionProvider"])
    binding = session.io_binding()
    x = onnxruntime.OrtValue.ortvalue_from_numpy(protocol.normal(args.rows, protocol.PIXELS))
    y = onnxruntime.OrtValue.ortvalue_from_numpy(np.empty((args.rows, protocol.CLASSES), np.float32))
    binding.bind_ortvalue_input("x", x)
    binding.bind_ortvalue_output("y", y)
    return protocol.time_calls(args.seconds, lambda: session.run_with_iobinding(binding))


if __name__ == "__main__":
    protocol.run({"predict": predict}, ["onnxruntime"])
