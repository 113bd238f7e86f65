"""Writes the files beside it, as NumPy, PyTorch and Arrow write them. `../arrays.rs` reads the arrays,
`../../src/table/parquet_tests.rs` the tables.

    python generate.py        # numpy 2.4.6, safetensors 0.8.0, torch 2.15.0, pyarrow 26.0.1
"""

import pathlib

import numpy as np
import pyarrow
import pyarrow.parquet
import torch
from safetensors.torch import save_file

here = pathlib.Path(__file__).parent

# Four rows of three, and as images of 3 × 2: row i, element j holds (5 i + 3 j) mod 7, less 3 if it can be, over 4 if it can
# be.
plain = (5 * np.arange(4)[:, None] + 3 * np.arange(3)) % 7
images = ((5 * np.arange(4)[:, None] + 3 * np.arange(6)) % 7).reshape(4, 3, 2)


def inputs(values, dtype):
    if dtype[1] == "b":
        return (values > 2).astype(dtype)
    if dtype[1] == "u":
        return values.astype(dtype)
    return ((values - 3) / (4 if dtype[1] == "f" else 1)).astype(dtype)


kinds = ["|b1", "|u1", "|i1"] + [order + kind for order in "<>" for kind in
         ["u2", "u4", "u8", "i2", "i4", "i8", "f2", "f4", "f8"]]
arrays = {}
for kind in kinds:
    arrays["x" + kind[0].replace("<", "l").replace(">", "b").replace("|", "o") + kind[1:]] = inputs(plain, kind)
arrays["columns_first"] = np.asfortranarray(inputs(plain, "<f4"))
arrays["columns_first_bytes"] = np.asfortranarray(inputs(plain, "|u1"))
arrays["images"] = inputs(images, "|u1")
arrays["images_columns_first"] = np.asfortranarray(inputs(images, "<f8"))
# Classes 1, 0, 2, 0 in order.
arrays["y_integers"] = np.array([9, -1, 10, -1])
arrays["y_floats"] = np.array([[9.5], [-1.0], [10.0], [-1.0]], dtype="f4")
arrays["y_booleans"] = np.array([True, False, True, False])
arrays["y_texts"] = np.array(["b", "a", "äöü猫", "a"])
arrays["y_texts_big"] = np.array(["b", "a", "äöü猫", "a"]).astype(">U4")
arrays["y_bytes"] = np.array([b"b", b"a", "ä".encode(), b"a"])
np.savez(here / "stored.npz", **arrays)
np.savez_compressed(here / "compressed.npz", **arrays)

for version in [(1, 0), (2, 0), (3, 0)]:
    with open(here / f"version{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, inputs(plain, "<f4"), version=version)

tensor = torch.tensor((plain - 3) / 4)
save_file({
    "f64": tensor,
    "f32": tensor.float(),
    "f16": tensor.half(),
    "bf16": tensor.bfloat16(),
    "labels": torch.tensor([9, -1, 10, -1]),
}, here / "tensors.safetensors")

table = pyarrow.table({
    "size": pyarrow.array([1.5, None, 3.0, 4.0], pyarrow.float64()),
    "count": pyarrow.array([1, 2, 3, -4], pyarrow.int32()),
    "small": pyarrow.array([1, 2, 3, 4], pyarrow.uint8()),
    "half": pyarrow.array([0.5, 1, 2, 3], pyarrow.float32()),
    "colour": ["red", "blue\nand white", None, "red"],
    "kind": pyarrow.array(["a", "b", "b", "a"]).dictionary_encode(),
    "good": [True, False, True, False],
})
for codec in ["none", "snappy", "gzip", "lz4"]:
    pyarrow.parquet.write_table(table, here / f"{codec}.parquet", compression=codec, row_group_size=3, store_schema=False)
nested = pyarrow.table({"y": ["a", "b"], "x": [[1, 2], [3]]})
pyarrow.parquet.write_table(nested, here / "nested.parquet", store_schema=False)
