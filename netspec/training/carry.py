"""What the parameters of a stage are made of: carried from the stages before by name, new, or drawn again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netspec.compiler.select import parameters, selected, selectors
from netspec.diagnostics import Report, Span
from netspec.ir import Graph
from netspec.lang.nodes import Node, is_null

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Carry:
    """State-dict keys of a stage by where their numbers come from; buffers are among them.

    `kept` are keys of earlier stages that this one lacks: they are there for later ones.
    """

    carried: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    reset: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    #: All shapes that are known after this stage, by key.
    shapes: Mapping[str, Shape] = field(default_factory=dict)


def bind_carry(graph: Graph, before: Mapping[str, Shape], reset: Node | None, place: Span, report: Report) -> Carry:
    """Tie a stage to those before it.

    Args:
        graph: The stage's network.
        before: Shapes of all that earlier stages had, by key.
        reset: Selectors of what is drawn again.
        place: The stage, for what has no place of its own.
        report: Takes `bad-training` for each parameter of another shape that is not in `reset`.
    """
    own = {each.key: tuple(each.param.shape) for each in parameters(graph)}
    again: frozenset[str] = frozenset()
    if reset is not None and not is_null(reset):
        again = selected(selectors(reset, report), graph, report)
    carried, new = [], []
    for key, shape in own.items():
        if key in again:
            continue
        if key not in before:
            new.append(key)
        elif before[key] == shape:
            carried.append(key)
        else:
            message = f"`{key}` is {list(shape)} in this stage, and {list(before[key])} in the one before"
            report.error("bad-training", message, place, help=f"add it to `reset`, as in `reset: [{key}]`")
    kept = tuple(key for key in before if key not in own)
    drawn = tuple(key for key in own if key in again)
    return Carry(tuple(carried), tuple(new), drawn, kept, {**before, **own})
