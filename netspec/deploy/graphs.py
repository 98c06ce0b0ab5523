"""`graphs`: which parts of a network get files of their own."""

from __future__ import annotations

from dataclasses import replace

from netspec.compiler.passes.expose import expose
from netspec.compiler.passes.part import PartError, needed, part
from netspec.compiler.step import LooksAhead, one_step
from netspec.deploy.plan import Part
from netspec.deploy.settings import GRAPH_KEYS
from netspec.diagnostics import Report
from netspec.ir import Graph, Region, Scan, Value, symbols_of
from netspec.ir import Node as Layer
from netspec.lang import form
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, is_null
from netspec.ops.recurrent import Recurrent
from netspec.training.layers import Layers


def bind_graphs(node: Node | None, graph: Graph, name: str, report: Report) -> tuple[Part, ...]:
    """The parts that a section names, the whole if it names none; those that are wrong are reported and left out."""
    section = form.mapping(node, "`graphs`", report)
    if section is None:
        return (Part("", graph),)
    found = []
    for key, value in section:
        body = form.mapping(value, f"the graph `{key.text}`", report)
        if not form.is_identifier(key, "the graph", report):
            continue
        if body is not None and not form.check_keys(body, GRAPH_KEYS, f"the graph `{key.text}`", report):
            continue
        made = _part(key, body or Mapping({}, key.span), graph, name, report)
        if made is not None:
            found.append(made)
    return tuple(found)


def step_of(layer: str | None, graph: Graph, name: str) -> Part:
    """One step of a network along the axis of a recurrent layer; of the first there is, where none is named.

    Raises:
        PartError: there is no such layer, its axis has no name, or another layer reads further positions.
    """
    nodes: list[Layer | Region] = [*graph.walk(), *graph.regions()]
    recurrent = {node.path: node for node in nodes if _recurs(node)}
    node = next(iter(recurrent.values()), None) if layer is None else recurrent.get(layer)
    if node is None:
        known = ", ".join(f"`{path}`" for path in recurrent)
        what = "no layer is recurrent" if layer is None else f"`{layer}` is no recurrent layer"
        raise PartError(f"{what}; these are: {known}" if known and layer is not None else what)
    axis = node.inputs[0].type.shape[0]
    symbols = [each.name for each in symbols_of(axis)]
    if len(symbols) != 1:
        raise PartError(
            f"`{node.path}` runs along an axis of {axis} positions; a step needs one with a name, as in [T, 8]"
        )
    try:
        found = one_step(graph, symbols[0])
    except LooksAhead as error:
        raise PartError(f"there is no step along {symbols[0]}: {error}") from None
    return Part("", replace(found.graph, name=f"{graph.name}.{name}" if name else graph.name), found.states)


def _recurs(node: Layer | Region) -> bool:
    return isinstance(node, Scan) or (not isinstance(node, Region) and isinstance(node.op, Recurrent))


def _part(key: Scalar, body: Mapping, graph: Graph, name: str, report: Report) -> Part | None:
    step = body.get("step")
    if step is not None and not is_null(step):
        return _step(key, body, step, graph, report)
    wanted = _named(body.get("outputs"), "outputs", graph, report)
    given = _named(body.get("inputs"), "inputs", graph, report)
    if wanted is None or given is None:
        return None
    exposed, outside = expose(graph, wanted.values())
    outputs = {known: outside[value] for known, value in wanted.items()}
    if not outputs:
        outputs = dict(zip(graph.output_names, graph.outputs, strict=True))
    outer = {*graph.inputs, *(value for node in graph.nodes for value in node.outputs)}
    inside = [known for known, value in given.items() if value not in outer]
    for known in inside:
        message = f"`{known}` lies inside of a group or block; an input of a graph is a layer of the file's own chain"
        report.error("bad-export", message, body.key("inputs").span)
    if inside:
        return None
    try:
        inputs = given or {value.name: value for value in _inputs(exposed, outputs)}
        return Part(key.text, part(exposed, inputs, outputs, f"{name}.{key.text}"))
    except PartError as error:
        report.error("bad-export", f"the graph `{key.text}`: {error}", key.span)
        return None


def _step(key: Scalar, body: Mapping, step: Node, graph: Graph, report: Report) -> Part | None:
    layer = form.scalar(step, "`step`", report)
    if layer is None:
        return None
    others = [other for other, _ in body if other.text != "step"]
    if others:
        message = f"`{others[0].text}` does not go with `step`: a step has the network's inputs and outputs, and states"
        report.error("bad-export", message, others[0].span)
        return None
    try:
        return replace(step_of(layer.text, graph, key.text), name=key.text)
    except PartError as error:
        report.error("bad-export", f"the graph `{key.text}`: {error}", layer.span)
        return None


def _named(node: Node | None, what: str, graph: Graph, report: Report) -> dict[str, Value] | None:
    """The values that a list names; None if one is not there. An input of the network may be named too."""
    items = () if node is None or is_null(node) else node.items if isinstance(node, Sequence) else (node,)
    layers, inputs = Layers(graph), {value.name: value for value in graph.inputs}
    found: dict[str, Value] = {}
    for item in items:
        word = form.scalar(item, f"one of `{what}`", report)
        if word is None:
            return None
        value = inputs.get(word.text) or layers.named(word, report)
        if value is None:
            return None
        if word.text in found:
            report.error("duplicate-name", f"`{word.text}` stands twice in `{what}`", word.span)
            return None
        found[word.text] = value
    return found


def _inputs(graph: Graph, outputs: dict[str, Value]) -> list[Value]:
    """The inputs of the network that these outputs depend on."""
    wanted = {*outputs.values(), *(value for node in needed(graph.nodes, outputs.values()) for value in node.inputs)}
    return [value for value in graph.inputs if value in wanted]
