"""What a resolved spec says beside its layers: sizes, inputs, and the sections that speak of layers by path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netspec.compiler import restated_weights
from netspec.compiler.spec import WeightsSection
from netspec.compiler.yaml_text import Word, block, flow
from netspec.ir import DType, Graph, Input, Value, symbols_of
from netspec.lang.document import Document
from netspec.lang.nodes import Mapping as MappingNode
from netspec.lang.nodes import Node as Tree
from netspec.lang.nodes import Scalar
from netspec.lang.nodes import Sequence as SequenceNode

#: The parts of a `train` section that name layers, and those that have such parts themselves.
_MEASURED = frozenset({"loss", "metrics"})
_PARTS = frozenset({"updates", "stages"})
#: What losses and metrics call the layers that they read; a layer stands after `sum` and `value` too.
_ENDS = frozenset("output target sum value var input1 input2 anchor positive negative".split())


def head(graph: Graph, document: Document) -> Iterator[str]:
    """The lines above `layers`."""
    yield "netspec: 1"
    yield from block("name", Word(graph.name))
    for key, words in (("doc", document.doc), ("source", document.origin)):
        if words:
            yield f"{key}: {flow(words)}"
    if dims := _dims(graph):
        yield from block("dims", dims)
    if (vocabs := document.root.get("vocabs")) is not None:
        yield from block("vocabs", vocabs)
    yield "inputs:"
    lengths = set(graph.lengths.values())
    for value in graph.inputs:
        if value not in lengths:
            yield from block(value.name, _input(value, document), "  ")


def tail(document: Document, weights: Sequence[WeightsSection], moved: Mapping[str, str]) -> Iterator[str]:
    """The lines below `outputs`.

    Args:
        document: What was written, its expressions evaluated.
        weights: The `weights` of the spec and of those that it uses.
        moved: Values of groups that are not those of their last layers, and outputs that blocks have words for: what
            they were called, and the paths of the layers that give them.
    """
    yield from _expect(document.expect, moved)
    if (files := restated_weights.weights(weights, document.source.name)) is not None:
        yield from block("weights", files)
    if document.train is not None:
        yield from block("train", _train(document.train, moved))
    if document.export is not None:
        yield from block("export", _export(document.export, moved) if moved else document.export)


def _dims(graph: Graph) -> dict[str, dict[str, Any]]:
    """What is known of the sizes that are left open."""
    sizes = (size for value in graph.inputs for size in value.type.shape)
    found: dict[str, dict[str, Any]] = {}
    for each in (atom for size in sizes for atom in sorted(symbols_of(size), key=str)):
        least = {} if each.least == each.multiple_of else {"min": each.least}
        most = {} if each.most is None else {"max": each.most}
        step = {} if each.multiple_of == 1 else {"multiple_of": each.multiple_of}
        lengths = {"lengths": Word(graph.lengths[each.name].name)} if each.name in graph.lengths else {}
        if known := {**least, **most, **step, **lengths}:
            found[each.name] = known
    return found


def _input(value: Value, document: Document) -> dict[str, Any] | list[Any]:
    """The type that was found, and the steps that make the input."""
    declared = document.inputs.get(value.name)
    steps = declared.preprocess if declared is not None else None
    shape = [size if isinstance(size, int) else str(size) for size in value.type.shape]
    dtype = {} if value.type.dtype is DType.FLOAT32 else {"dtype": value.type.dtype.value}
    below = {} if value.type.below is None else {"below": value.type.below}
    comes = _comes(value) if isinstance(value, Input) else {}
    more = {**dtype, **below, **comes, **({} if steps is None else {"preprocess": steps})}
    return {"shape": shape, **more} if more else shape


def _comes(value: Input) -> dict[str, str]:
    """Where an input comes from that is not simply given."""
    only = {"only": "train"} if value.only_train else {}
    return {**only, **({"sample": value.sample} if value.sample is not None else {})}


def _expect(node: Tree | None, moved: Mapping[str, str]) -> Iterator[str]:
    if isinstance(node, SequenceNode):
        # Cases with `set` are about other arguments; there are none left to set.
        node = next((case for case in node if isinstance(case, MappingNode) and "set" not in case), None)
    if not isinstance(node, MappingNode):
        return
    entries: dict[str, Any] = {key: value for key, (_, value) in node.entries.items()}
    shapes = entries.get("shapes")
    if isinstance(shapes, MappingNode):
        entries["shapes"] = {moved.get(path, path): shapes.get(path) for path in shapes.entries}
    yield from block("expect", entries)


def _train(node: MappingNode, moved: Mapping[str, str]) -> dict[str, Any]:
    """Losses and metrics, also those of updates and stages, name layers that they measure."""
    found: dict[str, Any] = {key: value for key, (_, value) in node.entries.items()}
    for key in found.keys() & _MEASURED:
        found[key] = _measured(found[key], moved)
    for key in found.keys() & _PARTS:
        if isinstance(found[key], SequenceNode):
            found[key] = [_train(each, moved) if isinstance(each, MappingNode) else each for each in found[key]]
    return found


def _measured(node: Tree, moved: Mapping[str, str]) -> Any:
    if isinstance(node, SequenceNode):
        return [_measured(item, moved) for item in node]
    if isinstance(node, MappingNode):
        return {
            key: _named(value, moved) if key in _ENDS else _measured(value, moved)
            for key, (_, value) in node.entries.items()
        }
    return node


def _export(node: MappingNode, moved: Mapping[str, str]) -> dict[str, Any]:
    """Graphs name the layers at their ends."""
    found: dict[str, Any] = {key: value for key, (_, value) in node.entries.items()}
    if isinstance(graphs := found.get("graphs"), MappingNode):
        found["graphs"] = {
            name: {key: _named(value, moved) for key, (_, value) in part.entries.items()}
            if isinstance(part, MappingNode)
            else part
            for name, (_, part) in graphs.entries.items()
        }
    return found


def _named(node: Tree, moved: Mapping[str, str]) -> Any:
    if isinstance(node, SequenceNode):
        return [_named(item, moved) for item in node]
    place = moved.get(node.text) if isinstance(node, Scalar) else None
    return _measured(node, moved) if place is None else Word(place)
