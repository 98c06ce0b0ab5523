"""Scopes and growing graphs: what the elaborator builds, frozen into a Graph when all references are known.

A named sequence grows as a Body inside a Body. A value that crosses the border becomes a pair: read from outside it is
captured (an input of the region), read from the outside in by a dotted path it is exported (an output of the region).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from netspec.diagnostics import Span
from netspec.ir import Graph, Node, Region, Value
from netspec.ir.graph import Frame


@dataclass(slots=True, eq=False)
class Entry:
    """What a name of a scope stands for. No outputs: its mistake is reported, and who reads it stays silent."""

    name: str
    path: str
    span: Span | None
    outputs: tuple[Value, ...] = ()
    output_names: tuple[str, ...] = ()
    body: Body | None = None
    is_read: bool = False


@dataclass(slots=True, eq=False)
class Body:
    """A chain that grows: the whole network, or the inside of a named sequence."""

    path: str
    parent: Body | None = None
    span: Span | None = None
    origin: tuple[Frame, ...] = ()
    entries: dict[str, Entry] = field(default_factory=dict)
    # Names of all layers of the chain, also those that stand below the one being elaborated.
    declared: dict[str, Span | None] = field(default_factory=dict)
    nodes: list[Node | Body] = field(default_factory=list)
    captured: dict[Value, Value] = field(default_factory=dict)
    exported: dict[Value, Value] = field(default_factory=dict)
    # What the chain reads (`input`), as a value of this body; None where it has none or it failed.
    input: Value | None = None

    def capture(self, value: Value, home: Body) -> Value:
        """`value` of an enclosing body as a value of this one."""
        if self is home:
            return value
        assert self.parent is not None, "a value's home encloses its readers"
        outside = self.parent.capture(value, home)
        return self.captured.setdefault(outside, Value(outside.name, outside.type))

    def export(self, value: Value, outer: Body) -> Value:
        """`value` of this body as a value of the enclosing body `outer`."""
        if self is outer:
            return value
        assert self.parent is not None, "the outer body encloses this one"
        return self.parent.export(self.exported.setdefault(value, Value(value.name, value.type)), outer)

    def freeze(self, inputs: tuple[Value, ...], outputs: tuple[Value, ...], names: tuple[str, ...] = ()) -> Graph:
        """The graph, with every region in it."""
        nodes = tuple(node if isinstance(node, Node) else node._region() for node in self.nodes)
        return Graph(self.path, inputs, nodes, outputs, names)

    def _region(self) -> Region:
        graph = self.freeze(tuple(self.captured.values()), tuple(self.exported))
        outside_in, outside_out = tuple(self.captured), tuple(self.exported.values())
        return Region(self.path, graph, outside_in, outside_out, self.span, self.origin)
