"""A spec that was read and found right."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.diagnostics import Diagnostic, Source
from netspec.ir import Graph
from netspec.lang.document import Document


@dataclass(frozen=True, slots=True, eq=False)
class Spec:
    """A checked spec: its text, its document, its typed graph and the warnings found on the way."""

    source: Source
    document: Document
    graph: Graph
    warnings: tuple[Diagnostic, ...] = ()
    # What `--set` put in place of what the text says.
    settings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The network's name."""
        return self.document.name
