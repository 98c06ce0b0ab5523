"""The inside of a scan while it is elaborated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netspec.compiler.scope import Body, Entry, Env
from netspec.diagnostics import Report
from netspec.ir import Region, Scan, Size, Slot, Value
from netspec.lang.document import BlockDecl, LayerDecl
from netspec.lang.scans import ScanDecl, StateDecl

if TYPE_CHECKING:
    from netspec.compiler.chain import Chains


@dataclass(slots=True, eq=False, repr=False)
class ScanBody(Body):
    """The inside of a scan while it grows. What it captures by itself is given whole to every step."""

    steps: Size = 1
    reverse: bool = False
    is_single: bool = False
    # By the cell's inputs: what each is, its value inside, and the one outside.
    ports: list[tuple[Slot, Value, Value | None]] = field(default_factory=list)
    ends: tuple[Value, ...] = ()
    named: tuple[tuple[str, Value], ...] = ()
    results: tuple[Value, ...] = ()

    def reads(self) -> tuple[Value, ...]:
        """What its ports read, and what it captures by itself."""
        return (*(outside for _, _, outside in self.ports if outside is not None), *self.captured)

    def gives(self) -> tuple[Value, ...]:
        """What it emits, and the final states."""
        return self.results

    def _region(self) -> Region:
        ports = [*self.ports, *((Slot(), inside, outside) for outside, inside in self.captured.items())]
        graph = self.freeze(tuple(inside for _, inside, _ in ports), self.ends)
        return Scan(
            self.path, graph, tuple(outside for _, _, outside in ports if outside is not None), self.results,
            self.span, self.origin, self.definition, self.arguments, self.owner, self.presence,
            self.words, tuple(slot for slot, _, _ in ports), self.steps, self.reverse, self.is_single, self.named,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scanning:
    """One scan, or one step of it, while it is elaborated."""

    chains: Chains
    outer: Body
    decl: LayerDecl
    entry: Entry
    env: Env
    form: ScanDecl
    block: BlockDecl
    report: Report
    is_single: bool

    @property
    def what(self) -> str:
        """How messages call it."""
        return f"the {'step' if self.is_single else 'scan'} of `{self.block.name.text}`"

    @property
    def ports(self) -> tuple[str, ...]:
        """The names of the cell's inputs."""
        inputs = self.block.inputs
        return tuple(port.text for port in inputs) if inputs is not None else ("input",)

    @property
    def states(self) -> dict[str, StateDecl]:
        """The states by name."""
        return {each.name.text: each for each in self.form.states}
