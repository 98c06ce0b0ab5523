"""Closed tables: a name in the spec chooses one declared entry, and nothing else can be named."""

import math
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from netspec.diagnostics import Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.lang.bind import bind
from netspec.lang.nodes import Mapping, Node, Scalar, describe, is_null
from netspec.ops.attributes import MAX_FLOAT, Domain, Refusal, number


class Entry(BaseModel):
    """One entry of a table: PyTorch's name, with PyTorch's arguments and defaults. Frozen, strict, no infinities."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    name: ClassVar[str]
    #: The argument that a bare value sets.
    main: ClassVar[str | None] = None

    @classmethod
    def ends(cls) -> frozenset[str]:
        """Keys that stand among its arguments, and name layers."""
        return frozenset()

    def arguments(self) -> dict[str, Any]:
        """PyTorch's keyword arguments."""
        return self.model_dump()


E = TypeVar("E", bound=Entry)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Chosen(Generic[E]):
    """An entry, the place of its name, and what stands beside and inside it that is not PyTorch's."""

    entry: E
    span: Span
    beside: Mapping
    inside: Mapping


def choose(
    node: Node,
    table: MappingOf[str, type[E]],
    report: Report,
    kind: str,
    *,
    beside: frozenset[str] = frozenset(),
    inside: frozenset[str] = frozenset(),
    later: frozenset[str] = frozenset(),
) -> Chosen[E] | None:
    """Read `NAME`, `{NAME: ARGUMENTS}` or `{NAME: ARGUMENTS, KEY: VALUE}`, or report why not.

    Args:
        node: What stands in the spec.
        table: Entries by name.
        report: Takes `unknown-training`, `not-supported`, `wrong-type` and what `bind` reports.
        kind: What messages call an entry: `loss`, `optimizer`.
        beside: Keys that may stand beside the name.
        inside: Keys that may stand among the arguments without being the entry's own, beside its `ends`.
        later: Names of the language that this release does not have yet.
    """
    found = _named(node, beside)
    if found is None:
        report.error("wrong-type", f"expected one {kind}, as a name or {{NAME: ...}}, got {describe(node)}", node.span)
        return None
    key, argument, extras = found
    model = table.get(key.text)
    if model is None:
        _unknown(key, table, report, kind, later)
        return None
    inside = inside | model.ends()
    if model.main in inside and not isinstance(argument, Mapping) and not is_null(argument):
        argument = _under(model.main, argument)
    taken, own = _parted(argument, inside) if isinstance(argument, Mapping) else (Mapping({}, key.span), argument)
    entry = bind(model, own, report, span=key.span, what=f"the {kind} {key.text}", main=model.main)
    return None if entry is None else Chosen(entry, key.span, extras, taken)


def _named(node: Node, beside: frozenset[str]) -> tuple[Scalar, Node | None, Mapping] | None:
    """The key, its argument, and what stands beside it."""
    if isinstance(node, Scalar):
        return None if is_null(node) else (node, None, Mapping({}, node.span))
    if not isinstance(node, Mapping):
        return None
    extras, names = _parted(node, beside)
    if len(names) != 1:
        return None
    ((key, argument),) = names
    return key, argument, extras


def _under(key: str | None, value: Node | None) -> Mapping:
    """`{key: value}`, all in the place of the value."""
    assert key is not None
    assert value is not None
    return Mapping({key: (Scalar(key, key, value.span), value)}, value.span)


def _parted(node: Mapping, keys: frozenset[str]) -> tuple[Mapping, Mapping]:
    """A mapping in two: what has one of the keys, and the rest."""
    taken = {name: entry for name, entry in node.entries.items() if name in keys}
    rest = {name: entry for name, entry in node.entries.items() if name not in keys}
    return Mapping(taken, node.span), Mapping(rest, node.span)


def _unknown(key: Scalar, table: MappingOf[str, type[E]], report: Report, kind: str, later: frozenset[str]) -> None:
    if key.text in later:
        report.error("not-supported", f"the {kind} `{key.text}` is not in this release", key.span)
    else:
        report.error(
            "unknown-training", f"no {kind} is called `{key.text}`", key.span, help=did_you_mean(key.text, table)
        )


def fraction(expected: str = "a number from 0, below 1") -> Domain:
    """Numbers in [0, 1)."""
    return number(0, expected, high=math.nextafter(1, 0))


def pair(item: Domain, expected: str) -> Domain:
    """A list of two numbers, kept as a tuple."""

    def read(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return Refusal("wrong-type")
        items = tuple(map(item.read, value))
        if len(items) != 2 or any(isinstance(found, Refusal) for found in items):
            return Refusal("wrong-value")
        return items

    return Domain(expected, read, {"type": "array", "items": item.schema, "minItems": 2, "maxItems": 2})


def numbers(expected: str, *, low: float = 0, most: int = 100_000) -> Domain:
    """A list of finite numbers, kept as a tuple; none for none."""
    item = number(low, "", high=MAX_FLOAT)

    def read(value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, (list, tuple)):
            return Refusal("wrong-type")
        items = tuple(map(item.read, value))
        wrong = not 0 < len(items) <= most or any(isinstance(found, Refusal) for found in items)
        return Refusal("wrong-value") if wrong else items

    return Domain(expected, read, {"anyOf": [{"type": "array", "items": item.schema}, {"type": "null"}]})
