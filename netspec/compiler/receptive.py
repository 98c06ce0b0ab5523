"""Receptive fields, from each op's `reads` alone (Araujo, Norris, Sim 2019, equation 2, extended to graphs)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from netspec.ir import Graph, Node, Region, Scan, Size, Sizes, Value, is_less
from netspec.ops.base import Op
from netspec.ops.reads import All, Past, Window


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Field:
    """Along each space axis of the input: positions seen, and the step between neighbours (None once flattened)."""

    sizes: Sizes
    jumps: tuple[int, ...] | None


def receptive_fields(graph: Graph) -> dict[str, Sizes]:
    """For each node's path, how many positions of the (first) input's space axes one element of its output sees.

    Space axes are those after the first: [C, H, W] has two. A network whose input has none has no receptive fields.
    Along an axis of free size the field is that of an input large enough, and that size where it is the whole axis.
    """
    if not graph.inputs or graph.inputs[0].type.rank < 2:
        return {}
    whole = graph.inputs[0].type.shape[1:]
    known: dict[Value, _Field] = {graph.inputs[0]: _Field((1,) * len(whole), (1,) * len(whole))}
    found: dict[str, Sizes] = {}
    _walk(graph, known, whole, found)
    return found


def _walk(graph: Graph, known: dict[Value, _Field], whole: Sizes, found: dict[str, Sizes]) -> None:
    for node in graph.nodes:
        if isinstance(node, Scan):
            # A state has seen every step before it, so what it gives has no field that windows could count.
            if any(value in known for value in node.inputs):
                known.update((value, _Field(whole, None)) for value in node.outputs)
            continue
        if isinstance(node, Region):
            known.update({inside: known[outside] for inside, outside in node.entries() if outside in known})
            _walk(node.body, known, whole, found)
            known.update({outside: known[inside] for inside, outside in node.exits() if inside in known})
            continue
        read = [known[value] for value in node.inputs if value in known]
        if not read:
            continue
        field = _through(node, _join(read), whole)
        found[node.path] = field.sizes
        known.update((value, field) for value in node.outputs)


def _join(fields: list[_Field]) -> _Field:
    """Several inputs: the largest field; their steps agree where their shapes do."""
    sizes = tuple(reduce(_larger, axis) for axis in zip(*(field.sizes for field in fields), strict=True))
    return _Field(sizes, next((field.jumps for field in fields if field.jumps is not None), None))


def _larger(first: Size, second: Size) -> Size:
    """The larger size. What is a formula is a whole axis, and the other does not reach beyond it."""
    if not isinstance(first, int):
        return first
    return first if isinstance(second, int) and second < first else second


def _through(node: Node, field: _Field, whole: Sizes) -> _Field:
    op, types = node.op, [value.type for value in node.inputs]
    assert isinstance(op, Op)
    rank = node.outputs[0].type.rank
    if field.jumps is None or rank != len(whole) + 1:
        mixes = any(isinstance(op.reads(dim, *types), All | Past) for dim in range(1, rank + 1))
        return _Field(whole if mixes and field.jumps is None else field.sizes, None)
    sizes, jumps = list(whole), [1] * len(whole)
    for axis in range(len(whole)):
        source = op.source(axis + 2, *types)
        if source is None or source < 2:
            continue  # made here, or from the channels: it sees the whole axis
        size, jump = field.sizes[source - 2], field.jumps[source - 2]
        reads = op.reads(axis + 2, *types)
        if isinstance(reads, Window):
            size, jump = size + (reads.hi - reads.lo) * jump, jump * reads.stride
            size = whole[source - 2] if is_less(whole[source - 2], size) else size
        sizes[axis], jumps[axis] = (whole[axis] if isinstance(reads, All | Past) else size), jump
    return _Field(tuple(sizes), tuple(jumps))
