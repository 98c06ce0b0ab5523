"""A graph as a spec with everything resolved: no arguments, blocks, repeats or expressions are left.

Regions are sequences, every layer has its name, and says what it reads where that is not the layer before it. What is
not about layers (data, training, deployment) stands as it was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netspec.compiler.yaml_text import Word, block, flow
from netspec.diagnostics import NetspecError
from netspec.ir import DType, Graph, Init, Node, Region, Value
from netspec.lang.document import Document
from netspec.lang.nodes import Mapping as MappingNode
from netspec.lang.nodes import Sequence as SequenceNode
from netspec.lang.tokens import tokens
from netspec.ops.base import Op
from netspec.ops.calc import Calc

# Sections that speak of layers by path only, and so hold for the resolved spec too.
_SECTIONS = ("generate", "expect", "train", "export", "weights")


def spec_text(graph: Graph, document: Document) -> str:
    """The resolved spec.

    Raises:
        NetspecError: `not-supported`: a layer in a block reads one outside whose name is hidden by a layer inside.
    """
    writer = _Writer(graph, document)
    return "\n".join([*writer.head(), "layers:", *writer.chain(writer.root, "  "), *writer.tail()]) + "\n"


@dataclass(slots=True, eq=False)
class _Chain:
    """A graph as a chain of the file, in the chain around it; `refs` are the values that it knows by name."""

    graph: Graph
    region: Region | None = None
    outer: _Chain | None = None
    # Values made here or captured, by the words that stand for them in this chain.
    refs: dict[Value, str] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """What a word of this chain may mean."""
        inputs = {value.name for value in self.graph.inputs} if self.region is None else {"input"}
        return {node.name for node in self.graph.nodes} | inputs


class _Writer:
    def __init__(self, graph: Graph, document: Document) -> None:
        self._graph, self._document = graph, document
        self.root = _Chain(graph, refs={value: value.name for value in graph.inputs})

    def head(self) -> Iterator[str]:
        yield "netspec: 1"
        yield from block("name", Word(self._graph.name))
        for key, words in (("doc", self._document.doc), ("source", self._document.origin)):
            if words:
                yield f"{key}: {flow(words)}"
        yield from self._section("dims")
        yield from self._section("vocabs")
        yield "inputs:"
        for value in self._graph.inputs:
            yield from block(value.name, self._input(value), "  ")

    def tail(self) -> Iterator[str]:
        pairs = dict(zip(self._graph.output_names, self._graph.outputs, strict=True))
        named = {name: Word(self._reference(value, self.root)) for name, value in pairs.items()}
        if named:
            plain = all(name == reference for name, reference in named.items())
            yield from block("outputs", list(named.values()) if plain else named)
        for key in _SECTIONS:
            yield from self._section(key)

    def chain(self, chain: _Chain, indent: str) -> Iterator[str]:
        """The layers of a chain, a list item each."""
        before: Node | Region | None = None
        for node in chain.graph.nodes:
            reads = self._named(node, chain) if _is_calc(node) else self._reads(node, before, chain)
            head = self._modifiers(node, reads)
            if isinstance(node, Region) and node.owner is None:
                lines = [line for key, value in head.items() for line in block(key, value)]
                inner = self._inside(node, chain)
                body = list(self.chain(inner, indent + "    "))
                lines.append("sequence:" if body else "sequence: []")
                yield f"{indent}- {lines[0]}"
                yield from (f"{indent}  {line}" for line in lines[1:])
                yield from body
            else:
                yield f"{indent}- {flow(head | self._operation(node))}"
            chain.refs.update(self._made(node))
            before = node

    def _section(self, key: str) -> Iterator[str]:
        node = self._document.root.get(key)
        if key == "expect" and isinstance(node, SequenceNode):
            # Cases with `set` are about other arguments; there are none left to set.
            node = next((case for case in node if isinstance(case, MappingNode) and "set" not in case), None)
        if node is not None:
            yield from block(key, node)

    def _input(self, value: Value) -> dict[str, Any] | list[Any]:
        """The type that was found; the keys beside it as they were written."""
        declared = self._document.root.get("inputs")
        written = declared.get(value.name) if isinstance(declared, MappingNode) else None
        more = written.entries if isinstance(written, MappingNode) else {}
        others = {key: node for key, (_, node) in more.items() if key not in ("shape", "dtype", "below")}
        shape = [size if isinstance(size, int) else str(size) for size in value.type.shape]
        if value.type.dtype is DType.FLOAT32 and not others:
            return shape
        dtype = {} if value.type.dtype is DType.FLOAT32 else {"dtype": value.type.dtype.value}
        below = {} if value.type.below is None else {"below": value.type.below}
        return {"shape": shape, **dtype, **below, **others}

    def _inside(self, region: Region, outer: _Chain) -> _Chain:
        inner = _Chain(region.body, region, outer)
        for index, (inside, outside) in enumerate(zip(region.body.inputs, region.inputs, strict=True)):
            inner.refs[inside] = "input" if index == 0 else self._path(outside, outer)
        return inner

    def _path(self, value: Value, chain: _Chain) -> str:
        """The path of a value from the root: the word that is least likely to be hidden."""
        if chain.region is None:
            return chain.refs[value]
        for inside, outside in zip(chain.region.body.inputs, chain.region.inputs, strict=True):
            if inside is value:
                assert chain.outer is not None
                return self._path(outside, chain.outer)
        return f"{chain.region.path}.{chain.refs[value]}"

    def _made(self, node: Node | Region) -> dict[Value, str]:
        """The words for what a node gives, in its own chain."""
        if isinstance(node, Node):
            plural = len(node.outputs) > 1
            return {value: f"{node.name}.{i}" if plural else node.name for i, value in enumerate(node.outputs)}
        pairs = zip(node.outputs, node.body.outputs, strict=True)
        return {outside: _exported(node, inside) for outside, inside in pairs}

    def _reads(self, node: Node | Region, before: Node | Region | None, chain: _Chain) -> dict[str, Any]:
        """`from`, where it is needed. A sequence reads one layer, and finds the others by name."""
        values = node.inputs[:1] if isinstance(node, Region) and node.owner is None else node.inputs
        says_all = isinstance(node, Node) and isinstance(node.op, Op) and node.op.is_source()
        if not values or (len(values) == 1 and values[0] is _implicit(before, chain) and not says_all):
            return {}
        references = [Word(self._reference(value, chain)) for value in values]
        return {"from": references[0] if len(references) == 1 else references}

    def _reference(self, value: Value, chain: _Chain) -> str:
        """A word for a value that means it in this chain.

        Raises:
            NetspecError: `not-supported`.
        """
        word = chain.refs[value]
        if word == "input" or chain.region is None or not _is_captured(value, chain):
            return word
        first, hiding = word.split(".")[0], chain
        while hiding.region is not None and first not in hiding.names:
            assert hiding.outer is not None
            hiding = hiding.outer
        if hiding.region is None:
            return word
        message = f"`{chain.region.path}` reads `{word}`, but a layer of `{hiding.region.path}` is called `{first}` too"
        raise NetspecError.at(self._document.source.name, "not-supported", message, help="rename one of them")

    def _modifiers(self, node: Node | Region, reads: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {"name": Word(node.name), **reads}
        if node.presence != "always":
            found["only"] = "train"
        if isinstance(node, Node):
            ties = {name: _tie(tie.key, tie.transpose) for name, tie in node.ties.items()}
            init = {name: _init(rules) for name, rules in node.init.items()}
            init = init.get("", init)  # the one parameter of a `param` has no name
            more = {"freeze": node.frozen, "tie": ties, "init": init}
            found |= {key: value for key, value in more.items() if value}
        return found

    def _operation(self, node: Node | Region) -> dict[str, Any]:
        if node.owner is not None:
            return {"call": Word(node.owner)}
        assert isinstance(node, Node)
        return {node.op.name: _equation(node.op) if isinstance(node.op, Calc) else node.op.attributes() or None}

    def _named(self, node: Node | Region, chain: _Chain) -> dict[str, Any]:
        """What the names of an equation stand for, where they are not the names of what it reads."""
        assert isinstance(node, Node)
        assert isinstance(node.op, Calc)
        found = {name: self._reference(value, chain) for name, value in zip(node.op.names, node.inputs, strict=True)}
        plain = all(name == reference for name, reference in found.items())
        return {} if plain else {"from": {name: Word(reference) for name, reference in found.items()}}


def _is_calc(node: Node | Region) -> bool:
    return isinstance(node, Node) and isinstance(node.op, Calc) and node.owner is None


def _equation(op: Calc) -> str:
    """The equation with its constants as numbers."""
    text, constants = op.expression, dict(op.constants)
    for token in reversed(list(tokens(text, dotted=True))):
        if token.kind == "name" and token.text in constants:
            value = constants[token.text]
            number = str(value) if value >= 0 else f"({value})"
            text = text[: token.offset] + number + text[token.offset + len(token.text) :]
    return text


def _exported(region: Region, value: Value) -> str:
    """The word for an output of a region: its name where the last layer gives it, else the path to the layer."""
    nodes = region.body.nodes
    if nodes and nodes[-1].outputs and nodes[-1].outputs[0] is value:
        return region.name
    for node in nodes:
        if value in node.outputs:
            index = node.outputs.index(value)
            inner = _exported(node, node.body.outputs[index]) if isinstance(node, Region) else node.name
            several = isinstance(node, Node) and len(node.outputs) > 1
            return f"{region.name}.{inner}" + (f".{index}" if several else "")
    return region.name


def _implicit(before: Node | Region | None, chain: _Chain) -> Value | None:
    """What a layer reads that does not say so: the first output of the layer before it, or what the chain reads."""
    if before is not None:
        ends_so = isinstance(before, Node) or _exported(before, before.body.outputs[0]) == before.name
        return before.outputs[0] if before.presence != "head" and before.outputs and ends_so else None
    single = chain.region is not None or len(chain.graph.inputs) == 1
    return chain.graph.inputs[0] if single and chain.graph.inputs else None


def _is_captured(value: Value, chain: _Chain) -> bool:
    return value in chain.graph.inputs


def _tie(key: str, transpose: bool) -> Any:
    return {"to": Word(key), "transpose": True} if transpose else Word(key)


def _init(rules: Sequence[Init]) -> Any:
    written = [_rule(rule.function, rule.arguments) for rule in rules]
    return written[0] if len(written) == 1 else {"chunks": written}


def _rule(function: str, arguments: Mapping[str, Any]) -> Any:
    return {function: dict(arguments) or None}
