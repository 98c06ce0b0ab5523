"""The canonical text of a graph: one line a node, regions indented. For reading, comparing and golden tests.

After a node's attributes, or a region's types, stands in brackets what is special about it: whose parameters it uses,
whether it exists in training only, what is tied, frozen or drawn in another way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netspec.ir.graph import Graph, Init, Input, Node, Region, Scan, Slot, Value


def text(graph: Graph) -> str:
    """The graph as text; equal graphs give equal texts."""
    named = zip(graph.output_names, graph.outputs, strict=True)
    outputs = ", ".join(name if name == value.name else f"{name} = {value.name}" for name, value in named)
    lines = [f"graph {graph.name}({_typed(graph.inputs)}) -> ({outputs})"]
    return "\n".join([*lines, *_nodes(graph, "  ")]) + "\n"


def _nodes(graph: Graph, indent: str) -> Iterator[str]:
    for node in graph.nodes:
        reads = ", ".join(value.name for value in node.inputs)
        if isinstance(node, Node):
            call = f"{node.op.name}({reads}){_braced(node.op.attributes())}"
            yield f"{indent}{_typed(node.outputs)} = {call}{_bracketed(_node_marks(node))}"
        else:
            yield from _region(node, reads, indent)


def _region(region: Region, reads: str, indent: str) -> Iterator[str]:
    block = f" = {region.definition}{_braced(region.arguments)}" if region.definition is not None else ""
    what = _scan_words(region) if isinstance(region, Scan) else "region"
    head = f"{what} {region.path}{block}({reads}) -> ({_typed(region.outputs)})"
    yield f"{indent}{head}{_bracketed(_shared_marks(region))}"
    yield from _nodes(region.body, indent + "  ")


def _scan_words(scan: Scan) -> str:
    """`scan of T steps (x: each, h: state from zero, memory: whole)`."""
    slots = ", ".join(f"{value.name}: {_slot(slot)}" for slot, value, _ in scan.reads())
    if scan.is_single:
        return f"step ({slots})"
    return f"scan of {scan.steps} steps{' backward' if scan.reverse else ''} ({slots})"


def _slot(slot: Slot) -> str:
    if slot.state is None:
        return "whole" if slot.axis is None else f"along {slot.axis}"
    return "state" if slot.is_given else "state, learned" if slot.start is not None else "state from zero"


def _node_marks(node: Node) -> Iterator[str]:
    yield from _shared_marks(node)
    for name, tie in node.ties.items():
        yield f"{name} is {tie.key}" + (" transposed" if tie.transpose else "")
    if node.frozen:
        yield "frozen"
    for name, rules in node.init.items():
        yield f"{name} by {' and '.join(map(_rule, rules))}"


def _shared_marks(node: Node | Region) -> Iterator[str]:
    if node.owner is not None:
        yield f"call of {node.owner}"
    if node.presence != "always":
        yield f"training only: {node.presence}"


def _rule(rule: Init) -> str:
    return f"{rule.function}{_braced(rule.arguments)}"


def _braced(values: Mapping[str, Any]) -> str:
    return f" {{{', '.join(f'{key}={_plain(value)}' for key, value in values.items())}}}" if values else ""


def _bracketed(marks: Iterator[str]) -> str:
    words = ", ".join(marks)
    return f" [{words}]" if words else ""


def _typed(values: tuple[Value, ...]) -> str:
    return ", ".join(f"{value.name}: {_type(value)}{_bracketed(_input_marks(value))}" for value in values)


def _input_marks(value: Value) -> Iterator[str]:
    return iter(value.marks if isinstance(value, Input) else ())


def _type(value: Value) -> str:
    shape = ", ".join(map(str, value.type.shape))
    below = f" below {value.type.below}" if value.type.below is not None else ""
    return f"{value.type.dtype}[{shape}]{below}" + ("" if value.type.batched else " for all samples")


def _plain(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_plain, value))}]"
    return str(value)
