"""How many bytes the values of a network need: all of them in training, the most that live at once in inference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from netspec.ir import Graph, Region, Scan, Size, TensorType, Undecided, Value, total


def bytes_of(type: TensorType, batch: int = 1) -> Size:
    """The size of a value at a batch size; what is the same for every sample is there once."""
    return type.numel * type.times * type.dtype.itemsize * (batch if type.batched else 1)


def training_bytes(graph: Graph, batch: int = 1) -> Size:
    """Every value that the forward pass makes, inputs included: what is kept for the backward pass."""
    return total(bytes_of(value.type, batch) for value in graph.inputs) + _made_bytes(graph, batch)


def _made_bytes(graph: Graph, batch: int) -> Size:
    """What the layers make: those of a scan make theirs at every step, and it makes what it puts together."""
    found: list[Size] = []
    for node in graph.nodes:
        if isinstance(node, Scan):
            found += [_made_bytes(node.body, batch) * node.steps]
        if isinstance(node, Region) and not isinstance(node, Scan):
            found += [_made_bytes(node.body, batch)]
        else:
            found += [bytes_of(value.type, batch) for value in node.outputs]
    return total(found)


def inference_bytes(graph: Graph, batch: int = 1) -> Size | None:
    """The peak over the nodes, in their order, of all values that are still to be read and those the node makes.

    Inputs live until they were last read, outputs to the end. What a runtime saves beyond that (in-place activations,
    views) is not counted. None where sizes are formulas, and none of the sums is known to be the largest.

    Requires: a deployed graph.
    """
    same: dict[Value, Value] = {}
    steps = list(_steps(graph, same))
    outputs = {same.get(value, value) for value in graph.outputs}
    # From the end: a value is live above the last step that reads it, and not above the one that makes it.
    live = {value for value in outputs if value in _made(graph, steps)}
    now = total(bytes_of(value.type, batch) for value in live)
    sums = [total(bytes_of(value.type, batch) for value in graph.inputs), now]
    for step in reversed(steps):
        fresh = {value for value in (*step.reads, *step.makes) if value not in live}
        live |= fresh
        now += total(bytes_of(value.type, batch) for value in fresh)
        sums.append(now)
        live -= set(step.makes)
        now -= total(bytes_of(value.type, batch) for value in step.makes)
    return _largest(sums)


def _largest(sums: Sequence[Size]) -> Size | None:
    """The one that all others are known not to exceed; formulas may leave none."""
    best = sums[0]
    for each in sums[1:]:
        best = each if _exceeds(each, best) else best
    return None if any(_exceeds(each, best) is None for each in dict.fromkeys(sums)) else best


def _exceeds(a: Size, b: Size) -> bool | None:
    """Whether a > b; None where that is not decided."""
    try:
        return a > b
    except Undecided:
        return None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Step:
    """A node of the network, regions opened."""

    reads: tuple[Value, ...]
    makes: tuple[Value, ...]


def _steps(graph: Graph, same: dict[Value, Value]) -> Iterator[_Step]:
    """`same` maps a value to the one that it is another name of; it grows on the way."""
    for node in graph.nodes:
        if isinstance(node, Scan):
            inside = (value for each in node.body.walk() for value in each.outputs)  # of one step at a time
            yield _Step(tuple(same.get(value, value) for value in node.inputs), (*node.outputs, *inside))
        elif isinstance(node, Region):
            _rename(same, node.body.inputs, node.inputs)
            yield from _steps(node.body, same)
            _rename(same, node.outputs, node.body.outputs)
        else:
            yield _Step(tuple(same.get(value, value) for value in node.inputs), node.outputs)


def _rename(same: dict[Value, Value], names: Sequence[Value], values: Sequence[Value]) -> None:
    same.update((name, same.get(value, value)) for name, value in zip(names, values, strict=True))


def _made(graph: Graph, steps: Sequence[_Step]) -> set[Value]:
    return {*graph.inputs, *(value for step in steps for value in step.makes)}
