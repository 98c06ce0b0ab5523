"""References -> values: a name in this chain or in those around it, `input`, a dotted path, one output of several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netspec.compiler.scope import Body, Entry
from netspec.diagnostics import Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Value
from netspec.lang.document import LayerDecl, Reference
from netspec.lang.nodes import shorten


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Read:
    """A value that a layer reads, the name by which it does, and the entry that stands behind it."""

    value: Value
    name: str
    entry: Entry | None = None


# What a layer reads: in order, or by port. None: one of them failed, and its mistake is reported.
Reading = tuple[Read, ...] | Mapping[str, Read] | None


def resolve(reference: Reference, body: Body, report: Report) -> Read | None:
    """The value that a reference in `body` means, as a value of `body`.

    None if it failed: silently where the layer it names has a mistake of its own, else with `unknown-name` or
    `forward-reference`.
    """
    head, _, rest = reference.text.partition(".")
    if head == "input":
        return _input(reference, body, report)
    home = home_of(head, body)
    if home is None:
        _unknown(reference, head, body, report)
        return None
    if head not in home.entries:
        message = f"the layer `{head}` stands below; a layer reads what stands above it"
        report.error("forward-reference", message, reference.span)
        return None
    found = _inside(home.entries[head], rest, home, reference, report)
    if found is None:
        return None
    value, entry = found
    return Read(body.capture(value, home), reference.text, entry)


def resolve_entry(reference: Reference, body: Body, report: Report) -> Entry | None:
    """The layer that a reference means: one of this chain or of those around it, or one inside a group of them.

    None if it failed: with `unknown-name`, or silently where what it names has a mistake of its own.
    """
    name, _, rest = reference.text.partition(".")
    home = home_of(name, body)
    entry = home.entries.get(name) if home is not None else None
    while entry is not None and rest and entry.body is not None:
        name, _, rest = rest.partition(".")
        entry.is_read = True
        if _is_opaque(entry, reference, report):
            return None
        entry = entry.body.entries.get(name)
    if entry is not None and not entry.path and not rest:
        return None
    if entry is None or rest:
        known = [name for name, each in body.entries.items() if each.decl is not None]
        message = f"no layer in scope is called `{shorten(reference.text)}`"
        report.error("unknown-name", message, reference.span, help=did_you_mean(reference.text, known))
        return None
    entry.is_read = True
    return entry


def _input(reference: Reference, body: Body, report: Report) -> Read | None:
    if body.input is not None:
        return Read(body.input, "input")
    closed = _closed(body)
    if len(closed.entries) > 1 and all(entry.decl is None for entry in list(closed.entries.values())[:2]):
        report.error("unknown-name", "with several inputs there is no `input`; name one of them", reference.span)
    return None


def _closed(body: Body) -> Body:
    """The body of the block or file around."""
    while body.parent is not None and not body.is_closed:
        body = body.parent
    return body


def home_of(name: str, body: Body | None) -> Body | None:
    """The innermost body around that knows the name, up to the block or file."""
    while body is not None and not _knows(body, name):
        body = None if body.is_closed else body.parent
    return body


def _knows(body: Body, name: str) -> bool:
    is_position = name.isdecimal() and len(name) < 7 and int(name) < body.length
    return name in body.entries or name in body.declared or is_position


def _inside(entry: Entry, rest: str, home: Body, reference: Reference, report: Report) -> tuple[Value, Entry] | None:
    """The value that `rest` names inside an entry of `home`, as a value of `home`."""
    at = home
    while rest and entry.body is not None and rest not in entry.output_names:
        if _is_opaque(entry, reference, report) or _is_of_elements(entry, reference, report):
            return None
        name, _, rest = rest.partition(".")
        inner = entry.body
        if name not in inner.entries:
            _not_inside(entry, inner, name, reference, report)
            return None
        entry.is_read = True
        entry, at = inner.entries[name], inner
    entry.is_read = True
    if not entry.outputs:
        return None
    if not rest:
        return at.export(entry.outputs[0], home), entry
    if rest in entry.output_names:
        return at.export(entry.outputs[entry.output_names.index(rest)], home), entry
    if entry.absent:
        message = (
            f"`{entry.path}` is {entry.absent}: it stands for what it would have read, which has no `{shorten(rest)}`"
        )
        report.error("unknown-name", message, reference.span, help=entry.remedy)
        return None
    known = f"its outputs are {', '.join(entry.output_names)}" if entry.output_names else "it has one output"
    help = did_you_mean(rest, entry.output_names)
    report.error("unknown-name", f"`{entry.path}` has no output `{shorten(rest)}`; {known}", reference.span, help=help)
    return None


def _is_opaque(entry: Entry, reference: Reference, report: Report) -> bool:
    """Whether an entry is a use of a block: whose outputs alone are read from outside; a spec that is used is open."""
    if entry.body is None or not entry.body.is_closed or entry.body.env.document is not _document_around(entry.body):
        return False
    if not entry.outputs:
        return True  # its mistake is reported
    outputs = ", ".join(f"`{name}`" for name in entry.output_names)
    help = f"its outputs are {outputs}" if outputs else "name the value among the `outputs` of the block"
    message = f"`{entry.path}` is a block, whose inside cannot be read from outside"
    report.error("unknown-name", message, reference.span, help=help)
    return True


def _is_of_elements(entry: Entry, reference: Reference, report: Report) -> bool:
    """Whether what is inside of an entry is of single elements of an axis: its outputs alone have the axis again."""
    if entry.decl is None or entry.decl.each is None:
        return False
    message = f"`{entry.path}` is applied to each element of `{entry.decl.each.text}`; its inside is read only there"
    report.error("unknown-name", message, reference.span, help=f"`{entry.name}` is its value, along the axis")
    return True


def _document_around(body: Body) -> object:
    return body.parent.env.document if body.parent is not None else None


def _not_inside(entry: Entry, inner: Body, name: str, reference: Reference, report: Report) -> None:
    message = f"`{entry.path}` has no layer `{shorten(name)}`"
    report.error("unknown-name", message, reference.span, help=did_you_mean(name, inner.entries))


def _unknown(reference: Reference, head: str, body: Body, report: Report) -> None:
    known: list[str] = []
    scope: Body | None = body
    while scope is not None:
        known += scope.entries
        scope = None if scope.is_closed else scope.parent
    message = f"no layer or input in scope is called `{shorten(head)}`"
    report.error("unknown-name", message, reference.span, help=did_you_mean(head, known))


def follow(previous: Entry, first: Reading, decl: LayerDecl) -> Reading:
    """What a copy of a repeat reads: the copy before it, port by port, and else what the first copy does."""
    fed = handed_on(previous)
    if not fed:
        return None
    if isinstance(first, Mapping):
        named = {read.name: read for read in fed if read.name in first} or {next(iter(first)): fed[0]}
        return {**first, **named}
    return fed if decl.reads is None or first is None else (fed[0], *first[1:])


def handed_on(entry: Entry) -> tuple[Read, ...]:
    """The outputs of a layer under their names; who reads no port by name takes the first."""
    names = entry.output_names or (entry.name,)
    return tuple(Read(value, name, entry) for value, name in zip(entry.outputs, names, strict=False))
