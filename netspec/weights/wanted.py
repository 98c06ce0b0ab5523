"""The parameters and buffers of a network by state-dict key, each once, however often it is used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from netspec.compiler.select import Parameter, Selector, parameters
from netspec.diagnostics import Span
from netspec.ir import Graph
from netspec.ops.base import Param


@dataclass(frozen=True, slots=True)
class Wanted:
    """One tensor of the state dict, with the layers that use it.

    `copies` are other names under which a file may hold it (a tied parameter's own, a second call's), each with
    whether it stands there transposed.
    """

    param: Param
    uses: list[Parameter]
    copies: dict[str, bool] = field(default_factory=dict)

    @property
    def span(self) -> Span | None:
        """The place of its layer."""
        return self.uses[0].node.span

    @property
    def name(self) -> str:
        """Its name within the layer."""
        return self.uses[0].name

    def is_chosen(self, chosen: Iterable[Selector]) -> bool:
        """Whether a selector selects it, by any of its uses."""
        return any(use.matches(each) for each in chosen for use in self.uses)


def wanted(graph: Graph) -> dict[str, Wanted]:
    """Every parameter and buffer of a graph, in its order."""
    uses = list(parameters(graph))
    found = {use.key: Wanted(use.param, [use]) for use in uses if _own_key(use) == use.key}
    for use in uses:
        if _own_key(use) != use.key:
            _share(found, use)
    return found


def _share(found: dict[str, Wanted], use: Parameter) -> None:
    transposed = use.name in use.node.ties and use.node.ties[use.name].transpose
    if use.key not in found:  # its layer is not in this graph (cut off), but this use of it is
        shape = use.param.shape[::-1] if transposed else use.param.shape
        found[use.key] = Wanted(replace(use.param, shape=shape), [])
    found[use.key].uses.append(use)
    found[use.key].copies[_own_key(use)] = transposed


def _own_key(use: Parameter) -> str:
    return f"{use.node.path}.{use.name}" if use.name else use.node.path
