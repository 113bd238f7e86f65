"""Loads weights with PyTorch, and saves others: pytorch_weights.py DIRECTORY"""

import json
import sys
from pathlib import Path

try:
    import torch
    from torch import nn
except ImportError:
    print("=" * 100)
    print("SKIPPED: PyTorch is not installed, so its part was not tested (pip install torch into target/interop)")
    print("=" * 100)
    sys.exit(0)

import numpy
import safetensors
import safetensors.torch

directory = Path(sys.argv[1])


class Residual(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


class Exported(nn.Module):
    def __init__(self):
        super().__init__()
        block = Residual(nn.Linear(48, 40), nn.LayerNorm(40), nn.GELU(), nn.Linear(40, 48))
        self.layers = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Dropout(0.1), block, nn.SiLU(),
                                    nn.Linear(48, 10), nn.Softmax(1))

    def forward(self, x):
        return self.layers(x)


path = directory / "exported.safetensors"
exported = Exported().eval()
exported.load_state_dict(safetensors.torch.load_file(path))
with safetensors.safe_open(path, "pt") as file:
    metadata = file.metadata()
scaling = torch.tensor(json.loads(metadata["scaling"]), dtype=torch.float32)
assert json.loads(metadata["class_names"]) == [str(k) for k in range(10)], metadata["class_names"]
x = torch.from_numpy(numpy.fromfile(directory / "x32", numpy.float32).reshape(-1, 64))
expected = torch.from_numpy(numpy.fromfile(directory / "p32", numpy.float32).reshape(-1, 10))
with torch.no_grad():
    found = exported((x - scaling[:, 0]) * scaling[:, 1])
error = (found - expected).abs().max().item()
assert error <= 1e-5, error
print(f"PyTorch {torch.__version__}, exported: largest difference {error:.1e}")

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(64, 50), nn.ReLU(), nn.Linear(50, 30), nn.ReLU(), nn.Linear(30, 10))
safetensors.torch.save_file(model.state_dict(), directory / "model.safetensors")
x = x.double()
x.numpy().tofile(directory / "x")
with torch.no_grad():
    model.double()(x).softmax(1).numpy().tofile(directory / "p")
