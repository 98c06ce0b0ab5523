"""The shapes of a scan's states: numbers, expressions, and sizes of what the scan reads by their words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netspec.compiler.scope import Env
from netspec.diagnostics import Report
from netspec.ir import Size, Sizes, TensorType, symbols_of
from netspec.lang.bind import has_failed, value_of
from netspec.lang.nodes import Node, Scalar, shorten
from netspec.lang.nodes import Sequence as SequenceNode
from netspec.lang.scans import StateDecl

MAX_SIZE = 2**31 - 1


def state_shape(
    state: StateDecl, names: Mapping[str, object], reads: Sequence[TensorType], env: Env, report: Report
) -> Sizes | None:
    """The shape of a state, or None where a size is wrong.

    Args:
        state: The state as written: a size, or a list of them.
        names: What expressions see.
        reads: What the scan reads; words of its sizes may stand in the shape.
        env: Where the scan stands.
        report: Takes `wrong-type`, `wrong-value`, `bad-expression`, `unknown-name`.
    """
    words: dict[str, Size] = {
        each.name: each.size for type in reads for size in type.shape for each in symbols_of(size)
    }
    words |= env.fixed
    node = state.shape
    if isinstance(node, Scalar) and isinstance(value := value_of(node, report, names), list):
        return _sizes([(each, node) for each in value], words, report)
    items: Sequence[Node] = node.items if isinstance(node, SequenceNode) else (node,)
    values = [(value_of(item, report, names) if isinstance(item, Scalar) else item, item) for item in items]
    return _sizes(values, words, report)


def _sizes(values: Sequence[tuple[object, Node]], words: Mapping[str, Size], report: Report) -> Sizes | None:
    sizes = [_size(value, node, words, report) for value, node in values]
    found = tuple(size for size in sizes if size is not None)
    return found if len(found) == len(sizes) else None


def _size(value: object, node: Node, words: Mapping[str, Size], report: Report) -> Size | None:
    if has_failed(value):
        return None
    if isinstance(value, str):
        if value in words:
            return words[value]
        known = ", ".join(f"`{word}`" for word in words) or "none"
        message = f"no size of what the scan reads is called `{shorten(value)}`"
        report.error("unknown-name", message, node.span, help=f"the sizes there are: {known}")
        return None
    if type(value) is not int:
        message = (
            f"`{shorten(node.span.text)}` in a state's shape: a size is a positive integer, a word or an expression"
        )
        report.error("wrong-type", message, node.span)
        return None
    if 0 < value <= MAX_SIZE:
        return value
    report.error("wrong-value", f"a size is from 1 to {MAX_SIZE}, got {value}", node.span)
    return None
