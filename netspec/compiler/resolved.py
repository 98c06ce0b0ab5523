"""A graph as a spec with everything resolved: no arguments, blocks, repeats or expressions are left.

Regions are sequences, every layer has its name, and says what it reads where that is not the layer before it. What is
not about layers (data, training, deployment) stands as it was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netspec.compiler.resolved_scans import cell_chain, cell_head, cell_outputs, scan_words
from netspec.compiler.restated import head, tail
from netspec.compiler.spec import WeightsSection
from netspec.compiler.words import Chain, HiddenElements, HiddenName
from netspec.compiler.yaml_text import Word, block, flow
from netspec.diagnostics import NetspecError
from netspec.ir import Graph, Init, Node, Region, Scan, Value
from netspec.lang.document import Document
from netspec.lang.tokens import tokens
from netspec.ops.base import Op
from netspec.ops.calc import Calc


def spec_text(graph: Graph, document: Document, weights: Sequence[WeightsSection] = ()) -> str:
    """The resolved spec.

    Args:
        graph: What the document means.
        document: What is not about layers stands as it was written here.
        weights: The files from which the network starts, and the parts of it that others bring.

    Raises:
        NetspecError: `not-supported`: a layer in a block calls one outside whose name is hidden by a layer inside.
    """
    writer = _Writer(graph)
    root = Chain.root(graph)
    try:
        layers = [*writer.chain(root, "  "), *_outputs(graph, root)]
        blocks = ["blocks:", *writer.blocks] if writer.blocks else []
        lines = [*head(graph, document), *blocks, "layers:", *layers]
    except (HiddenName, HiddenElements) as error:
        help = "rename one of them" if isinstance(error, HiddenName) else None
        raise NetspecError.at(document.source.name, "not-supported", str(error), help=help) from None
    named = set(graph.output_names)
    moved = {path: place for path, place in writer.moved.items() if path not in named}
    return "\n".join([*lines, *tail(document, weights, moved)]) + "\n"


class _Writer:
    def __init__(self, graph: Graph) -> None:
        self._regions = {region.path: region for region in graph.regions()}
        # By the name that it had, the path of the layer that gives a value which the group gives no longer.
        self.moved: dict[str, str] = {}
        # The cells of scans, as blocks.
        self.blocks: list[str] = []
        self._names = {node.op.name for node in graph.walk()}

    def chain(self, chain: Chain, indent: str) -> Iterator[str]:
        """The layers of a chain, a list item each."""
        before: Node | Region | None = None
        for node in chain.graph.nodes:
            if isinstance(node, Node) and node.layer != node.path:
                chain.hand_on(node)
                continue
            if isinstance(node, Scan):
                yield f"{indent}- {flow(self._scan(node, chain))}"
            elif isinstance(node, Node):
                line = _modifiers(node, chain, _reads(node, before, chain)) | _operation(node, chain)
                yield f"{indent}- {flow(line)}"
                chain.add(node)
            elif node.body.nodes:
                yield from self._region(node, before, chain, indent)
            else:
                yield f"{indent}- {flow(self._empty(node, before, chain))}"
            before = node

    def _region(self, region: Region, before: Node | Region | None, chain: Chain, indent: str) -> Iterator[str]:
        """A sequence; or a call, where that finds by itself what it reads."""
        inner = chain.enter(region)
        fed = (inner.outside(inner.fed),) if inner.fed is not None else ()
        known = len(chain.aliases)
        body = list(self.chain(inner, indent + "    "))
        aliases = list(chain.aliases.items())[known:]
        for index, (value, name) in enumerate(aliases):
            reads = _from((value,), before, chain, implicit=index == 0)
            yield f"{indent}- {flow({'name': Word(name), **reads, 'identity': None})}"
        line = _modifiers(region, chain, _from(fed, before, chain, implicit=not aliases))
        if self._is_plain_call(region):
            assert region.owner is not None
            yield f"{indent}- {flow(line | {'call': Word(chain.called(region.owner))})}"
        else:
            lines = [*(each for key, value in line.items() for each in block(key, value)), "sequence:"]
            yield f"{indent}- {lines[0]}"
            yield from (f"{indent}  {each}" for each in lines[1:])
            yield from body
        chain.leave(inner)
        if "each" in line and not all(chain.is_value(value, region) for value in region.outputs):
            raise HiddenElements(region.path)
        self._note_value(region, chain)

    def _scan(self, scan: Scan, chain: Chain) -> dict[str, Any]:
        """A scan, whose cell becomes a block of its own; or a call, of it or of a step."""
        reads = {inside.name: Word(chain.word(outside)) for inside, outside in scan.entries()}
        line = _modifiers(scan, chain, {"from": reads} if reads else {})
        chain.add(scan)
        if scan.owner is not None:
            return line | {"call": Word(chain.called(scan.owner) + (".step" if scan.is_single else ""))}
        name = scan.definition or scan.name
        while name in self._names:
            name += "_"
        self._names.add(name)
        inner = cell_chain(scan, chain)
        layers = [*self.chain(inner, "      ")]
        self.blocks += [f"  {name}:", *cell_head(scan), "    layers:", *layers, *cell_outputs(scan, inner)]
        return line | {"scan": scan_words(scan, name)}

    def _is_plain_call(self, region: Region) -> bool:
        """Whether `call` says it all: a sequence reads one value, and finds others by name where it was written."""
        called = self._regions.get(region.owner or "")
        if called is None or not called.body.nodes or len(called.inputs) > 1 or len(region.inputs) > 1:
            return False
        return not _names_input(called.body)

    def _empty(self, region: Region, before: Node | Region | None, chain: Chain) -> dict[str, Any]:
        """A group without layers, which a chain cannot be."""
        chain.leave(chain.enter(region))
        first = region.outputs[0] if region.outputs else None
        reads = _from((chain.same[first],) if first is not None else region.inputs[:1], before, chain)
        if first is not None:
            del chain.same[first]
            chain.made[first] = region.name
        return _modifiers(region, chain, reads) | {"identity": None}

    def _note_value(self, region: Region, chain: Chain) -> None:
        """Remember what its value, and what blocks have words for, is called now."""
        if region.outputs and not chain.is_value(region.outputs[0], region):
            self.moved[region.path] = chain.path(region.outputs[0])
        self.moved |= {f"{region.path}.{word}": chain.path(value) for word, value in region.words}


def _names_input(graph: Graph) -> bool:
    """Whether a group inside may read, by a name from outside, what the chain reads: `input` is its own there."""
    made = {value for node in graph.nodes if isinstance(node, Node) for value in node.outputs}
    groups = [node for node in graph.nodes if isinstance(node, Region)]
    return any(not made.issuperset(group.inputs[1:]) or _names_input(group.body) for group in groups)


def _outputs(graph: Graph, root: Chain) -> Iterator[str]:
    pairs = zip(graph.output_names, graph.outputs, strict=True)
    named = {name: Word(root.word(value)) for name, value in pairs}
    if named:
        plain = all(name == word for name, word in named.items())
        yield from block("outputs", list(named.values()) if plain else named)


def _reads(node: Node, before: Node | Region | None, chain: Chain) -> dict[str, Any]:
    """`from`, where it is needed."""
    if isinstance(node.op, Calc):
        return _named(node.op, node.inputs, chain)
    if isinstance(node.op, Op) and node.op.is_source():
        return _from(node.inputs, before, chain, implicit=False)
    return _from(node.inputs, before, chain)


def _from(
    values: Sequence[Value], before: Node | Region | None, chain: Chain, *, implicit: bool = True
) -> dict[str, Any]:
    if not values or (implicit and len(values) == 1 and _is_implicit(values[0], before, chain)):
        return {}
    words = [Word(chain.word(value)) for value in values]
    return {"from": words[0] if len(words) == 1 else words}


def _is_implicit(value: Value, before: Node | Region | None, chain: Chain) -> bool:
    """Whether a layer that does not say so reads this: what the layer before it gives, or what the chain reads."""
    value = chain.origin(value)
    if before is not None:
        return before.presence != "head" and chain.is_value(value, before)
    if chain.region is None:
        written = [each for each in chain.graph.inputs if each not in chain.graph.lengths.values()]
        return written == [value]
    return value is chain.fed


def _modifiers(node: Node | Region, chain: Chain, reads: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": Word(node.name), **reads}
    if each := next((chain.each[value] for value in node.inputs if value in chain.each), None):
        found["each"] = each if isinstance(each, int) else Word(each)
    if node.presence != "always":
        found["only"] = "train"
    if isinstance(node, Node) and node.owner is None:
        ties = {name: _tie(tie.key, tie.transpose) for name, tie in node.ties.items()}
        init = {name: _init(rules) for name, rules in node.init.items()}
        init = init.get("", init)  # the one parameter of a `param` has no name
        more = {"freeze": node.frozen, "tie": ties, "init": init}
        found |= {key: value for key, value in more.items() if value}
    return found


def _operation(node: Node, chain: Chain) -> dict[str, Any]:
    if node.owner is not None:
        assert isinstance(node.op, Op)
        return {"call": Word(chain.called(node.owner) + node.op.call_suffix)}
    return {node.op.name: _equation(node.op) if isinstance(node.op, Calc) else node.op.attributes() or None}


def _named(op: Calc, values: Sequence[Value], chain: Chain) -> dict[str, Any]:
    """What the names of an equation stand for, where they are not the names of what it reads."""
    found = {name: Word(chain.word(value)) for name, value in zip(op.names, values, strict=True)}
    return {} if all(name == word for name, word in found.items()) else {"from": found}


def _equation(op: Calc) -> str:
    """The equation with its constants as numbers."""
    text, constants = op.expression, dict(op.constants)
    for token in reversed(list(tokens(text, dotted=True))):
        if token.kind == "name" and token.text in constants:
            value = constants[token.text]
            number = str(value) if value >= 0 else f"({value})"
            text = text[: token.offset] + number + text[token.offset + len(token.text) :]
    return text


def _tie(key: str, transpose: bool) -> Any:
    return {"to": Word(key), "transpose": True} if transpose else Word(key)


def _init(rules: Sequence[Init]) -> Any:
    written = [_rule(rule.function, rule.arguments) for rule in rules]
    return written[0] if len(written) == 1 else {"chunks": written}


def _rule(function: str, arguments: Mapping[str, Any]) -> Any:
    return {function: dict(arguments) or None}
