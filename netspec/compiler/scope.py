"""Scopes and growing graphs: what the elaborator builds, frozen into a Graph when all references are known.

A group grows as a Body inside a Body. A value that crosses the border becomes a pair: read from outside it is captured
(an input of the region), read from the outside in by a dotted path it is exported (an output of the region).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from netspec.diagnostics import Span
from netspec.ir import Frame, Graph, Node, Presence, Region, Value
from netspec.lang.document import Document, LayerDecl
from netspec.lang.nodes import Node as Tree


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Env:
    """What names mean in a piece of text: the document's blocks, and the values of arguments, variables and sizes."""

    document: Document
    names: Mapping[str, object]
    # The words of the document's shapes that are numbers, by `dims`.
    fixed: Mapping[str, int] = field(default_factory=dict)

    def with_names(self, names: Mapping[str, object]) -> Env:
        """The same with more names."""
        return replace(self, names={**self.names, **names}) if names else self


@dataclass(slots=True, eq=False, repr=False)
class Entry:
    """What a name of a scope stands for. No outputs: its mistake is reported, and who reads it stays silent."""

    name: str
    path: str
    span: Span | None
    outputs: tuple[Value, ...] = ()
    output_names: tuple[str, ...] = ()
    body: Body | None = None
    is_read: bool = False
    # For `call`: how it was written, and what the names in it mean.
    decl: LayerDecl | None = None
    env: Env | None = None
    # Why it is not there, where its `when` is false: it stands for what it would have read.
    absent: str = ""
    # And what would put it there.
    remedy: str = ""
    # The path of the layer whose parameters it uses, if it is a call.
    owner: str | None = None
    presence: Presence = "always"


@dataclass(slots=True, eq=False, repr=False)
class Body:
    """A chain that grows: the whole network, or the inside of a group, a block or another spec."""

    path: str
    env: Env
    parent: Body | None = None
    span: Span | None = None
    origin: tuple[Frame, ...] = ()
    # A block is opaque: names around it are not in scope, and from outside only its outputs are read.
    is_closed: bool = False
    # The path of the group whose parameters it uses, if it is a call.
    owner: str | None = None
    definition: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    presence: Presence = "always"
    # Its outputs under names of its own, as values of the chain around.
    words: tuple[tuple[str, Value], ...] = ()
    # Inherited by every layer inside.
    is_frozen: bool = False
    inits: tuple[tuple[Tree, Env], ...] = ()
    entries: dict[str, Entry] = field(default_factory=dict)
    # How many layers the chain has as written, up to the last one without a name: positions that may be names.
    length: int = 0
    # Layers of the chain by their plain names, also those that stand below the one being elaborated.
    declared: dict[str, LayerDecl | None] = field(default_factory=dict)
    nodes: list[Node | Body] = field(default_factory=list)
    captured: dict[Value, Value] = field(default_factory=dict)
    exported: dict[Value, Value] = field(default_factory=dict)
    # How many bodies it stands in.
    depth: int = 0
    # What the chain reads (`input`), as a value of this body; None where it has none or it failed.
    input: Value | None = None

    @property
    def prefix(self) -> str:
        """What stands before the names of its layers in their paths."""
        return f"{self.path}." if self.parent is not None else ""

    def owner_of(self, name: str) -> str | None:
        """The path of the layer whose parameters the layer `name` uses, if that is another."""
        return None if self.owner is None else f"{self.owner}.{name}"

    def reads(self) -> tuple[Value, ...]:
        """What it reads of the chain around."""
        return tuple(self.captured)

    def gives(self) -> tuple[Value, ...]:
        """What the chain around may read of it."""
        return tuple(self.exported.values())

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
        return Region(
            self.path,
            graph,
            tuple(self.captured),
            tuple(self.exported.values()),
            self.span,
            self.origin,
            self.definition,
            self.arguments,
            self.owner,
            self.presence,
            self.words,
        )
