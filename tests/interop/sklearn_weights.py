"""Trains scikit-learn's MLPClassifier and writes its weights: sklearn_weights.py DATA SETTINGS DIRECTORY"""

import json
import sys
import warnings
from pathlib import Path

import numpy
import safetensors.numpy
from sklearn import datasets
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

data, settings, directory = sys.argv[1], json.loads(sys.argv[2]), Path(sys.argv[3])
warnings.simplefilter("ignore")  # that it has not converged
x, y = getattr(datasets, f"load_{data}")(return_X_y=True)
scaler = StandardScaler().fit(x)
model = MLPClassifier(max_iter=20, random_state=0, **settings).fit(scaler.transform(x), y)

# The lines of `Classifier::import_sklearn`'s documentation.
tensors = {}
for i, (coefficients, intercepts) in enumerate(zip(model.coefs_, model.intercepts_)):
    tensors[f"coefs.{i}"] = numpy.ascontiguousarray(coefficients)
    tensors[f"intercepts.{i}"] = intercepts
tensors["mean"], tensors["scale"] = scaler.mean_, scaler.scale_
safetensors.numpy.save_file(tensors, directory / "model.safetensors", metadata={
    "activation": model.activation, "out_activation": model.out_activation_,
    "classes": json.dumps([str(name) for name in model.classes_]),
})

x.astype(numpy.float64).tofile(directory / "x")
model.predict_proba(scaler.transform(x)).astype(numpy.float64).tofile(directory / "p")
