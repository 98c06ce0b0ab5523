"""Chains of a resolved spec, and the words that stand in them for values and for layers that are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from netspec.ir import Graph, Node, Region, Scan, Value
from netspec.ops.base import Op


class HiddenName(Exception):
    """The word for a layer that is called would be read as another one where it is needed."""

    def __init__(self, reader: str, word: str, hiding: str) -> None:
        name = word.split(".")[0]
        super().__init__(f"`{reader}` calls `{word}`, but a layer of `{hiding}` is called `{name}` too")


class HiddenElements(Exception):
    """A group that is applied to each element of an axis gives more than its value, which only a block can."""

    def __init__(self, path: str) -> None:
        super().__init__(f"`{path}` gives several values for each element of an axis, which a chain of layers cannot")


@dataclass(slots=True, eq=False, repr=False)
class Chain:
    """A graph as a chain of the file, in the chain around it."""

    graph: Graph
    region: Region | None = None
    outer: Chain | None = None
    # What `input` means in a region.
    fed: Value | None = None
    # What is made here (or is an input of the file), by the words that stand for it in this chain.
    made: dict[Value, str] = field(default_factory=dict)
    # What a group hands on as it is, by what it reads.
    same: dict[Value, Value] = field(default_factory=dict)
    # Values of each element of an axis, with that axis.
    each: dict[Value, int | str] = field(default_factory=dict)
    # Values made here whose word is hidden where they are read, by the names of the layers that hand them on.
    aliases: dict[Value, str] = field(default_factory=dict)
    # All names of the file, which no alias may have.
    taken: set[str] = field(default_factory=set)

    @classmethod
    def root(cls, graph: Graph) -> Chain:
        """The chain of the file."""
        taken = {value.name for value in graph.inputs} | {node.name for node in graph.walk()}
        taken |= {region.name for region in graph.regions()}
        return cls(graph, made={value: value.name for value in graph.inputs}, taken=taken)

    def is_end(self, value: Value) -> bool:
        """Whether a value is that of the chain: what the last layer gives that is no head."""
        nodes = [node for node in self.graph.nodes if node.presence != "head"]
        return bool(nodes) and self.is_value(value, nodes[-1])

    def is_value(self, value: Value, node: Node | Region) -> bool:
        """Whether a value is what a layer of this chain gives to who reads it by its name."""
        value = self.origin(value)
        if isinstance(node, Node | Scan):
            return bool(node.outputs) and value is node.outputs[0]
        return self.made.get(value) == node.name

    def word(self, value: Value) -> str:
        """The word for a value; where a layer on the way has its name, that of an alias."""
        if self.origin(value) is self.fed and self.fed is not None:
            return "input"
        home, found = self._home(value)
        word = home.made[found]
        return word if self._hiding(home, word) is None else home._alias(found)

    def path(self, value: Value) -> str:
        """The path of a value from the root."""
        home, found = self._home(value)
        return home.prefix + home.made[found]

    def called(self, path: str) -> str:
        """The word for the layer at a path.

        Raises:
            HiddenName: a layer on the way has its name.
        """
        home = self
        while not path.startswith(home.prefix):
            assert home.outer is not None
            home = home.outer
        word = path[len(home.prefix) :]
        hiding = self._hiding(home, word)
        if hiding is not None:
            raise HiddenName(self.graph.name, word, hiding.graph.name)
        return word

    def knows(self, word: str) -> bool:
        """Whether a word begins with a name of this chain."""
        name = word.split(".")[0]
        return name == "input" or any(node.name == name for node in self.graph.nodes)

    def enter(self, region: Region) -> Chain:
        """The chain inside of a region that stands in this one."""
        return Chain(region.body, region, self, region.body.inputs[0] if region.inputs else None, taken=self.taken)

    def leave(self, inner: Chain) -> None:
        """Learn the words for what a region gives, whose layers have their words."""
        assert inner.region is not None
        for inside, outside in inner.region.exits():
            value = inner.origin(inside)
            if value in inner.made:
                word = inner.made[value]
                name = inner.region.name
                self.made[outside] = name if inner.is_end(value) else f"{name}.{word}"
            else:
                self.same[outside] = inner.outside(value)

    def add(self, node: Node | Scan) -> None:
        """Learn the words for what a layer gives."""
        if len(node.outputs) == 1:
            self.made[node.outputs[0]] = node.name
            return
        names: Sequence[object] = range(len(node.outputs))
        if isinstance(node, Scan):
            names = [value.name.removeprefix(f"{node.path}.") for value in node.outputs]
        elif isinstance(node.op, Op):
            names = node.op.output_names or names
        named = zip(names, node.outputs, strict=True)
        words = [node.name if value.name == node.path else f"{node.name}.{name}" for name, value in named]
        self.made |= dict(zip(node.outputs, words, strict=True))

    def hand_on(self, node: Node) -> None:
        """Learn that a node of no layer (`each` makes it) hands on what it reads."""
        [value] = node.outputs
        self.same[value] = node.inputs[0]
        if len(node.inputs) == 1:
            self.each[value] = node.op.attributes()["dim"]

    def origin(self, value: Value) -> Value:
        """What a value is, where groups hand it on as it is."""
        while value in self.same:
            value = self.same[value]
        return value

    @property
    def prefix(self) -> str:
        """What stands before the names of its layers in their paths."""
        return f"{self.region.path}." if self.region is not None else ""

    def outside(self, value: Value) -> Value:
        """A value that was made outside, as a value of the chain around."""
        assert self.region is not None
        return self.region.inputs[self.graph.inputs.index(value)]

    def _home(self, value: Value) -> tuple[Chain, Value]:
        """The chain in which a value was made, and the value there."""
        home, value = self, self.origin(value)
        while value not in home.made:
            outer = home.outer
            assert outer is not None
            home, value = outer, outer.origin(home.outside(value))
        return home, value

    def _alias(self, value: Value) -> str:
        """The name of a layer that gives a value again, which no layer has."""
        if value not in self.aliases:
            name = self.made[value].replace(".", "_")
            while name in self.taken:
                name += "_"
            self.taken.add(name)
            self.aliases[value] = name
        return self.aliases[value]

    def _hiding(self, home: Chain, word: str) -> Chain | None:
        """The chain, of those up to `home`, where a word of `home` means something else."""
        between = self
        while between is not home:
            if between.knows(word):
                return between
            assert between.outer is not None
            between = between.outer
        return None
