"""Runs an exported graph in onnxruntime: onnx_model.py NAME MODEL INPUTS PROBABILITIES"""

import json
import sys

import numpy as np
import onnx
import onnxruntime

name, path, inputs, probabilities = sys.argv[1:]
onnx.checker.check_model(onnx.load(path), full_check=True)
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
(given,) = session.get_inputs()
outputs = {output.name: output for output in session.get_outputs()}
assert (given.name, given.type, given.shape[0]) == ("input", "tensor(float)", "batch"), given
assert list(outputs) == ["probabilities", "label"], outputs
assert outputs["label"].type == "tensor(int64)", outputs["label"]
classes = outputs["probabilities"].shape[1]
names = json.loads(session.get_modelmeta().custom_metadata_map["class_names"])
assert names == [f"the “{k}”" for k in range(classes)], names

x = np.fromfile(inputs, np.float32).reshape(-1, given.shape[1])
expected = np.fromfile(probabilities, np.float32).reshape(len(x), classes)
found, label = session.run(["probabilities", "label"], {"input": x})
error = np.abs(found - expected).max()
assert found.shape == expected.shape and error <= 1e-5, error
assert (label == found.argmax(1)).all() and label.shape == (len(x),)
one, _ = session.run(None, {"input": x[:1]})
assert np.abs(one - expected[:1]).max() <= 1e-5
print(f"onnxruntime {onnxruntime.__version__}, {name}: {len(x)} rows, largest difference {error:.1e}")
