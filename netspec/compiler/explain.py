"""Where the values of a mistake come from: the layer, its line, and the arithmetic that gave the size."""

from __future__ import annotations

from netspec.compiler.resolve import Read
from netspec.compiler.session import Session
from netspec.diagnostics import Label

# How many layers an explanation walks back to the one whose expressions decided a size.
_REACH = 16


def labels(session: Session, read: Read) -> list[Label]:
    """`bn3  [256, 56, 56]`, with the place of the layer, and how its size came about or why it is not there."""
    entry = read.entry
    absent = entry is not None and bool(entry.absent)
    span = entry.span if entry is not None and absent else session.spans.get(read.value.name)
    remark = entry.absent if entry is not None and absent else _arithmetic(session, read.value.name)
    return [Label(f"{read.name}  {read.value.type}{f'  {remark}' if remark else ''}", span)]


def trace(session: Session, reads: tuple[Read, ...]) -> str | None:
    """The smallest fix where an input of a mistake is a layer that its `when` left out."""
    for read in reads:
        if read.entry is not None and read.entry.absent:
            condition = read.entry.absent.removeprefix("not there: ").removesuffix(" is false")
            if condition.isidentifier():
                return f"set `{condition}: true` where the block is used"
            return f"`{read.name}` is there only where {condition}"
    return None


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
