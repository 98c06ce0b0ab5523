"""Reading the form of nodes: keys, scalars, mappings, each mistake reported once at its place."""

from __future__ import annotations

import re
from collections.abc import Collection

from netspec.diagnostics import Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, describe, is_null, shorten

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)


def first_of(node: Node) -> Span:
    """The first character of a node: carets under a whole file explain nothing."""
    return Span(node.span.source, node.span.start, min(node.span.start + 1, node.span.end))


def check_keys(node: Mapping, known: Collection[str], what: str, report: Report) -> bool:
    """Whether a mapping has known keys only; reports `unknown-key` for each other one."""
    strange = [key for key, _ in node if key.text not in known]
    for key in strange:
        message = f"{what} has no key `{shorten(key.text)}`"
        report.error("unknown-key", message, key.span, help=did_you_mean(key.text, known))
    return not strange


def later(key: Scalar, kind: str, report: Report) -> None:
    """Report a part of the language that this release does not read."""
    message = f"the {kind} `{key.text}` is part of the language, but this release does not read it yet"
    report.error("not-supported", message, key.span)


def scalar(node: Node | None, what: str, report: Report) -> Scalar | None:
    """A scalar, or None where it is absent, null or of another kind (then `wrong-type`)."""
    if node is None or is_null(node):
        return None
    if isinstance(node, Scalar):
        return node
    report.error("wrong-type", f"{what} is a word or a number, got {describe(node)}", node.span)
    return None


def flag(node: Node | None, what: str, report: Report) -> bool:
    """A `true` or `false`; false where it is absent or of another kind (then `wrong-type`)."""
    if node is None or is_null(node):
        return False
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    report.error("wrong-type", f"{what} is true or false, got {describe(node)}", node.span)
    return False


def only_train(node: Node | None, what: str, report: Report) -> bool:
    """Whether `only: train` stands there; reports `wrong-value` where it is another word."""
    if node is None or (isinstance(node, Scalar) and node.text == "train"):
        return node is not None
    message = f"`only` takes `train` (the {what} exists while training only), got {describe(node)}"
    report.error("wrong-value", message, node.span)
    return False


def mapping(node: Node | None, what: str, report: Report) -> Mapping | None:
    """A mapping, or None where it is absent, null or of another kind (then `wrong-type`)."""
    if node is None or is_null(node):
        return None
    if isinstance(node, Mapping):
        return node
    report.error("wrong-type", f"{what} is a mapping, got {describe(node)}", node.span)
    return None


def sequence(node: Node | None, what: str, report: Report) -> Sequence | None:
    """A list, or None where it is absent, null or of another kind (then `wrong-type`)."""
    if node is None or is_null(node):
        return None
    if isinstance(node, Sequence):
        return node
    report.error("wrong-type", f"{what} is a list, got {describe(node)}", node.span)
    return None


def named(node: Node) -> tuple[Scalar | None, Node | None]:
    """`NAME`, or `{NAME: ARGUMENT}`: the name and what stands after it; no name where it is anything else."""
    if isinstance(node, Mapping) and len(node) == 1:
        ((key, argument),) = node
        return key, argument
    return (node, None) if isinstance(node, Scalar) and not is_null(node) else (None, None)


def is_identifier(name: Scalar, what: str, report: Report) -> bool:
    """Whether a name is made of ASCII letters, digits and `_`; reports `bad-name` if not."""
    if IDENTIFIER.fullmatch(name.text):
        return True
    message = f"{what} {shorten(name.text)!r} is not a letter or `_` and up to 63 letters, digits and `_`"
    report.error("bad-name", message, name.span)
    return False
