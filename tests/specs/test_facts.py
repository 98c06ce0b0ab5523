"""Every ConvNet and perceptron of the facts has a spec with its parameters, multiply-accumulates and shapes."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import Any

import pytest

import netspec
from netspec.compiler.analyses import Layer, counts, layers
from netspec.compiler.passes.deployed import deployed
from tests.specs.zoo import OTHERS, SPECS, facts

#: First words of the facts' ops -> ops of the specs: what has weights, pools and norms, which are compared one by one.
#: Not the averages of whole maps, which are adaptive pools in a spec; nor batch norms, each of which is two in Caffe.
KINDS = {
    "conv": "conv", "local": "locally_connected", "fc": "linear", "linear": "linear", "maxpool": "max_pool",
    "max": "max_pool", "avgpool": "avg_pool", "average": "avg_pool", "L2": "lp_pool", "lrn": "local_response_norm",
    "contrast": "local_response_norm",
}  # fmt: skip
#: Compared by the names of their layers, which the specs share, since one layer of the paper is several ops.
BY_NAME = {"mcculloch_pitts": {"gate": "fires"}, "lenet5_1998": {}}
#: Caffe lists the projection before the block that it goes around.
OTHER_ORDER = {"resnet50_2015_caffe", "resnet101_2015_caffe", "resnet152_2015_caffe"}
#: Its norm is Caffe's within a channel, which is an average pool and equations in the spec.
NORMS_OF_MANY_OPS = {"zf_faster_rcnn_conv1_5": {"local_response_norm", "avg_pool"}}

Row = tuple[str, tuple[int, ...], int, int]


def test_every_network_of_the_facts_is_here_or_named_as_another_kind() -> None:
    assert not SPECS.keys() & OTHERS
    assert SPECS.keys() | OTHERS == facts().keys()


@pytest.mark.parametrize("name", SPECS)
def test_parameters_macs_and_shapes_are_those_of_the_source(name: str) -> None:
    fact, member = facts()[name], SPECS[name]
    graph = netspec.load(member.spec, settings=member.settings).graph
    image = [*graph.inputs[0].type.shape]
    assert (image if len(fact["input"]) > 1 else [prod(image)]) == fact["input"]
    sums = counts(graph)
    rows = layers(graph if member.training else deployed(graph))
    macs = sum(row.macs for row in rows)
    assert (sums.num_params_train if member.training else sums.num_params) == fact["total_params"]
    assert macs == fact.get("macs", 0)
    if name.startswith(("torchvision", "resnet18", "resnet34")):
        assert_same_paths(rows, fact)
    elif name in BY_NAME:
        assert_same_names(graph, fact, BY_NAME[name])
    elif name in OTHER_ORDER:
        assert Counter(of_spec(rows)) == Counter(of_fact(fact))
    else:
        skipped = NORMS_OF_MANY_OPS.get(name, set())
        assert [row for row in of_spec(rows) if row[0] not in skipped] == [
            row for row in of_fact(fact) if row[0] not in skipped
        ]


def of_spec(rows: list[Layer]) -> list[Row]:
    """Kind, shape, parameters and MACs of every layer that is compared."""
    kept = [row for row in rows if row.op in KINDS.values()]
    return [(row.op, tuple(row.output.shape), row.num_params, row.macs) for row in kept]  # type: ignore[misc]


def of_fact(fact: dict[str, Any]) -> list[Row]:
    """The same of a network of the facts."""
    rows = []
    for layer in fact["layers"]:
        kind = KINDS.get(layer["op"].split()[0])
        if layer["op"].startswith("avepool 5"):  # that of GoogLeNet's heads
            kind = "avg_pool"
        if kind is not None:
            rows.append((kind, tuple(layer["out"]), layer["params"], layer.get("macs", 0)))
    return rows


def assert_same_paths(rows: list[Layer], fact: dict[str, Any]) -> None:
    """torchvision's module paths are the spec's, and so is what stands there."""
    found = {row.path: row for row in rows}
    weighted = [layer for layer in fact["layers"] if layer["params"]]
    assert len(weighted) >= 8
    for layer in weighted:
        row = found[layer["name"]]
        shape = list(row.output.shape)
        assert (shape, row.num_params, row.macs) == (layer["out"], layer["params"], layer.get("macs", 0)), row.path
    assert sum(row.num_params > 0 for row in rows) == len(weighted)


def assert_same_names(graph: netspec.compiler.Graph, fact: dict[str, Any], other: dict[str, str]) -> None:
    """Layers of the paper are layers or blocks of the same names."""
    for layer in fact["layers"]:
        name = other.get(layer["name"], layer["name"])
        values = {node.path: node.outputs[0].type for node in graph.nodes}
        inside = [row for row in layers(graph) if row.path.split(".")[0] == name]
        assert list(values[name].shape) == layer["out"], name
        assert sum(row.num_params for row in inside) == layer["params"], name
        assert sum(row.macs for row in inside) == layer.get("macs", 0), name
