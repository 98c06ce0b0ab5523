"""Expressions, arguments and sizes of a spec -> plain values, every mistake at its place."""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingOf

from netspec.diagnostics import Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Value
from netspec.lang.bind import has_failed, value_of
from netspec.lang.document import ArgDecl
from netspec.lang.expressions import ExpressionError, Unavailable, evaluate
from netspec.lang.nodes import Mapping, Node, Scalar, describe, is_null, plain, shorten

Names = MappingOf[str, object]

_KINDS: MappingOf[str, tuple[type, ...]] = {
    "int": (int,), "float": (float, int), "bool": (bool,), "str": (str,), "list": (list,), "map": (dict,),
    "any": (object,),
}  # fmt: skip
_BRACES = re.compile(r"\{([^{}]*)\}")


def bind_arguments(
    decls: MappingOf[str, ArgDecl], given: MappingOf[str, tuple[object, Span]], around: Names, span: Span | None,
    what: str, report: Report,
) -> dict[str, object] | None:  # fmt: skip
    """The values of arguments: what is given, else defaults, evaluated in order over the arguments before them.

    Args:
        decls: The declarations.
        given: Evaluated values with their places; each has a declaration.
        around: What defaults may refer to beside earlier arguments (`in_channels`).
        span: The place of the use, for what is missing; without one that is shown where it is declared.
        what: How messages call what is used.
        report: Takes `missing-key`, `wrong-type`, `wrong-value`, `bad-expression`.

    Returns:
        None if one of them failed.
    """
    found: dict[str, object] = {}
    failed = False
    for name, decl in decls.items():
        if name in given:
            value, place = given[name]
        elif decl.default is None:
            report.error("missing-key", f"{what} needs the argument `{name}`", span or decl.name.span)
            failed = True
            continue
        elif failed and "=" in decl.default.span.text:
            continue  # it may ask for one that failed
        else:
            value, place = value_of(decl.default, report, {**around, **found}), decl.default.span
        if has_failed(value) or not _fits(decl, value, place, report):
            failed = True
        else:
            found[name] = value
    return None if failed else found


def _fits(decl: ArgDecl, value: object, span: Span, report: Report) -> bool:
    name = decl.name.text
    kinds = _KINDS[decl.type or "any"]
    if not isinstance(value, kinds) or (isinstance(value, bool) and decl.type in ("int", "float")):
        report.error("wrong-type", f"the argument `{name}` is of type {decl.type}, got {_shown(value)}", span)
        return False
    if decl.choices is not None and value not in (choices := [plain(item) for item in decl.choices]):
        known = ", ".join(map(str, choices))
        help = did_you_mean(value, [str(choice) for choice in choices]) if isinstance(value, str) else None
        message = f"the argument `{name}` is one of {known}, got {_shown(value)}"
        report.error("wrong-value", message, span, help=help)
        return False
    return _within(decl, value, span, report)


def _within(decl: ArgDecl, value: object, span: Span, report: Report) -> bool:
    if not isinstance(value, int | float):
        return True
    for bound, is_least in ((decl.low, True), (decl.high, False)):
        limit = bound.value if bound is not None else None
        if isinstance(limit, int | float) and (value < limit if is_least else value > limit):
            word = "at least" if is_least else "at most"
            report.error("wrong-value", f"the argument `{decl.name.text}` is {word} {limit}, got {value}", span)
            return False
    return True


def given_arguments(
    node: Node | None, decls: MappingOf[str, ArgDecl], names: Names, what: str, report: Report
) -> dict[str, tuple[object, Span]] | None:
    """The arguments that a use gives, evaluated; a value that is no mapping is the only one that is required."""
    if node is None or is_null(node):
        return {}
    if isinstance(node, Mapping):
        return _by_name(node, decls, names, what, report)
    required = [name for name, decl in decls.items() if decl.default is None] or list(decls)
    if len(required) != 1:
        message = f"{what} takes {'its arguments by name' if decls else 'no arguments'}, got {describe(node)}"
        report.error("wrong-type", message, node.span)
        return None
    value = value_of(node, report, names)
    return None if has_failed(value) else {required[0]: (value, node.span)}


def _by_name(
    node: Mapping, decls: MappingOf[str, ArgDecl], names: Names, what: str, report: Report
) -> dict[str, tuple[object, Span]] | None:
    strange = [key for key, _ in node if key.text not in decls]
    for key in strange:
        help = did_you_mean(key.text, decls) if decls else None
        report.error("unknown-key", f"{what} has no argument `{shorten(key.text)}`", key.span, help=help)
    found = {key.text: (value_of(value, report, names), value.span) for key, value in node if key.text in decls}
    failed = strange or any(has_failed(value) for value, _ in found.values())
    return None if failed else found


def computed_name(name: Scalar, names: Names, report: Report) -> str | None:
    """A name with its `{expressions}` put in; None if one failed, or is neither a number nor a text."""
    parts: list[str] = []
    position = 0
    for match in _BRACES.finditer(name.text):
        start = name.span.start + name.quoted + match.start(1)
        try:
            value = evaluate(match[1], names)
        except ExpressionError as error:
            span = Span(name.span.source, start + error.offset, start + error.offset + error.length)
            report.error("bad-expression", error.message, span, help=error.help)
            return None
        if isinstance(value, bool) or not isinstance(value, int | str):
            message = f"a name is made of whole numbers and texts, `{match[1]}` is {_shown(value)}"
            report.error("bad-name", message, name.span)
            return None
        parts += [name.text[position : match.start()], str(value)]
        position = match.end()
    return "".join([*parts, name.text[position:]])


def condition(node: Scalar, names: Names, report: Report) -> bool | None:
    """The truth of a `when`; None if it failed."""
    value = value_of(node, report, names)
    if isinstance(value, bool):
        return value
    if not has_failed(value):
        message = f"`when` is true or false, got {_shown(value)}"
        report.error("wrong-type", message, node.span, help="write an expression: `when: =depth > 50`")
    return None


def absence(when: Scalar) -> str:
    """Why a layer is not there: its `when`, which is false."""
    text = when.text.removeprefix("=").strip()
    return "not there" if text == "false" else f"not there: {text} is false"


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"the text {shorten(value)!r}"
    return "a mapping" if isinstance(value, dict) else shorten(str(value))


def arithmetic(node: Node | None, names: Names) -> list[str]:
    """How the expressions of a layer come out: `out_channels = 4*width = 256`."""
    if not isinstance(node, Mapping):
        return []
    found = []
    for key, value in node:
        if isinstance(value, Scalar) and isinstance(value.value, str) and value.value.startswith("="):
            try:
                found.append(f"{key.text} = {shorten(value.value[1:].strip())} = {evaluate(value.value[1:], names)}")
            except ExpressionError:
                continue
    return found


def sees(value: Value | None) -> dict[str, object]:
    """What an expression knows of the value that its layer reads, where it is a number."""
    if value is None or not value.type.shape:
        return {}
    shape = value.type.shape
    known = {"in_channels": shape[0], "in_features": shape[-1]}
    return {name: size if isinstance(size, int) else _free(name, size) for name, size in known.items()}


def _free(name: str, size: object) -> Unavailable:
    return Unavailable(f"`{name}` is {size} here, and must be a known number")
