"""What an output is compared with: a field of the data, an input, a layer's value, or a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from netspec.data.source import SampleSource
from netspec.diagnostics import Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Graph, Size, TensorType, Value, substitute, symbols_of
from netspec.lang.nodes import Node as Syntax
from netspec.lang.nodes import Scalar, describe, shorten
from netspec.ops.attributes import MAX_FLOAT
from netspec.training.layers import Layers

Kind = Literal["field", "input", "layer", "number"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Target:
    """A TARGET. An input is what its preprocessing made; a layer's value gives no gradient.

    `type` is None for a number, which has the shape of what it is compared with. `repeated`: it is the same for every
    position of an axis; the axis of `type` that it gets (from 1), and that of the output.
    """

    name: str
    kind: Kind
    type: TensorType | None
    below: int | None = None
    value: Value | None = None
    number: float = 0.0
    span: Span | None = None
    repeated: tuple[int, int] | None = None


class Targets:
    """What the targets of a network and its data are called; a name of both a field and an input means the input."""

    def __init__(self, graph: Graph, layers: Layers, data: SampleSource, report: Report) -> None:
        self._layers = layers
        self._report = report
        inputs = {value.name: Target(value.name, "input", value.type) for value in graph.inputs}
        sizes = _sizes(graph, data)
        fields = {
            name: Target(name, "field", _in_network(field.type, sizes), field.below, span=data.span)
            for name, field in data.fields.items()
            if name not in inputs
        }
        self._free = tuple(fields)
        self._known = fields | inputs

    def only(self, loss: str, span: Span) -> Target | None:
        """The one field that no input reads; None, and a report, if there are several or none."""
        if len(self._free) == 1:
            return self._known[self._free[0]]
        message = f"the loss {loss} needs `target`, one of {', '.join(self._known)}, a layer or a number"
        self._report.error("missing-key", message, span)
        return None

    def named(self, node: Syntax) -> Target | None:
        """The target that a value of the spec is; None, and a report, if it is none."""
        text = node.text if isinstance(node, Scalar) else ""
        if text in self._known:
            return self._known[text]
        value = self._layers.find(node)
        if value is not None:
            return Target(text, "layer", value.type, value.type.below, value)
        if isinstance(node, Scalar) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            return self._number(node, node.value)
        what = f"is called `{shorten(node.text)}`" if isinstance(node, Scalar) else f"is {describe(node)}"
        help = did_you_mean(text, (*self._known, *self._layers.names))
        self._report.error("unknown-name", f"no field, input or layer {what}", node.span, help=help)
        return None

    def _number(self, node: Scalar, value: float) -> Target | None:
        if not abs(value) <= MAX_FLOAT:  # NaN is not either
            self._report.error("wrong-value", f"a target is a finite number, got {shorten(node.text)}", node.span)
            return None
        return Target(node.text, "number", None, number=float(value), span=node.span)


def _sizes(graph: Graph, data: SampleSource) -> dict[str, Size]:
    """What the lengths of the data's samples are called in the network, by the data's own words."""
    found: dict[str, Size] = {}
    for value in graph.inputs:
        field = data.fields.get(value.name)
        for axis in field.type.valid if field is not None and field.type.rank == value.type.rank else ():
            assert field is not None
            found |= {each.name: value.type.shape[axis - 1] for each in symbols_of(field.type.shape[axis - 1])}
    return found


def _in_network(type: TensorType, sizes: Mapping[str, Size]) -> TensorType:
    return type.with_shape(*(substitute(size, sizes) for size in type.shape)) if type.valid else type
