"""Makes imports/*.safetensors, weights as PyTorch and scikit-learn have them, and imports.json, inputs and the probabilities that
those packages give for them.

    python tests/golden/imports.py tests/golden/imports > tests/golden/imports.json

Made by Python 3.11.7, numpy 2.4.6, safetensors 0.8.0, torch 2.15.0 and scikit-learn 1.9.1. Probabilities are those of the stored
weights in float64.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy
import safetensors.numpy
import safetensors.torch
import torch
from sklearn.datasets import make_classification
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from torch import nn

OUT = Path(sys.argv[1])


class Residual(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


class InLayers(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


class Named(nn.Module):
    """Names of a tutorial; the ninth and the tenth, so that the order of the alphabet is the wrong one."""

    def __init__(self):
        super().__init__()
        self.fc9, self.fc10 = nn.Linear(4, 7, bias=False), nn.Linear(7, 2)

    def forward(self, x):
        return self.fc10(torch.tanh(self.fc9(x)))


def torch_case(name, model, dtype):
    model = model.to(dtype).eval()
    safetensors.torch.save_file(model.state_dict(), OUT / f"{name}.safetensors")
    x = torch.randn(5, 4, dtype=torch.float32).double()
    return {"file": f"{name}.safetensors", "x": x.tolist(),
            "probabilities": model.double()(x).softmax(1).tolist()}


def sklearn_case(name, classes, scaled, **settings):
    x, y = make_classification(80, 4, n_informative=4, n_redundant=0, n_classes=classes, n_clusters_per_class=1,
                               random_state=classes)
    x = (5 * x + 2).astype(numpy.float32).astype(float)
    names = numpy.array(["red", "green", "blue"])[:classes]
    scaler = StandardScaler().fit(x)
    model = MLPClassifier(max_iter=30, random_state=1, **settings).fit(scaler.transform(x) if scaled else x, names[y])
    tensors = {}
    for i, (coefficients, intercepts) in enumerate(zip(model.coefs_, model.intercepts_)):
        tensors[f"coefs.{i}"] = numpy.ascontiguousarray(coefficients)
        tensors[f"intercepts.{i}"] = intercepts
    if scaled:
        tensors["mean"], tensors["scale"] = scaler.mean_, scaler.scale_
    safetensors.numpy.save_file(tensors, OUT / f"{name}.safetensors", metadata={
        "activation": model.activation, "out_activation": model.out_activation_,
        "classes": json.dumps([str(name) for name in model.classes_]),
    })
    rows = scaler.transform(x[:5]) if scaled else x[:5]
    return {"file": f"{name}.safetensors", "classes": model.classes_.tolist(), "x": x[:5].tolist(),
            "probabilities": model.predict_proba(rows).tolist()}


def cases():
    torch.manual_seed(0)
    relu = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    yield torch_case("pytorch_sequential", relu, torch.float32)
    yield torch_case("pytorch_named", Named(), torch.float64)
    block = Residual(nn.LayerNorm(6), nn.Linear(6, 8), nn.GELU(), nn.Dropout(0.5), nn.Linear(8, 6))
    for parameter in block.layers[0].parameters():
        nn.init.normal_(parameter)
    yield torch_case("pytorch_residual", InLayers(nn.Linear(4, 6), block, nn.SiLU(), nn.Linear(6, 3)), torch.float32)
    yield sklearn_case("sklearn_three", 3, True, hidden_layer_sizes=(6, 5), activation="tanh")
    yield sklearn_case("sklearn_two", 2, False, hidden_layer_sizes=(5,), activation="relu")
    yield sklearn_case("sklearn_no_hidden", 2, True, hidden_layer_sizes=(), activation="logistic")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    OUT.mkdir(exist_ok=True)
    print('{"imports": [\n' + ",\n".join(map(json.dumps, cases())) + "\n]}")
