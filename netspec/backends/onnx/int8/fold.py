"""Batch norm after a convolution is a convolution with other weights; quantised, the two must be one."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import numpy_helper

from netspec.backends.onnx.int8.wires import Array, Wires, attribute


def fold_batch_norm(model: onnx.ModelProto) -> None:
    """Replace each pair, in place; the convolution's value gets the name of the norm's."""
    wires = Wires(model.graph)
    pairs = [(conv, norm) for norm in model.graph.node if (conv := _before(norm, wires)) is not None]
    for conv, norm in pairs:
        _fold(model, conv, norm, wires)
    for _, norm in pairs:
        model.graph.node.remove(norm)
    _drop_unread(model.graph)


def _before(norm: onnx.NodeProto, wires: Wires) -> onnx.NodeProto | None:
    """The convolution that a batch norm alone reads, if all numbers of both are stored."""
    conv = wires.producer.get(norm.input[0]) if norm.op_type == "BatchNormalization" else None
    if conv is None or conv.op_type != "Conv" or wires.only_reader(conv.output[0]) is not norm:
        return None
    return conv if all(name in wires.tensors for name in (*conv.input[1:], *norm.input[1:])) else None


def _fold(model: onnx.ModelProto, conv: onnx.NodeProto, norm: onnx.NodeProto, wires: Wires) -> None:
    weight = _wide(wires, conv.input[1])
    bias = _wide(wires, conv.input[2]) if len(conv.input) > 2 else np.zeros(len(weight))
    scale, shift, mean, variance = (_wide(wires, name) for name in norm.input[1:5])
    gain = scale / np.sqrt(variance + attribute(norm, "epsilon", 1e-5))
    folded = weight * gain.reshape(-1, *[1] * (weight.ndim - 1)), (bias - mean) * gain + shift
    names = [f"{norm.output[0]}/weight", f"{norm.output[0]}/bias"]
    for name, array in zip(names, folded, strict=True):
        model.graph.initializer.append(numpy_helper.from_array(array.astype(np.float32), name))
    conv.input[:] = [conv.input[0], *names]
    conv.output[:] = [norm.output[0]]


def _wide(wires: Wires, name: str) -> Array:
    found = wires.constant(name)
    assert found is not None
    return found.astype(np.float64)


def _drop_unread(graph: onnx.GraphProto) -> None:
    """Remove stored tensors that no node reads any more."""
    read = {name for node in graph.node for name in node.input} | {each.name for each in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
