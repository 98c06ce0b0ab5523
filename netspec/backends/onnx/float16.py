"""A model in float32 -> the same model in float16, with float32 at its inputs and outputs.

Weights and values are half as large. Nodes that float16 cannot serve stay in float32, with casts around them: loops and
recurrent layers (ONNX Runtime crashes on some of these in float16), sums over many values, and whatever reads a number
that float16 cannot hold, such as the -1e9 of a mask or an epsilon of 1e-12.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from netspec.backends.onnx.builder import every_node

#: Nodes that compute in float32.
KEPT = frozenset(
    "LSTM GRU RNN Scan Loop If Resize LRN CumSum Range ConstantOfShape RandomNormalLike RandomUniformLike "
    "ReduceSum ReduceMean ReduceL2 ReduceSumSquare ReduceLogSumExp LpPool Einsum OneHot NonZero Multinomial".split()
)
#: Nodes that compute nothing: beside one that is kept they are kept too, so that casts stand around the group.
MOVES = frozenset("Transpose Squeeze Unsqueeze Reshape Flatten Split Concat Slice Gather Expand Identity Pad".split())
LARGEST = float(np.finfo(np.float16).max)
SMALLEST = float(np.finfo(np.float16).smallest_subnormal)


def to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model in float16; the one that is given is left as it is."""
    found = onnx.ModelProto()
    found.CopyFrom(model)
    _Halving(found).rewrite()
    return found


class _Halving:
    """Every float value has a home, float16 or float32, by the node that makes it; who wants the other gets a cast."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = model.graph
        self._floats = _float_values(model)
        self._stored = {each.name: each for each in self._graph.initializer if each.data_type == TensorProto.FLOAT}
        self._outputs = {each.name for each in self._graph.output}
        self._home: dict[str, int] = {each.name: TensorProto.FLOAT for each in self._graph.input}
        self._made: dict[tuple[str, int], str] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._halves: dict[str, onnx.TensorProto] = {}
        self._wholes: dict[str, onnx.TensorProto] = {}
        self._kept = self._kept_nodes()

    def rewrite(self) -> None:
        for number, node in enumerate(self._graph.node):
            wanted = TensorProto.FLOAT if number in self._kept else TensorProto.FLOAT16
            node.input[:] = [self._as(name, wanted) for name in node.input]
            self._capture(node)
            if node.op_type == "Cast":
                _retarget(node, wanted)
            self._nodes.append(node)
            self._place(node, wanted)
        others = [each for each in self._graph.initializer if each.name not in self._stored]
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in self._nodes]
        for repeated, values in (
            (self._graph.initializer, [*others, *self._halves.values(), *self._wholes.values()]),
            (self._graph.node, nodes),
        ):
            del repeated[:]
            repeated.extend(values)
        del self._graph.value_info[:]

    def _kept_nodes(self) -> set[int]:
        """Nodes that compute in float32, by number: those that must, and what moves numbers to or from these alone."""
        nodes = list(self._graph.node)
        beyond = self._beyond()
        kept = {i for i, node in enumerate(nodes) if node.op_type in KEPT or not beyond.isdisjoint(node.input)}
        makers = {name: number for number, node in enumerate(nodes) for name in node.output}
        readers: dict[str, list[int]] = {}
        for number, node in enumerate(nodes):
            for name in node.input:
                readers.setdefault(name, []).append(number)
        for number, node in reversed(list(enumerate(nodes))):
            after = [each for name in node.output for each in readers.get(name, ())]
            if node.op_type in MOVES and after and kept.issuperset(after):
                kept.add(number)
        for number, node in enumerate(nodes):
            before = [makers[name] for name in node.input if name in makers and name in self._floats]
            if node.op_type in MOVES and before and kept.issuperset(before):
                kept.add(number)
        return kept

    def _beyond(self) -> set[str]:
        """Stored numbers that float16 does not have, and what only moves them."""
        found = {name for name, tensor in self._stored.items() if not _holds(tensor)}
        for node in self._graph.node:
            if node.op_type in MOVES and not found.isdisjoint(node.input):
                found.update(node.output)
        return found

    def _place(self, node: onnx.NodeProto, made: int) -> None:
        """Note where the node's values live; an output of the graph is float32 under its own name."""
        for index, name in enumerate(node.output):
            if name not in self._floats:
                continue
            self._home[name] = made
            if name in self._outputs and made == TensorProto.FLOAT16:
                half = f"{name}/float16"
                node.output[index] = half
                self._made[name, TensorProto.FLOAT16] = half
                self._nodes.append(helper.make_node("Cast", [half], [name], name=f"{name}/cast", to=TensorProto.FLOAT))
                self._home[name] = TensorProto.FLOAT

    def _as(self, name: str, wanted: int) -> str:
        """The name of a value in the type that is wanted."""
        if name in self._stored:
            return self._tensor(name, wanted)
        if name not in self._floats or self._home.get(name) in (None, wanted):
            return name
        if (name, wanted) not in self._made:
            cast = f"{name}/{'float32' if wanted == TensorProto.FLOAT else 'float16'}"
            self._nodes.append(helper.make_node("Cast", [name], [cast], name=cast, to=wanted))
            self._made[name, wanted] = cast
        return self._made[name, wanted]

    def _tensor(self, name: str, wanted: int) -> str:
        """A stored tensor; the one in float16 keeps the name."""
        if wanted == TensorProto.FLOAT16:
            if name not in self._halves:
                array = numpy_helper.to_array(self._stored[name]).astype(np.float16)
                self._halves[name] = numpy_helper.from_array(array, name)
            return name
        whole = f"{name}/float32"
        if whole not in self._wholes:
            copy = onnx.TensorProto()
            copy.CopyFrom(self._stored[name])
            copy.name = whole
            self._wholes[whole] = copy
        return whole

    def _capture(self, node: onnx.NodeProto) -> None:
        """Bodies of a kept node read values from outside in float32."""
        bodies = [each.g for each in node.attribute if each.HasField("g")]
        for body in bodies:
            inner = list(every_node(body.node))
            own = {name for each in inner for name in each.output} | {each.name for each in body.input}
            own |= {each.name for each in body.initializer}
            names = {
                name: self._as(name, TensorProto.FLOAT) for each in inner for name in each.input if name not in own
            }
            for each in inner:
                each.input[:] = [names.get(name, name) for name in each.input]


def _float_values(model: onnx.ModelProto) -> set[str]:
    """Names of all values in float32, as far as their types can be inferred."""
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=False).graph
    values: Iterable[onnx.ValueInfoProto] = (*inferred.input, *inferred.output, *inferred.value_info)
    return {each.name for each in values if each.type.tensor_type.elem_type == TensorProto.FLOAT}


def _holds(tensor: onnx.TensorProto) -> bool:
    """Whether float16 has the numbers: none overflows, and no number that stands alone vanishes."""
    array = np.abs(numpy_helper.to_array(tensor))
    if array.size and float(array.max()) > LARGEST:
        return False
    return array.size != 1 or float(array.max()) == 0 or float(array.max()) >= SMALLEST


def _retarget(node: onnx.NodeProto, wanted: int) -> None:
    """A cast to float32 goes to the type that is wanted."""
    for each in node.attribute:
        if each.name == "to" and each.i == TensorProto.FLOAT:
            each.i = wanted
