"""Scans of a resolved spec: the words of the layer, and its cell as a block without arguments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netspec.compiler.words import Chain
from netspec.compiler.yaml_text import Word, block
from netspec.ir import Scan, Size, Value

#: The input of a block that names none.
_ONLY = "input"


def scan_words(scan: Scan, cell: str) -> dict[str, Any]:
    """What stands after `scan`."""
    slots = [(slot, outside) for slot, _, outside in scan.reads()]
    axes = {slot.axis for slot, _ in slots if slot.axis is not None}
    found: dict[str, Any] = {"cell": Word(cell)}
    if not axes:
        found["steps"] = scan.steps
    elif axes != {1}:
        found["over"] = next(iter(axes)) if len(axes) == 1 else Word(str(scan.steps))
    if scan.reverse:
        found["reverse"] = True
    states = {inside.name: _state(slot.start is not None, inside) for slot, inside, _ in scan.reads() if slot.state}
    found |= {"state": states} if states else {}
    names = emitted(scan) if scan.ends[0][0] else []  # one value without a name is what is emitted
    found |= {"emit": Word(names[0]) if len(names) == 1 else [Word(name) for name in names]} if names else {}
    whole = [inside.name for slot, inside, _ in scan.reads() if slot.state is None and slot.axis is None]
    return found | ({"whole": [Word(name) for name in whole]} if whole and axes else {})


def _state(is_learned: bool, state: Value) -> Any:
    sizes = [_size(size) for size in state.type.shape]
    shape = sizes[0] if len(sizes) == 1 else sizes
    return {"shape": shape, "learned": True} if is_learned else shape


def _size(size: Size) -> Any:
    return size if isinstance(size, int) else str(size)


def emitted(scan: Scan) -> list[str]:
    """The names of what is emitted."""
    values = scan.body.outputs[len(scan.states) :]
    names = [value.name.removeprefix(f"{scan.path}.") for value in scan.outputs[: len(values)]]
    if values:
        names[0] = next(name for name, value in scan.ends if value is values[0])
    return names


def cell_chain(scan: Scan, around: Chain) -> Chain:
    """The chain of the cell, which sees its inputs and nothing around."""
    return Chain(scan.body, scan, None, made={value: value.name for value in scan.body.inputs}, taken=around.taken)


def cell_head(scan: Scan) -> Iterator[str]:
    """The lines of the block above its layers."""
    names = [value.name for value in scan.body.inputs]
    if names != [_ONLY]:
        yield from block("inputs", [Word(name) for name in names], "    ")


def cell_outputs(scan: Scan, inner: Chain) -> Iterator[str]:
    """The lines of the block below its layers."""
    if scan.ends[0][0]:
        yield from block("outputs", {name: Word(inner.word(value)) for name, value in scan.ends}, "    ")
