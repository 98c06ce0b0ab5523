"""What a cell gives becomes the next states of a scan, and what it emits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from netspec.compiler.limits import MAX_ELEMENTS, is_too_large
from netspec.compiler.place import values_of
from netspec.compiler.scan_body import ScanBody, Scanning
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Sizes, TensorType, Value
from netspec.lang.nodes import shorten


def close(made: Scanning, inner: ScanBody, ends: dict[str, Value], shapes: Mapping[str, Sizes]) -> None:
    """What the cell gives becomes the next states and what is emitted."""
    if list(ends) == [""] and len(shapes) == 1:
        ends = {next(iter(shapes)): ends[""]}  # a cell of one state and one value gives the state
    inner.named = tuple(ends.items())
    if made.is_single:
        names = tuple(ends) if list(ends) != [""] else ()
        inner.ends = tuple(ends.values())
        types = tuple(value.type for value in inner.ends)
        _give(made, inner, names, types)
        return
    emit = _emitted(made, ends)
    if emit is None or not all(_state_fits(made, inner, name, ends) for name in shapes):
        return
    inner.ends = tuple(ends[name] for name in (*shapes, *emit))
    stacked = [_stacked(inner, ends[name].type) for name in emit]
    finals = [ends[name].type for name in shapes]
    first = emit[0] if emit[0] and emit[0] not in shapes else "sequence"
    names = (first, *emit[1:], *shapes)
    _give(made, inner, names, (*stacked, *finals))


def _stacked(inner: ScanBody, each: TensorType) -> TensorType:
    """What is emitted in every step, along a first axis that has lengths where a sequence has that is cut."""
    cut = (slot.axis in outside.type.valid for slot, _, outside in inner.ports if outside is not None)
    valid = frozenset({axis + 1 for axis in each.valid} | ({1} if any(cut) else set()))
    return replace(each.with_shape(inner.steps, *each.shape), valid=valid)


def _fits_memory(made: Scanning, types: Sequence[TensorType]) -> bool:
    """Whether a machine can hold what the scan gives; reports `too-large`."""
    large = next((type for type in types if is_too_large(type)), None)
    if large is not None:
        message = f"the scan would give {large}; the limit is {MAX_ELEMENTS:,} elements a sample"
        made.report.error("too-large", message, made.decl.key.span)
    return large is None


def _give(made: Scanning, inner: ScanBody, names: tuple[str, ...], types: tuple[TensorType, ...]) -> None:
    entry, session = made.entry, made.chains.session
    if not _fits_memory(made, types):
        return
    inner.results = values_of(entry.path, names, types)
    entry.outputs, entry.output_names = inner.results, names
    inner.words = tuple(zip(names, inner.results, strict=False))
    session.spans |= {value.name: made.decl.key.span for value in inner.results}
    read = tuple(outside.name for _, _, outside in inner.ports if outside is not None)
    session.reads |= {value.name: read for value in inner.results}


def _emitted(made: Scanning, ends: Mapping[str, Value]) -> tuple[str, ...] | None:
    """The names of what is emitted; the cell's first output where `emit` is left out."""
    if not made.form.emit:
        return (next(iter(ends)),)
    states = made.states
    for index, name in enumerate(made.form.emit):
        if name.text not in ends:
            message = f"the cell `{made.block.name.text}` has no output `{shorten(name.text)}`"
            made.report.error("unknown-name", message, name.span, help=did_you_mean(name.text, list(ends)))
            return None
        if index and (name.text in states or name.text in [each.text for each in made.form.emit[:index]]):
            why = "is a state: its name stands for its last value" if name.text in states else "is emitted already"
            made.report.error("wrong-value", f"`{name.text}` {why}", name.span, help=f"`emit: {name.text}` alone")
            return None
    return tuple(name.text for name in made.form.emit)


def _state_fits(made: Scanning, inner: ScanBody, name: str, ends: Mapping[str, Value]) -> bool:
    state, block = made.states[name], made.block
    if name not in ends:
        message = f"the cell `{block.name.text}` has no output `{name}`, which the next step starts at"
        help = f"`outputs:` of the block says it: `{{{name}: LAYER}}`"
        made.report.error("missing-key", message, state.name.span, help=help)
        return False
    own = next(inside.type for slot, inside, _ in inner.ports if slot.state == name)
    new = ends[name].type
    if (new.shape, new.dtype, new.batched) == (own.shape, own.dtype, own.batched):
        return True
    if (new.shape, new.dtype) == (own.shape, own.dtype):
        message = f"the state `{name}` does not depend on what the cell reads: it is the same for every sample"
        made.report.error("wrong-inputs", message, state.name.span)
        return False
    message = f"the state `{name}` is {own}, but the cell `{block.name.text}` gives {new}"
    made.report.error("shape-mismatch", message, state.name.span)
    return False
