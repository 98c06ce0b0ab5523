"""A spec that was read and found right."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from netspec.compiler.files import Snapshot
from netspec.diagnostics import Diagnostic, Source
from netspec.ir import Graph
from netspec.lang.document import Document
from netspec.lang.nodes import Node, Sequence


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WeightsSection:
    """A file of a `weights` section as written: the network's own, or that of the spec used at `path`.

    `cut` are the layers of that spec that `until` left out.
    """

    path: str
    node: Node
    cut: tuple[str, ...] = ()

    @classmethod
    def each(cls, path: str, node: Node | None, cut: tuple[str, ...] = ()) -> tuple[WeightsSection, ...]:
        """One for every file of a list; none where nothing is written."""
        files = node.items if isinstance(node, Sequence) else () if node is None else (node,)
        return tuple(cls(path, file, cut) for file in files)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Spec:
    """A checked spec: its text, its document, its typed graph and the warnings found on the way."""

    source: Source
    document: Document
    graph: Graph
    warnings: tuple[Diagnostic, ...] = ()
    # What `--set` put in place of what the text says.
    settings: tuple[str, ...] = ()
    # Where the network's weights are when it is built; a later one replaces what an earlier one loads.
    weights: tuple[WeightsSection, ...] = ()
    # Folders outside of its project from which it may read, as the caller said.
    allowed: tuple[Path, ...] = ()
    # The other specs that it uses or extends, as they were read.
    others: Snapshot = field(default_factory=Snapshot)

    @property
    def name(self) -> str:
        """The network's name."""
        return self.document.name
