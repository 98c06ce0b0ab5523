"""Images enter a ConvNet in channels-last layout, in which the convolution and pooling kernels of a CPU are fastest."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from netspec.ir import Graph, Node, Region, TensorType, Value
from netspec.ops.base import ANY_DTYPE, Op
from netspec.ops.conv import Conv
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue


class ChannelsLast(Op):
    """The same tensor, its elements stored with the channel running fastest.   input: (C, H, W) -> (C, H, W).

    Not part of the language: only this module makes it.
    """

    name: ClassVar[str] = "channels_last"
    dtypes = ANY_DTYPE

    def infer(self, input: TensorType) -> TensorType:
        return input

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        # `to`, not `contiguous`: with one channel a tensor is contiguous in both layouts, and `contiguous` would
        # leave the strides that make the convolution choose the slow one.
        return input.to(memory_format=t.torch.channels_last)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Identity(input)


def channels_last(graph: Graph) -> Graph:
    """Lay out every image input (C, H, W) that a 2d convolution reads directly.

    Layout changes neither values nor shapes; convolutions and pools hand it on to what follows them.

    Requires: a verified graph. Ensures: a verified graph with the same inputs, outputs, parameters and paths, and one
    more node for each input that is laid out.
    """
    images = [value for value in graph.inputs if value.type.rank == 3 and _feeds_conv(graph, value)]
    if not images:
        return graph
    laid_out = {value: Value(f"{value.name}_channels_last", value.type) for value in images}
    first = tuple(Node(after.name, ChannelsLast(), (before,), (after,)) for before, after in laid_out.items())
    nodes = tuple(
        replace(node, inputs=tuple(laid_out.get(value, value) for value in node.inputs)) for node in graph.nodes
    )
    return replace(graph, nodes=first + nodes)


def _feeds_conv(graph: Graph, value: Value) -> bool:
    """Whether a convolution reads the value, here or inside a region."""
    for node in graph.nodes:
        if value not in node.inputs:
            continue
        if isinstance(node, Node) and isinstance(node.op, Conv):
            return True
        if isinstance(node, Region) and any(
            _feeds_conv(node.body, inside) for inside, outside in node.entries() if outside is value
        ):
            return True
    return False
