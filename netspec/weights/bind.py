"""`weights:` of a spec, FILE or `{file, of, rename, transpose, skip}`, read from the syntax tree."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from netspec.compiler.select import Selector, selectors
from netspec.diagnostics import DataError, Report, Span
from netspec.lang.bind import bind
from netspec.lang.folder import Folder
from netspec.lang.nodes import Mapping, Node, Scalar, describe, is_null
from netspec.weights.rename import RenameError, Rule

Text = Annotated[str, Field(min_length=1)]


class _Fields(BaseModel):
    """The keys of the long form; selectors and rules are read again from their nodes, for their places."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    file: Text
    of: Any = None
    rename: dict[str, Any] = {}
    transpose: Any = None
    skip: Any = None


@dataclass(frozen=True, slots=True)
class Mapped:
    """How the names of a file become those of a network.

    `of` is the path below which the network is loaded, and to which the file's names are relative.
    """

    of: str = ""
    of_span: Span | None = None
    rename: tuple[Rule, ...] = ()
    transpose: tuple[Selector, ...] = ()
    skip: tuple[Selector, ...] = ()


#: Names as they are, everything loaded.
PLAIN = Mapped()


@dataclass(frozen=True, slots=True)
class Weights:
    """A file of weights that a spec names; `path` is inside of the spec's folder (or a folder that the caller allows).

    Whether it is there is seen when it is opened.
    """

    file: str
    path: Path
    span: Span
    mapping: Mapped = PLAIN


def bind_weights(node: Node, folder: Folder, report: Report) -> Weights | None:
    """One WEIGHTS of a spec, or None where `report` says what is wrong with it.

    Args:
        node: A file's name or a mapping.
        folder: Where the file is looked up.
        report: Takes `unknown-key`, `missing-key`, `wrong-type`, `wrong-value`, and `data-file` for a file elsewhere.
    """
    if is_null(node):
        report.error("wrong-type", f"`weights` is a file or a mapping, got {describe(node)}", node.span)
        return None
    fields = bind(_Fields, node, report, span=node.span, what="`weights`", main="file")
    mapping = _mapping(node, report) if isinstance(node, Mapping) else PLAIN
    if fields is None or mapping is None:
        return None
    span = (node.get("file") or node).span if isinstance(node, Mapping) else node.span
    try:
        return Weights(fields.file, folder.inside(fields.file), span, mapping)
    except DataError as error:
        for found in error.diagnostics:
            report.error(found.code, f"`{fields.file}` {found.message}", span, help=found.help)
        return None


def _mapping(node: Mapping, report: Report) -> Mapped | None:
    before = len(report)
    transpose, skip = (_selectors(node.get(key), report) for key in ("transpose", "skip"))
    rules = _rules(node.get("rename"), report)
    path, span = _path(node.get("of"), report)
    return Mapped(path, span, rules, transpose, skip) if len(report) == before else None


def _selectors(node: Node | None, report: Report) -> tuple[Selector, ...]:
    return () if node is None or is_null(node) else selectors(node, report)


def _path(node: Node | None, report: Report) -> tuple[str, Span | None]:
    """A path is the text as written: `of: 3` needs no quotes."""
    if node is None or is_null(node):
        return "", None
    if not isinstance(node, Scalar) or not all(node.text.split(".")) or "*" in node.text:
        report.error("wrong-type", f"`of` is one path of the network, got {describe(node)}", node.span)
        return "", None
    return node.text, node.span


def _rules(node: Node | None, report: Report) -> tuple[Rule, ...]:
    if not isinstance(node, Mapping):
        return ()  # anything else was reported with the fields
    rules = [_rule(key.text, key.span, value, report) for key, value in node]
    return tuple(rule for rule in rules if rule is not None)


def _rule(old: str, span: Span, value: Node, report: Report) -> Rule | None:
    if not isinstance(value, Scalar):
        report.error("wrong-type", f"a new name is a text, got {describe(value)}", value.span)
        return None
    try:
        return Rule(old, value.text, span)
    except RenameError as error:
        report.error("wrong-value", str(error), span)
        return None
