"""Where the values of a mistake come from: the layer, its line, and the arithmetic that gave the size."""

from __future__ import annotations

from netspec.compiler.resolve import Read
from netspec.compiler.scope import Body
from netspec.compiler.session import Session
from netspec.diagnostics import Label
from netspec.lang.nodes import Scalar

# How many layers an explanation walks back to the one whose expressions decided a size.
_REACH = 16


def labels(session: Session, read: Read) -> list[Label]:
    """`bn3  [256, 56, 56]`, with the place of the layer, and how its size came about or why it is not there."""
    entry = read.entry
    absent = entry is not None and bool(entry.absent)
    span = entry.span if entry is not None and absent else session.spans.get(read.value.name)
    remark = entry.absent if entry is not None and absent else _arithmetic(session, read.value.name)
    return [Label(f"{read.name}  {read.value.type}", span, remark)]


def trace(reads: tuple[Read, ...]) -> str | None:
    """The smallest fix where an input of a mistake is a layer that its `when` left out."""
    absent = next((read.entry for read in reads if read.entry is not None and read.entry.absent), None)
    return None if absent is None else absent.remedy


def remedy(condition: Scalar, body: Body, name: str) -> str:
    """What would make a layer be there whose `when` is false: its argument, and where it is set."""
    text = condition.text.removeprefix("=").strip()
    if text == "false":
        return f"`{name}` is there only without its `when: false`"
    if not text.isidentifier():
        return f"`{name}` is there only where {text}"
    scope: Body | None = body
    while scope is not None and not scope.is_closed:
        scope = scope.parent
    if scope is None:
        return f"set the argument `{text}: true`"
    use = [frame.span for frame in scope.origin if frame.span is not None][-1]
    near = use.source is condition.span.source
    return f"set `{text}: true` at {f'line {use.line}' if near else use}"


def _arithmetic(session: Session, name: str) -> str:
    """The expressions of the nearest layer above that had any: `conv3: out_channels = 4*width = 256`."""
    for _ in range(_REACH):
        path = name
        text = session.arithmetic.get(path)
        if text is not None:
            return f"{path.rpartition('.')[2]}: {text}"
        above = session.reads.get(name)
        if not above:
            return ""
        name = above[0]
    return ""
