"""The form of `scan`: a cell, the axis that it walks along, its states, and what it emits."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.diagnostics import Report
from netspec.lang import form
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, describe, is_null

SCAN_KEYS = ("cell", "over", "steps", "reverse", "state", "emit", "whole")
STATE_KEYS = ("shape", "learned")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StateDecl:
    """A state: its name, its shape as written, and whether it starts at a learned tensor."""

    name: Scalar
    shape: Node
    is_learned: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScanDecl:
    """A `scan` as written. `cell` names a block, or is an expression that does; `argument` is what stands after it."""

    cell: Scalar
    argument: Node | None
    states: tuple[StateDecl, ...]
    emit: tuple[Scalar, ...]
    whole: tuple[Scalar, ...]
    over: Scalar | None = None
    steps: Scalar | None = None
    reverse: Scalar | None = None


def scan_form(node: Node | None, key: Scalar, report: Report) -> ScanDecl | None:
    """What stands after `scan`, or None where a part of it is wrong."""
    own = Report()
    found = _form(node, key, own)
    for diagnostic in own:
        report.add(diagnostic)
    return None if own.has_errors else found


def cell_of(node: Node | None) -> tuple[Scalar, Node | None] | None:
    """The name of the block that a scan runs, and what stands after it, where that is well written."""
    found = node.get("cell") if isinstance(node, Mapping) else None
    if isinstance(found, Scalar) and not is_null(found):
        return found, None
    if isinstance(found, Mapping) and len(found) == 1:
        ((word, argument),) = found
        return word, None if is_null(argument) else argument
    return None


def _form(node: Node | None, key: Scalar, report: Report) -> ScanDecl | None:
    if not isinstance(node, Mapping):
        found = "nothing" if node is None else describe(node)
        help = "scan: {cell: my_cell, state: {h: 128}, emit: h}"
        report.error("wrong-type", f"`scan` takes a mapping, got {found}", key.span, help=help)
        return None
    if not form.check_keys(node, SCAN_KEYS, "`scan`", report):
        return None
    cell = _cell(node, key, report)
    states = _states(node.get("state"), report)
    emit, whole = (_words(node.get(word), f"`{word}`", report) for word in ("emit", "whole"))
    over, steps, reverse = (form.scalar(node.get(word), f"`{word}`", report) for word in ("over", "steps", "reverse"))
    if over is not None and steps is not None:
        message = "`steps` is for a scan that reads no sequence, `over` for one that does"
        report.error("wrong-value", message, node.key("steps").span)
    return None if cell is None else ScanDecl(*cell, states, emit, whole, over, steps, reverse)


def _cell(node: Mapping, key: Scalar, report: Report) -> tuple[Scalar, Node | None] | None:
    found = node.get("cell")
    if found is None or is_null(found):
        report.error("missing-key", "`scan` needs its `cell`, a block", key.span)
        return None
    if (cell := cell_of(node)) is not None:
        return cell
    message = f"a cell is a block, as in `{{lstm_cell: {{hidden: 128}}}}`, got {describe(found)}"
    report.error("wrong-type", message, found.span)
    return None


def _states(node: Node | None, report: Report) -> tuple[StateDecl, ...]:
    found = form.mapping(node, "`state`", report)
    decls = [_state(key, value, report) for key, value in found or () if form.is_identifier(key, "the state", report)]
    return tuple(decl for decl in decls if decl is not None)


def _state(key: Scalar, value: Node, report: Report) -> StateDecl | None:
    if not isinstance(value, Mapping):
        return StateDecl(key, value)
    if not form.check_keys(value, STATE_KEYS, f"the state `{key.text}`", report):
        return None
    shape = value.get("shape")
    if shape is None or is_null(shape):
        report.error("missing-key", f"the state `{key.text}` needs its `shape`", key.span)
        return None
    return StateDecl(key, shape, form.flag(value.get("learned"), "`learned`", report))


def _words(node: Node | None, what: str, report: Report) -> tuple[Scalar, ...]:
    if node is None or is_null(node):
        return ()
    items = node.items if isinstance(node, Sequence) else (node,)
    for item in items:
        if not isinstance(item, Scalar):
            report.error("wrong-type", f"{what} is a name or a list of names, got {describe(item)}", item.span)
    return tuple(item for item in items if isinstance(item, Scalar))
