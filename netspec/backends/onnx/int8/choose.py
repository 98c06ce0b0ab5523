"""Which nodes run on int8, and which values are rounded for them.

ONNX Runtime runs a node on int8 where all that it reads and what it gives is rounded; `relu` and `clip` are part of the
rounding of what they give.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import onnx

from netspec.backends.onnx.int8.wires import Wires, attribute

#: A product with stored weights: where the work is.
LINEAR = frozenset({"Conv", "Gemm", "MatMul"})
#: Between two products; on int8 where its inputs are.
JOINS = frozenset({"Add", "Mul", "Concat", "AveragePool", "GlobalAveragePool"})
#: Hands numbers on as they are: what it gives has the range of what it reads.
MOVES = frozenset(
    {"MaxPool", "Flatten", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Identity", "Pad", "DepthToSpace"}
)
#: Cuts off what lies outside of a range, as rounding does.
CUTS = frozenset({"Relu", "Clip"})
MAX_IMAGE_CHANNELS = 4


@dataclass(slots=True)
class Choice:
    """Nodes by name, and rounded values in the order of the graph.

    `like` maps a value to the one whose range it has.
    """

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    values: dict[str, None] = field(default_factory=dict)
    like: dict[str, str] = field(default_factory=dict)

    def root(self, name: str) -> str:
        """The value whose range a value has."""
        while name in self.like:
            name = self.like[name]
        return name


def choose(model: onnx.ModelProto) -> Choice:
    """Walk the graph in its order, from every product on."""
    wires = Wires(model.graph)
    choice = Choice()
    for node in model.graph.node:
        if is_linear(node, wires) and not _reads_an_image(node, wires):
            choice.nodes.append(node)
            choice.values[node.input[0]] = None
            choice.values.update(dict.fromkeys(_given(node, wires)))
        elif node.op_type in JOINS and all(name in choice.values for name in node.input):
            choice.nodes.append(node)
            choice.values.update(dict.fromkeys(_given(node, wires)))
        elif node.op_type in MOVES and node.input[0] in choice.values and node.output[0] not in wires.outputs:
            choice.nodes.append(node)
            choice.values[node.output[0]] = None
            choice.like[node.output[0]] = node.input[0]
    return choice


def is_linear(node: onnx.NodeProto, wires: Wires) -> bool:
    """Whether it is a product of a value with a stored matrix or kernel, and perhaps a stored bias."""
    if node.op_type not in LINEAR or node.input[0] in wires.tensors:
        return False
    weight = wires.tensors.get(node.input[1])
    if weight is None or weight.data_type != onnx.TensorProto.FLOAT:
        return False
    if node.op_type == "MatMul":
        return len(weight.dims) == 2
    bias_is_stored = len(node.input) < 3 or (
        node.input[2] in wires.tensors and len(wires.tensors[node.input[2]].dims) == 1
    )
    plain = node.op_type == "Conv" or (
        attribute(node, "alpha", 1.0) == attribute(node, "beta", 1.0) == 1.0 and not attribute(node, "transA", 0)
    )
    return bias_is_stored and plain


def _reads_an_image(node: onnx.NodeProto, wires: Wires) -> bool:
    """Whether it is a convolution over the few channels of an input.

    The channels of a normalised image have steps and offsets of their own, which no single scale holds; and over so few
    channels ONNX Runtime's integer kernel is the slower one.
    """
    channels = wires.tensors[node.input[1]].dims[1]
    return node.op_type == "Conv" and node.input[0] in wires.inputs and channels <= MAX_IMAGE_CHANNELS


def _given(node: onnx.NodeProto, wires: Wires) -> Iterator[str]:
    """What of it is rounded: its value after a cut that follows; outputs of the graph are left as they are."""
    name = node.output[0]
    reader = wires.only_reader(name)
    if reader is not None and reader.op_type in CUTS:
        name = reader.output[0]
    if name not in wires.outputs:
        yield name
