"""Scans whose cell is an LSTM, a GRU or a plain RNN say so: backends may then run their fused layers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from netspec.compiler.cells.interpret import interpret
from netspec.compiler.cells.match import Cell, match
from netspec.ir import Graph, Node, Region, Scan, Value
from netspec.ir.cells import Fused
from netspec.ops.base import Op


def fused_cells(graph: Graph, but: Collection[str] = ()) -> Graph:
    """Mark the scans that are known layers, here and in all regions, whatever the spelling of their equations.

    Requires: a verified graph. Ensures: the same graph, some of whose scans have `fused`, which computes what the body
    does. Those at the paths `but` have not.
    """
    if not any(isinstance(region, Scan) for region in graph.regions()):
        return graph
    return _marked(graph, but)


def _marked(graph: Graph, but: Collection[str]) -> Graph:
    return replace(graph, nodes=tuple(_node(node, but) for node in graph.nodes))


def _node(node: Node | Region, but: Collection[str]) -> Node | Region:
    if not isinstance(node, Region):
        return node
    if isinstance(node, Scan):
        found = recognized(node) if node.path not in but else None
        if found is not None or node.fused is not None:
            return replace(node, fused=found)
    return replace(node, body=_marked(node.body, but))


def recognized(scan: Scan) -> Fused | None:
    """The fused layer that a scan is, or None."""
    cut = [(i, inside) for i, (slot, inside, _) in enumerate(scan.reads()) if slot.axis is not None]
    states = {inside.name: inside for slot, inside, _ in scan.reads() if slot.state is not None}
    is_plain = not scan.is_single and scan.owner is None and len(cut) + len(states) == len(scan.slots)
    if not is_plain or len(cut) != 1 or len(states) not in (1, 2):
        return None
    [(place, input)] = cut
    if scan.slots[place].axis != 1 or any(value.type.rank != 1 for value in (input, *states.values())):
        return None
    return _matched(scan, input, states)


def _matched(scan: Scan, input: Value, states: dict[str, Value]) -> Fused | None:
    nexts = dict(zip(states, scan.body.outputs, strict=False))
    known = interpret(scan.body)
    polys = {name: known[value].whole for name, value in nexts.items() if value in known}
    found = {name: poly for name, poly in polys.items() if poly is not None}
    if len(found) < len(states):
        return None
    sizes = {name: int(value.type.numel) for name, value in states.items() if isinstance(value.type.numel, int)}
    width = input.type.numel
    assert isinstance(width, int)
    cell = Cell((input.name, width), sizes, found, _shapes(scan.body))
    fused = match(cell, [value.name for value in scan.body.inputs])
    if fused is None:
        return None
    # Of each step the layer gives h alone.
    h = nexts[scan.body.inputs[fused.states[0]].name]
    return fused if all(value is h for value in scan.body.outputs[len(states) :]) else None


def _shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for node in graph.walk():
        assert isinstance(node.op, Op)
        for name, param in node.op.params(*(value.type for value in node.inputs)).items():
            found[node.key(name)] = param.shape
    return found
