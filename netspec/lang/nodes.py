"""The spanned syntax tree of a YAML file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netspec.diagnostics import Span

Plain = bool | int | float | str | None


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A scalar: its value by the rules of netspec, and its text as written (keys and names are always text)."""

    value: Plain
    text: str
    span: Span
    quoted: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    span: Span

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """A mapping in the order of the file; its keys are distinct."""

    entries: dict[str, tuple[Scalar, Node]]
    span: Span

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def __iter__(self) -> Iterator[tuple[Scalar, Node]]:
        return iter(self.entries.values())

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, key: str) -> Node | None:
        """The value of a key, or None."""
        entry = self.entries.get(key)
        return None if entry is None else entry[1]

    def key(self, key: str) -> Scalar:
        """The key itself, for its place."""
        return self.entries[key][0]


Node = Scalar | Sequence | Mapping


def is_null(node: Node | None) -> bool:
    """Whether a value is absent or null; `none` is null too (language.md section 8)."""
    return node is None or (isinstance(node, Scalar) and node.value is None)


def plain(node: Node) -> object:
    """The tree as plain lists, dicts and scalars; keys are the text as written."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, (_, value) in node.entries.items()}


def words(node: Node) -> Iterator[str]:
    """The texts of all scalars below a node, keys left out."""
    if isinstance(node, Scalar):
        yield node.text
    for item in node if isinstance(node, Sequence) else ():
        yield from words(item)
    for _, value in node if isinstance(node, Mapping) else ():
        yield from words(value)


def describe(node: Node) -> str:
    """What a node is, for messages: `a list`, `the text 'abc'`, `true`."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    if node.value is None:
        return "nothing"
    if isinstance(node.value, str):
        return f"the text {shorten(node.text)!r}"
    return shorten(node.text)


def shorten(text: str, limit: int = 40) -> str:
    """A text cut for a message."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
