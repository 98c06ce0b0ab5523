"""A part of a network: from some values to others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from netspec.ir import Graph, Value, symbols_of


class Step(Protocol):
    """What makes values of others: a node, or a statement made of one."""

    @property
    def inputs(self) -> tuple[Value, ...]:
        """What it reads."""

    @property
    def outputs(self) -> tuple[Value, ...]:
        """What it makes."""


S = TypeVar("S", bound=Step)


class PartError(Exception):
    """The part cannot stand by itself. `value` is the value (of an input, or of what lies in a block) at fault."""

    def __init__(self, message: str, value: Value | None = None) -> None:
        super().__init__(message)
        self.value = value


def part(graph: Graph, inputs: Mapping[str, Value], outputs: Mapping[str, Value], name: str) -> Graph:
    """What the outputs need, computed from the inputs.

    Requires: a verified graph; values that are known outside of its regions. Ensures: a verified graph of the same
    paths, so with keys that are among those of the whole.

    Args:
        graph: The network.
        inputs: Values that are given, by the names that they are to have.
        outputs: Values that are wanted, by theirs.
        name: The part's name.

    Raises:
        PartError: an input of the network is needed that is not among those given, one is given that is not needed, or
            a layer uses the weights of one that is not in the part.
    """
    given = {value: Value(known, value.type) for known, value in inputs.items()}
    lengths = _lengths(graph, given.values())
    given |= {value: Value(value.name, value.type) for value in lengths.values() if value not in given}
    kept = needed(graph.nodes, outputs.values(), given)
    wanted = {value for node in kept for value in node.inputs} | set(outputs.values())
    for value in graph.inputs:
        if value in wanted and value not in given:
            raise PartError(f"the input `{value.name}` is needed too", value)
    for known, value in inputs.items():
        if value not in wanted and value not in lengths.values():
            raise PartError(f"`{known}` is not needed for the outputs", value)
    nodes = tuple(replace(node, inputs=tuple(given.get(value, value) for value in node.inputs)) for node in kept)
    found = replace(
        graph,
        name=name,
        inputs=tuple(given.values()),
        nodes=nodes,
        outputs=tuple(given.get(value, value) for value in outputs.values()),
        output_names=tuple(outputs),
        lengths={symbol: given[value] for symbol, value in lengths.items()},
    )
    _check_owners(found)
    return found


def needed(steps: Sequence[S], outputs: Iterable[Value], given: Collection[Value] = ()) -> list[S]:
    """The steps on which outputs depend, where some values are given, in order."""
    wanted = {value for value in outputs if value not in given}
    kept: list[S] = []
    for step in reversed(steps):
        if not wanted.isdisjoint(step.outputs):
            kept.append(step)
            wanted.update(value for value in step.inputs if value not in given)
    return kept[::-1]


def _lengths(graph: Graph, given: Iterable[Value]) -> dict[str, Value]:
    """The lengths of axes that the given values have: they come along."""
    symbols = {each.name for value in given for size in value.type.shape for each in symbols_of(size)}
    return {symbol: value for symbol, value in graph.lengths.items() if symbol in symbols}


def _check_owners(graph: Graph) -> None:
    """Layers that are called again, and parameters that are tied, have their owners here."""
    paths = {node.path for node in graph.walk()}
    for node in graph.walk():
        if node.owner is not None and node.owner not in paths:
            raise PartError(f"`{node.path}` uses the weights of `{node.owner}`, which is not in this part")
        for tie in node.ties.values():
            if tie.key.rpartition(".")[0] not in paths and tie.key not in paths:
                raise PartError(f"`{node.path}` uses `{tie.key}`, which is not in this part")
