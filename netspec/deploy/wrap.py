"""Puts preprocessing before, and what follows outputs behind, the nodes of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import onnx
from onnx import helper

from netspec.backends.onnx.builder import ELEMENT_TYPES, Builder, OnnxHandle, every_node
from netspec.backends.onnx.formulas import dimensions
from netspec.data.preprocess import Step
from netspec.deploy.after import Chain
from netspec.deploy.inside import to_onnx
from netspec.ir import TensorType
from netspec.ops.lowering import BATCH


def put_before(
    model: onnx.ModelProto,
    name: str,
    steps: tuple[Step, ...],
    stored: TensorType,
    input: TensorType,
    fixed: Mapping[str, int],
) -> None:
    """Compute an input from a stored batch, in place; the file's input keeps its name.

    Args:
        model: The model.
        name: The input.
        steps: Its steps.
        stored: What the file takes from now on.
        input: What the network takes.
        fixed: Sizes of axes that the file has once and for all.
    """
    prepared = f"{name}/prepared"
    _rename(model.graph, {name: prepared})
    builder = Builder(constants=f"{name}/preprocess/constant")
    builder.start(f"{name}/preprocess")
    builder.finish(_handle(to_onnx(builder, OnnxHandle(name, stored), steps, input)), prepared)
    _replace(model.graph.input, name, [_declare(name, stored, fixed)])
    after = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*builder.nodes, *after])
    model.graph.initializer.extend(builder.initializers.values())


def put_behind(model: onnx.ModelProto, chain: Chain, type: TensorType, fixed: Mapping[str, int]) -> None:
    """Replace an output by what follows it, in place."""
    raw = f"{chain.output}/raw"
    _rename(model.graph, {chain.output: raw})
    builder = Builder(constants=f"{chain.output}/after/constant")
    values: tuple[OnnxHandle, ...] = (OnnxHandle(raw, type),)
    for number, each in enumerate(chain.steps):
        builder.start(f"{chain.output}/after/{number}")
        results = each.entry.to_onnx(builder, values[0], each.axis)
        # Only the last step gives several; each gets the name that it has in the file.
        names = list(chain.types) if number == len(chain.steps) - 1 else [f"{chain.output}/after/{number}"]
        values = tuple(_named(builder, result, name) for result, name in zip(results, names, strict=True))
    _replace(model.graph.output, chain.output, [_declare(name, each, fixed) for name, each in chain.types.items()])
    model.graph.node.extend(builder.nodes)
    model.graph.initializer.extend(builder.initializers.values())


def _named(builder: Builder, result: object, name: str) -> OnnxHandle:
    return builder.finish(_handle(result), name)


def _handle(value: object) -> OnnxHandle:
    assert isinstance(value, OnnxHandle)
    return value


def _declare(name: str, type: TensorType, fixed: Mapping[str, int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, ELEMENT_TYPES[type.dtype], dimensions(type, BATCH, fixed))


def _replace(values: Any, name: str, others: Iterable[onnx.ValueInfoProto]) -> None:
    """Others in the place of a declared value, in a repeated field of protobuf."""
    kept = list(values)
    at = next(index for index, each in enumerate(kept) if each.name == name)
    del values[:]
    values.extend([*kept[:at], *others, *kept[at + 1 :]])


def _rename(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Call values otherwise wherever nodes read or make them, in graphs inside of nodes too."""
    for node in every_node(graph.node):
        node.input[:] = [names.get(each, each) for each in node.input]
        node.output[:] = [names.get(each, each) for each in node.output]
        node.name = names.get(node.name, node.name)  # that of the value it makes; two nodes may not share one
