"""A model in float32 and data -> the same model with its products on int8."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from onnx import helper, numpy_helper

from netspec.backends.onnx.int8.choose import Choice, choose, is_linear
from netspec.backends.onnx.int8.fold import fold_batch_norm
from netspec.backends.onnx.int8.observe import Observed, observe
from netspec.backends.onnx.int8.ranges import Steps
from netspec.backends.onnx.int8.weights import compensated, quantize_bias, rounded, scales
from netspec.backends.onnx.int8.wires import Array, Wires, attribute


def quantize(model: onnx.ModelProto, batches: Iterable[Mapping[str, Array]]) -> onnx.ModelProto:
    """Round what products read and give to uint8, their weights to int8 by output channel.

    The form is that of ONNX: float operators between DequantizeLinear and QuantizeLinear, from which ONNX Runtime (and
    others) make integer ones. Outputs of the graph stay float32.

    Args:
        model: A model in float32; it is left as it is.
        batches: Inputs by name, on which the ranges of values are seen.
    """
    found = onnx.ModelProto()
    found.CopyFrom(model)
    fold_batch_norm(found)
    choice = choose(found)
    _Rewriter(found, choice, observe(found, choice, batches)).rewrite()
    return found


class _Rewriter:
    def __init__(self, model: onnx.ModelProto, choice: Choice, observed: Observed) -> None:
        self._graph = model.graph
        self._wires = Wires(model.graph)
        self._choice = choice
        self._rows = observed.rows
        self._stored: dict[str, Array] = {}
        roots = dict.fromkeys(choice.root(name) for name in choice.values)
        self._steps: dict[str, Steps] = {name: observed.seen[name].steps() for name in roots if name in observed.seen}

    def rewrite(self) -> None:
        """Put the pairs in, keeping the order in which each node reads only what stands before it."""
        before = {node.output[0]: self._linear(node) for node in self._choice.nodes if is_linear(node, self._wires)}
        rounded = [name for name in self._choice.values if self._choice.root(name) in self._steps]
        written: list[onnx.NodeProto] = []
        for name in rounded:
            if name in self._wires.inputs:
                written += self._pair(name)
        for node in list(self._graph.node):
            written += before.get(node.output[0], [])
            names = [f"{name}/dequantized" if name in rounded else name for name in node.input]
            node.input[:] = names
            written.append(node)
            for name in node.output:
                if name in rounded:
                    written += self._pair(name)
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in written]
        del self._graph.node[:]
        self._graph.node.extend(nodes)
        self._store()

    def _pair(self, name: str) -> list[onnx.NodeProto]:
        """Round a value and spread it again."""
        steps = self._steps[self._choice.root(name)]
        ends = [f"{name}/scale", f"{name}/zero"]
        self._stored |= {ends[0]: np.array(steps.scale, np.float32), ends[1]: np.array(steps.zero, np.uint8)}
        down, up = f"{name}/quantized", f"{name}/dequantized"
        return [
            helper.make_node("QuantizeLinear", [name, *ends], [down], name=down),
            helper.make_node("DequantizeLinear", [down, *ends], [up], name=up),
        ]

    def _linear(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """The stored weights of a product, spread to float."""
        root = self._choice.root(node.input[0])
        if root not in self._steps:
            return []
        weight = self._wires.constant(node.input[1])
        assert weight is not None
        axis = 0 if node.op_type == "Conv" or attribute(node, "transB", 0) else 1
        matrix = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1)
        scale = scales(matrix)
        stored, shift = self._rounded(node, matrix, scale)
        shaped = np.moveaxis(stored.reshape(np.moveaxis(weight, axis, 0).shape), 0, axis)
        spread = [self._spread(f"{node.name}/weight", shaped, scale, axis)]
        if node.op_type != "MatMul":
            bias = self._wires.constant(node.input[2]) if len(node.input) > 2 else np.zeros(len(scale))
            assert bias is not None
            both = scale * np.float32(self._steps[root].scale)
            spread.append(self._spread(f"{node.name}/bias", quantize_bias(bias - shift, both), both, 0))
        node.input[:] = [node.input[0], *(each.output[0] for each in spread)]
        return spread

    def _rounded(self, node: onnx.NodeProto, matrix: Array, scale: Array) -> tuple[Array, Array]:
        """int8 numbers, and what rounding adds to the mean of each output."""
        rows = self._rows.get(node.output[0])
        if rows is None:
            return rounded(matrix, scale), np.zeros(len(matrix))
        groups = rows.shape[1]
        real = self._steps[self._choice.root(node.input[0])].real(rows)
        parts = list(zip(np.split(matrix, groups), np.split(scale, groups), strict=True))
        stored = [compensated(part, step, real[:, group]) for group, (part, step) in enumerate(parts)]
        before, after = (each.mean(axis=0, dtype=np.float64) for each in (rows, real))
        shift = [
            (stored[group] * step.astype(np.float64)[:, None]) @ after[group] - part @ before[group]
            for group, (part, step) in enumerate(parts)
        ]
        return np.concatenate(stored), np.concatenate(shift)

    def _spread(self, name: str, stored: Array, scale: Array, axis: int) -> onnx.NodeProto:
        self._stored |= {f"{name}/quantized": stored, f"{name}/scale": scale}
        inputs = [f"{name}/quantized", f"{name}/scale"]
        if stored.dtype == np.int8:
            self._stored[f"{name}/zero"] = np.zeros(scale.shape, np.int8)
            inputs.append(f"{name}/zero")
        return helper.make_node("DequantizeLinear", inputs, [f"{name}/dequantized"], name=name, axis=axis)

    def _store(self) -> None:
        read = {name for node in self._graph.node for name in node.input}
        kept = [each for each in self._graph.initializer if each.name in read]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)
        for name, array in self._stored.items():
            self._graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
