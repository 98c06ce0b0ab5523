"""Spanned nodes -> pydantic models, with every mistake reported at its own place.

Ops, losses, optimisers, schedules, readers and preprocessing steps are all pydantic models; this is the one way in
which text becomes one of them.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from netspec.diagnostics import Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.lang.expressions import ExpressionError, evaluate
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, describe, is_null, shorten

M = TypeVar("M", bound=BaseModel)

Names = MappingOf[str, object]


class _Failed:
    """An expression that could not be evaluated; the mistake is reported already."""


FAILED = _Failed()


def bind(
    model: type[M],
    node: Node | None,
    report: Report,
    *,
    span: Span,
    what: str,
    main: str | None = None,
    names: Names | None = None,
) -> M | None:
    """Validate `node` as a `model`, or report why not and give None.

    Args:
        model: A model that forbids extra fields.
        node: A mapping of fields, the value of the `main` field, or nothing.
        report: Takes `unknown-key`, `missing-key`, `wrong-type`, `wrong-value`, `bad-expression`.
        span: The place of what the node belongs to, for what has no place of its own.
        what: How messages call the model: `conv`, `the optimizer sgd`.
        main: The field that a value which is no mapping sets.
        names: What `=` expressions may refer to.
    """
    fields = _fields(node, model, report, span, what, main)
    if fields is None:
        return None
    values = {key: value_of(child, report, names or {}) for key, child in fields.items()}
    if any(has_failed(value) for value in values.values()):
        return None
    try:
        return model.model_validate(values)
    except ValidationError as error:
        for (key, *inner), kind, message in _mistakes(error):
            if kind == "missing":
                report.error("missing-key", f"{what} needs `{key}`", span)
            else:
                found = _descend(fields[key], inner)
                code = kind if kind in ("wrong-type", "wrong-value") else _code(kind)
                report.error(code, f"`{key}` of {what}: {message}, got {_got(found, values[key], inner)}", found.span)
        return None


def _got(node: Node, value: Any, path: list[Any]) -> str:
    """What was found: a node as written, or what its expression came out as."""
    for step in path:
        if isinstance(value, list | dict) and not isinstance(step, str if isinstance(value, list) else int):
            value = value[step]
    is_expression = isinstance(node, Scalar) and isinstance(node.value, str) and node.value.startswith("=")
    return f"{shorten(str(value))} from `{shorten(node.span.text)}`" if is_expression else describe(node)


def has_failed(value: object) -> bool:
    """Whether `value_of` failed here; its mistake is reported."""
    return isinstance(value, _Failed)


def _fields(
    node: Node | None, model: type[BaseModel], report: Report, span: Span, what: str, main: str | None
) -> dict[str, Node] | None:
    """The nodes by field, or None if some key is not a field."""
    if isinstance(node, Mapping):
        known = {info.alias or name for name, info in model.model_fields.items()}
        strange = [key for key, _ in node if key.text not in known]
        for key in strange:
            help = did_you_mean(key.text, known) if known else None
            report.error("unknown-key", f"{what} has no attribute `{key.text}`", key.span, help=help)
        return None if strange else {key.text: value for key, value in node}
    if node is None or is_null(node):
        return {}
    if main is None:
        message = f"{what} takes {'a mapping' if model.model_fields else 'no argument'}, got {describe(node)}"
        report.error("wrong-type", message, node.span)
        return None
    return {main: node}


def value_of(node: Node, report: Report, names: Names) -> Any:
    """The node as plain data, its `=` expressions evaluated; a value that is not usable, and a report, if one fails."""
    if isinstance(node, Scalar):
        return _scalar(node, report, names)
    if isinstance(node, Sequence):
        items = [value_of(item, report, names) for item in node]
        return FAILED if any(map(has_failed, items)) else items
    values = {key.text: value_of(child, report, names) for key, child in node}
    return FAILED if any(map(has_failed, values.values())) else values


def _scalar(node: Scalar, report: Report, names: Names) -> Any:
    if not (isinstance(node.value, str) and node.value.startswith("=")):
        return node.value
    try:
        return evaluate(node.value[1:], names)
    except ExpressionError as error:
        # One for the `=`, one for the quote if there is one; escapes inside quotes may shift the rest.
        start = min(node.span.start + 1 + node.quoted + error.offset, node.span.end)
        span = Span(node.span.source, start, min(start + error.length, node.span.end))
        report.error("bad-expression", error.message, span, help=error.help)
        return FAILED


def _mistakes(error: ValidationError) -> list[tuple[tuple[Any, ...], str, str]]:
    """Location, kind and sentence of each mistake, the first one a field (a union reports every branch)."""
    found: dict[Any, tuple[tuple[Any, ...], str, str]] = {}
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        message = each["msg"].removeprefix("Value error, ").removeprefix("Input ")
        found.setdefault(each["loc"][0], (each["loc"], each["type"], message[:1].lower() + message[1:]))
    return list(found.values())


def _code(kind: str) -> str:
    return "wrong-type" if kind.endswith(("_type", "_parsing")) or kind == "extra_forbidden" else "wrong-value"


def _descend(node: Node, path: list[Any]) -> Node:
    """The innermost node that a location inside a field leads to."""
    for step in path:
        if isinstance(node, Mapping) and isinstance(step, str) and step in node:
            node = node.entries[step][1]
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node):
            node = node.items[step]
    return node
