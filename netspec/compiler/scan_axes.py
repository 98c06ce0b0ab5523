"""Which inputs of a scan are cut into steps, along which axis, and how many steps there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netspec.compiler.resolve import Read
from netspec.compiler.scope import Env
from netspec.diagnostics import Report
from netspec.ir import Size, TensorType, symbols_of
from netspec.lang.bind import has_failed, value_of
from netspec.lang.nodes import Scalar, shorten
from netspec.lang.scans import ScanDecl

MAX_STEPS = 2**20


@dataclass(frozen=True, slots=True)
class Cut:
    """The number of steps, and by port the axis (from 1) along which it is cut; other ports are given whole."""

    steps: Size
    axes: Mapping[str, int]


def cut(form: ScanDecl, env: Env, reads: Mapping[str, Read], names: Mapping[str, object], report: Report) -> Cut | None:
    """How what a scan reads is cut; None, and a report, where it cannot be.

    Args:
        form: The scan as written.
        env: Where it stands: words of sizes that are numbers.
        reads: What its ports read, states left out.
        names: What expressions see.
        report: Takes `wrong-value`, `wrong-type`, `missing-key`, `bad-attribute`, `shape-mismatch`.
    """
    if form.steps is not None:
        steps = _steps(form.steps, names, report)
        return None if steps is None else Cut(steps, {})
    whole = {name.text for name in form.whole}
    ports = {port: read.value.type for port, read in reads.items() if port not in whole}
    over = 1 if form.over is None else value_of(form.over, report, names)
    if has_failed(over):
        return None
    if not ports:
        span = form.over.span if form.over is not None else form.cell.span
        message = "the scan reads no sequence, so it must be said how many steps there are"
        report.error("missing-key", message, span, help="steps: 5")
        return None
    if isinstance(over, str):
        return _along_word(over, form, env, ports, report)
    return _along_number(over, form, ports, report)


def _steps(node: Scalar, names: Mapping[str, object], report: Report) -> int | None:
    value = value_of(node, report, names)
    if has_failed(value):
        return None
    if type(value) is int and 0 < value <= MAX_STEPS:
        return value
    code = "wrong-value" if type(value) is int else "wrong-type"
    report.error(code, f"`steps` is a whole number from 1 to {MAX_STEPS:,}, got {shorten(str(value))}", node.span)
    return None


def _along_word(word: str, form: ScanDecl, env: Env, ports: Mapping[str, TensorType], report: Report) -> Cut | None:
    """Each port is cut along the one axis that the word names; one that has no such axis is given whole."""
    assert form.over is not None
    axes: dict[str, int] = {}
    for port, type in ports.items():
        named = [axis for axis, size in enumerate(type.shape, start=1) if _is_called(size, word, env)]
        if len(named) > 1:
            both = " and ".join(map(str, named))
            message = f"over `{word}`: axes {both} of `{port}` {type} depend on it"
            report.error("bad-attribute", message, form.over.span, help="name the axis by its number")
            return None
        axes |= {port: named[0]} if named else {}
    if not axes:
        shapes = ", ".join(f"`{port}` {type}" for port, type in ports.items())
        report.error("bad-attribute", f"over `{word}`: no axis of {shapes} depends on it", form.over.span)
        return None
    return _agreed(form, ports, axes, report)


def _is_called(size: Size, word: str, env: Env) -> bool:
    return word in {each.name for each in symbols_of(size)} or (word in env.fixed and size == env.fixed[word])


def _along_number(over: object, form: ScanDecl, ports: Mapping[str, TensorType], report: Report) -> Cut | None:
    """The first port is cut along that axis, and so is each other one that has the same size there."""
    span = form.over.span if form.over is not None else form.cell.span
    if type(over) is not int:
        report.error("wrong-type", f"`over` is the number of an axis or a word, got {shorten(str(over))}", span)
        return None
    (first, type_of_first), *_ = ports.items()
    axis = over if over > 0 else over + type_of_first.rank + 1
    if over == 0 or not 1 <= axis <= type_of_first.rank:
        has = f"a sample's axes are 1 to {type_of_first.rank}" if type_of_first.rank else "it is one number a sample"
        message = f"`{first}` {type_of_first} has no axis {over} to walk along: {has}"
        report.error("bad-attribute", message, span)
        return None
    size = type_of_first.shape[axis - 1]
    same = {port: axis for port, type in ports.items() if type.rank >= axis and type.shape[axis - 1] == size}
    return Cut(size, same)


def _agreed(form: ScanDecl, ports: Mapping[str, TensorType], axes: Mapping[str, int], report: Report) -> Cut | None:
    sizes = {port: ports[port].shape[axis - 1] for port, axis in axes.items()}
    first, *others = sizes.items()
    for port, size in others:
        if size != first[1]:
            message = f"a scan walks along axes of equal size: `{first[0]}` has {first[1]}, `{port}` has {size}"
            assert form.over is not None
            report.error("shape-mismatch", message, form.over.span, help=f"`whole: [{port}]` gives it to every step")
            return None
    return Cut(first[1], axes)
