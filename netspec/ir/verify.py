"""The invariants of a graph; passes are checked against them before and after."""

from __future__ import annotations

from netspec.ir.graph import Graph, Node, Region, Scan, Value


class InvalidGraphError(AssertionError):
    """A bug in netspec: a pass or the elaborator built a graph that breaks an invariant."""


def verify(graph: Graph) -> None:
    """Check a graph and all below it.

    1. Each value is defined once: as an input, or as an output of one node.
    2. Each node reads only values of its own graph that stand before it.
    3. The outputs of a node have the types that its op infers from its inputs.
    4. Paths are unique within a graph.
    5. A region's inputs and outputs agree with its body's, pairwise, in number and type; a scan's, as its slots say.
       What it gives under names of its own is among its outputs.
    6. There is a name for every output of the outermost graph, and none is missing.

    Raises:
        InvalidGraphError: naming the graph, the node and the invariant.
    """
    if graph.output_names and len(graph.output_names) != len(graph.outputs):
        raise InvalidGraphError(f"{graph.name}: {len(graph.outputs)} outputs, {len(graph.output_names)} names (6)")
    _verify(graph)


def _verify(graph: Graph) -> None:
    defined: set[Value] = set()
    paths: set[str] = set()
    _define(graph, "inputs", graph.inputs, defined)
    for node in graph.nodes:
        if node.path in paths:
            raise InvalidGraphError(f"{graph.name}: the path {node.path} is there twice (4)")
        paths.add(node.path)
        for value in node.inputs:
            if value not in defined:
                raise InvalidGraphError(f"{node.path} reads {value.name}, which is not defined before it (2)")
        if isinstance(node, Region) and not {value for _, value in node.words} <= {*node.outputs}:
            raise InvalidGraphError(f"{node.path}: a name is that of no output (5)")
        if isinstance(node, Scan):
            _check_scan(node)
        elif isinstance(node, Region):
            _check_region(node)
        else:
            _check_types(node)
        _define(graph, node.path, node.outputs, defined)
    for value in graph.outputs:
        if value not in defined:
            raise InvalidGraphError(f"{graph.name}: the output {value.name} is not defined (2)")


def _define(graph: Graph, place: str, values: tuple[Value, ...], defined: set[Value]) -> None:
    for value in values:
        if value in defined:
            raise InvalidGraphError(f"{graph.name}: {value.name} is defined again at {place} (1)")
        defined.add(value)


def _check_types(node: Node) -> None:
    expected = node.op.infer_all(*(value.type for value in node.inputs))
    found = tuple(value.type for value in node.outputs)
    if found != expected:
        raise InvalidGraphError(f"{node.path}: outputs {_types(found)}, but its op infers {_types(expected)} (3)")


def _check_region(region: Region) -> None:
    pairs = ((region.inputs, region.body.inputs), (region.outputs, region.body.outputs))
    for outside, inside in pairs:
        if tuple(value.type for value in outside) != tuple(value.type for value in inside):
            raise InvalidGraphError(f"{region.path}: inputs or outputs differ from its body's (5)")
    _verify(region.body)


def _check_scan(scan: Scan) -> None:
    for slot, inside, outside in scan.reads():
        shape = inside.type.shape if outside is None else outside.type.shape
        if slot.axis is not None:
            shape = (*shape[: slot.axis - 1], *shape[slot.axis :])
        if inside.type.shape != shape or (outside is not None and inside.type.dtype is not outside.type.dtype):
            raise InvalidGraphError(f"{scan.path}: the step's input {inside.name} is not a part of {outside} (5)")
    found = [value.type.shape for value in scan.outputs]
    nexts = [] if scan.is_single else [value.type.shape for value in scan.body.outputs[: len(scan.states)]]
    emitted = [value.type.shape for value in scan.body.outputs[len(nexts) :]]
    expected = [shape if scan.is_single else (scan.steps, *shape) for shape in emitted]
    if found != [*expected, *nexts]:
        raise InvalidGraphError(f"{scan.path}: outputs {found}, but its body gives {[*expected, *nexts]} (5)")
    states = [inside.type for slot, inside, _ in scan.reads() if slot.state is not None]
    if nexts and [type.shape for type in states] != nexts:
        raise InvalidGraphError(f"{scan.path}: a state changes its shape (5)")
    _verify(scan.body)


def _types(types: tuple[object, ...]) -> str:
    return ", ".join(map(str, types))
