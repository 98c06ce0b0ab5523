"""References -> values: a name in this chain or in those around it, `input`, a dotted path, one output of several."""

from __future__ import annotations

from netspec.compiler.scope import Body, Entry
from netspec.diagnostics import Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Value
from netspec.lang.document import Reference
from netspec.lang.nodes import shorten


def resolve(reference: Reference, body: Body, report: Report) -> Value | None:
    """The value that a reference in `body` means, as a value of `body`.

    None if it failed: silently where the layer it names has a mistake of its own, else with `unknown-name` or
    `forward-reference`.
    """
    head, _, rest = reference.text.partition(".")
    if head == "input":
        return _input(reference, body, report)
    home = _home(head, body)
    if home is None:
        _unknown(reference, head, body, report)
        return None
    if head not in home.entries:
        message = f"the layer `{head}` stands below; a layer reads what stands above it"
        report.error("forward-reference", message, reference.span)
        return None
    value = _inside(home.entries[head], rest, home, reference, report)
    return None if value is None else body.capture(value, home)


def _input(reference: Reference, body: Body, report: Report) -> Value | None:
    if body.input is None and body.parent is None and len(body.entries) > 1:
        report.error("unknown-name", "with several inputs there is no `input`; name one of them", reference.span)
    return body.input


def _home(name: str, body: Body | None) -> Body | None:
    """The innermost body around that knows the name."""
    while body is not None and name not in body.entries and name not in body.declared:
        body = body.parent
    return body


def _inside(entry: Entry, rest: str, home: Body, reference: Reference, report: Report) -> Value | None:
    """The value that `rest` names inside an entry of `home`, as a value of `home`."""
    at = home
    while rest and entry.body is not None:
        name, _, rest = rest.partition(".")
        inner = entry.body
        if name not in inner.entries:
            if name in inner.declared:
                report.error("forward-reference", f"`{entry.path}` is not finished here", reference.span)
            else:
                help = did_you_mean(name, inner.entries)
                message = f"`{entry.path}` has no layer `{shorten(name)}`"
                report.error("unknown-name", message, reference.span, help=help)
            return None
        entry.is_read = True
        entry, at = inner.entries[name], inner
    entry.is_read = True
    if not entry.outputs:
        return None
    if not rest:
        return at.export(entry.outputs[0], home)
    if rest in entry.output_names:
        return at.export(entry.outputs[entry.output_names.index(rest)], home)
    known = f"its outputs are {', '.join(entry.output_names)}" if entry.output_names else "it has one output"
    report.error("unknown-name", f"`{entry.path}` has no output `{shorten(rest)}`; {known}", reference.span)
    return None


def _unknown(reference: Reference, head: str, body: Body, report: Report) -> None:
    known: list[str] = []
    scope: Body | None = body
    while scope is not None:
        known += scope.entries
        scope = scope.parent
    message = f"no layer or input in scope is called `{shorten(head)}`"
    report.error("unknown-name", message, reference.span, help=did_you_mean(head, known))
