"""The values of a network by the module paths of the layers that make them, in groups and blocks too."""

from __future__ import annotations

from netspec.compiler.named import named_values
from netspec.diagnostics import Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Graph, Node, Region, Value
from netspec.lang.nodes import Node as Syntax
from netspec.lang.nodes import Scalar, describe, shorten


class Layers:
    """Names -> values."""

    def __init__(self, graph: Graph) -> None:
        # What is inside of an `each` is of single elements: it has not the samples of the batch.
        self._values = {name: value for name, value in named_values(graph).items() if value.type.times == 1}
        self._values |= dict(zip(graph.output_names, graph.outputs, strict=False))

    @property
    def names(self) -> tuple[str, ...]:
        """All that can be named."""
        return tuple(self._values)

    def find(self, node: Syntax | None) -> Value | None:
        """The value of that name, or None."""
        return self._values.get(node.text) if isinstance(node, Scalar) else None

    def named(self, node: Syntax, report: Report) -> Value | None:
        """The value of that name; None, and a report, if there is none."""
        found = self.find(node)
        if found is None:
            what = f"is called `{shorten(node.text)}`" if isinstance(node, Scalar) else f"is {describe(node)}"
            help = did_you_mean(node.text, self._values) if isinstance(node, Scalar) else None
            report.error("unknown-name", f"no layer {what}", node.span, help=help)
        return found


def producer(graph: Graph, value: Value) -> Node | None:
    """The node that makes a value, inside regions too; None for an input."""
    for node in graph.nodes:
        if isinstance(node, Region):
            inside = next((inner for inner, outer in node.exits() if outer is value), value)
            found = producer(node.body, inside)
            if found is not None:
                return found
        elif value in node.outputs:
            return node
    return None
