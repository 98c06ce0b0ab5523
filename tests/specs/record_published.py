"""Take what the published graphs of ONNX's backend tests say of their layers. Run by hand, from the repository's root:

    python -m tests.specs.record_published FOLDER > tests/specs/published_graphs.json

FOLDER has `light_bvlc_alexnet.onnx` and others, from onnx/backend/test/data/light of the project onnx 1.23 (Apache
2.0), where every large weight is made by ConstantOfShape from its shape. They were converted from Caffe and Caffe2, so
they owe netspec nothing. A row is an operator with weights, or a pool, in the order of the file: kind, shape of the
weights, kernel, strides, pads (at the start of each axis, then at the end), groups; of LRN size, alpha, beta, bias.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import onnx
from onnx import numpy_helper

GRAPHS = ("bvlc_alexnet", "inception_v1", "resnet50", "vgg19")
KINDS = ("Conv", "Gemm", "MaxPool", "AveragePool", "LRN", "BatchNormalization")


def rows(path: Path) -> list[list[Any]]:
    """The operators of a file."""
    graph = onnx.load(path).graph
    shapes = {each.name: [*each.dims] for each in graph.initializer}
    values = {each.name: each for each in graph.initializer}
    for node in graph.node:
        if node.op_type == "ConstantOfShape":
            shapes[node.output[0]] = numpy_helper.to_array(values[node.input[0]]).tolist()
        if node.op_type == "Reshape" and node.input[0] in shapes:  # GoogLeNet's last weights
            shapes[node.output[0]] = numpy_helper.to_array(values[node.input[1]]).tolist()
    return [row(node, shapes) for node in graph.node if node.op_type in KINDS]


def row(node: Any, shapes: dict[str, list[int]]) -> list[Any]:
    """One operator."""
    given = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    if node.op_type == "LRN":
        return [node.op_type, *(round(float(given[key]), 9) for key in ("size", "alpha", "beta", "bias"))]
    if node.op_type == "Gemm":
        return [node.op_type, shapes[node.input[1]]]
    if node.op_type == "BatchNormalization":
        return [node.op_type, shapes[node.input[1]]]
    window = [[*given["kernel_shape"]], [*given.get("strides", [1, 1])], [*given.get("pads", [0] * 4)]]
    if node.op_type != "Conv":
        return [node.op_type, *window]
    return [node.op_type, shapes[node.input[1]], *window, given.get("group", 1)]


def main() -> None:
    folder = Path(sys.argv[1])
    found = {name: rows(folder / f"light_{name}.onnx") for name in GRAPHS}
    lines = (f'"{name}": [\n ' + ",\n ".join(map(json.dumps, each)) + "\n]" for name, each in found.items())
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
