"""The layers of published graphs: kinds, kernels, strides, pads, groups and shapes of weights, one by one.

Pads of pools are compared at the start of each axis. What the converter wrote at the end is its way to round up as
Caffe does, for the input of 224 that its files have; where sizes divide it is not there, and shapes are compared in
`test_facts`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec.compiler.analyses import types_of
from netspec.compiler.passes.deployed import deployed
from netspec.ir import Node

PUBLISHED: dict[str, list[list[Any]]] = json.loads((Path(__file__).parent / "published_graphs.json").read_text())

#: Published graph -> spec with settings.
SPECS = {
    "bvlc_alexnet": ("alexnet", ["alpha=1e-4", "k=1"]),
    "inception_v1": ("googlenet_2014", []),
    "resnet50": ("resnet50", []),
    "vgg19": ("vgg19", []),
}


@pytest.mark.parametrize("name", SPECS)
def test_layers_are_those_of_the_published_graph(name: str) -> None:
    spec, settings = SPECS[name]
    graph = deployed(netspec.load(spec, settings=settings).graph)
    found = [row for row in map(of_node, graph.walk()) if row is not None]
    # The averages of whole maps are adaptive pools in a spec.
    expected = [of_row(row) for row in PUBLISHED[name] if row[0] != "AveragePool"]
    if name != "bvlc_alexnet":
        assert sum(row[0] == "Conv" for row in expected) == {"inception_v1": 57, "resnet50": 53, "vgg19": 16}[name]
    assert found == expected


def of_node(node: Node) -> tuple[Any, ...] | None:
    """A row as the published graph would have it; None for what it does not list."""
    op: Any = node.op
    types = types_of(node)
    weight = next((list(param.shape) for name, param in op.params(*types).items() if name == "weight"), None)
    if op.name == "conv":
        windows = op.windows(*types)
        kernel, strides = [each.kernel for each in windows], [each.stride for each in windows]
        pads = [each.before for each in windows] + [each.after for each in windows]
        return ("Conv", weight, kernel, strides, pads, op.groups)
    if op.name == "max_pool":
        windows = op.windows(*types)
        return ("MaxPool", *([getattr(w, key) for w in windows] for key in ("kernel", "stride", "before")))
    if op.name == "linear":
        return ("Gemm", weight)
    if op.name == "batch_norm":
        return ("BatchNormalization", weight)
    if op.name == "local_response_norm":
        return ("LRN", op.size, op.alpha, op.beta, op.k)
    return None


def of_row(row: list[Any]) -> tuple[Any, ...]:
    """A row of the published graph, without the pads at the end of a pool."""
    if row[0] == "MaxPool":
        return (*row[:3], row[3][:2])
    return tuple(row)
