"""The graph: values, nodes and regions, all frozen, compared by identity.

A named `sequence` (later blocks, repeats and scans) is a Region: a node with a graph inside, so that the hierarchy of
the file survives to the backends. Values that a region reads from outside are its `inputs`, pairwise the inputs of
its `body`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from netspec.diagnostics import Span
from netspec.ir.types import TensorType


class Operation(Protocol):
    """What the graph asks of an op; `netspec.ops.Op` is the one implementation."""

    name: ClassVar[str]

    def infer_all(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """The types of its outputs."""

    def attributes(self) -> dict[str, Any]:
        """The attributes that differ from their defaults."""


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """One tensor: an input of a graph, or an output of a node."""

    name: str
    type: TensorType


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of the chain that made a node: a named sequence, a block's use, one copy of a repeat, a file."""

    text: str
    span: Span | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One application of an op.

    `path` is the module path (`layer3.22.conv2`): prefix of its state-dict keys, its ONNX name and its name in
    messages.
    """

    path: str
    op: Operation
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    span: Span | None = None
    origin: tuple[Frame, ...] = ()

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A named group of nodes: `body.inputs[i]` is `inputs[i]` inside, `outputs[i]` is `body.outputs[i]` outside."""

    path: str
    body: Graph
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    span: Span | None = None
    origin: tuple[Frame, ...] = ()

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Inputs, nodes in an order in which each reads only what stands before it, and outputs."""

    name: str
    inputs: tuple[Value, ...]
    nodes: tuple[Node | Region, ...]
    outputs: tuple[Value, ...]
    # The names under which the outputs are known outside (a layer's path unless the spec says otherwise).
    output_names: tuple[str, ...] = ()

    def walk(self) -> Iterator[Node]:
        """Every op node, depth first, in order."""
        for node in self.nodes:
            if isinstance(node, Region):
                yield from node.body.walk()
            else:
                yield node

    def regions(self) -> Iterator[Region]:
        """Every region, the outer ones first."""
        for node in self.nodes:
            if isinstance(node, Region):
                yield node
                yield from node.body.regions()
