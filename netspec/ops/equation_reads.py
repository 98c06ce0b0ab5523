"""How a calc depends on each of its inputs along each axis of its result."""

from collections.abc import Mapping
from dataclasses import dataclass

from netspec.lang.tree import Binary, Call, Constant, Expression, Name
from netspec.ops.equation import ALONG_AXIS, REDUCTIONS, children

Axis = tuple[str, int]  # of an input: its name, and the number of its axis, from 1


@dataclass(frozen=True, slots=True)
class Dependence:
    """For each axis of a value: the inputs' axes that stand there, at most one of each input, position by position.

    `whole` are axes of inputs of which a position reads more than its own: reduced, multiplied over, or standing at
    two places.
    """

    axes: tuple[Mapping[str, int], ...]
    whole: frozenset[Axis] = frozenset()


def dependence(node: Expression, ranks: Mapping[str, int]) -> Dependence:
    """The dependence of a tree on the names that are inputs, whose numbers of axes are given."""
    match node:
        case Constant():
            return Dependence(())
        case Name():
            return Dependence(tuple({node.text: axis} for axis in range(1, ranks.get(node.text, 0) + 1)))
        case Binary() if node.operator == "@":
            return _product(dependence(node.left, ranks), dependence(node.right, ranks))
        case Call() if node.function in ALONG_AXIS:
            inner = dependence(node.arguments[0], ranks)
            kept = inner.axes[:-1] if node.function in REDUCTIONS else inner.axes
            return Dependence(kept, inner.whole | frozenset(inner.axes[-1].items()))
    return _together([dependence(child, ranks) for child in children(node)])


def _together(parts: list[Dependence]) -> Dependence:
    """Elementwise: axes line up from the last one."""
    rank = max((len(part.axes) for part in parts), default=0)
    whole = frozenset[Axis]().union(*(part.whole for part in parts))
    joined: list[dict[str, int]] = [{} for _ in range(rank)]
    for part in parts:
        for place, axes in zip(joined[rank - len(part.axes) :], part.axes, strict=True):
            for name, axis in axes.items():
                if place.setdefault(name, axis) != axis:
                    whole |= {(name, axis), (name, place[name])}
    return Dependence(tuple(joined), whole)


def _product(left: Dependence, right: Dependence) -> Dependence:
    inner = {*left.axes[-1].items(), *right.axes[-2 if len(right.axes) > 1 else -1].items()}
    lead = _together([Dependence(left.axes[:-2], left.whole), Dependence(right.axes[:-2], right.whole)])
    columns = right.axes[-1:] if len(right.axes) > 1 else ()
    return Dependence((*lead.axes, *left.axes[-2:-1], *columns), lead.whole | inner)
