"""Chains of a resolved spec, and the words that stand in them for values and for layers that are called."""

from __future__ import annotations

from dataclasses import dataclass, field

from netspec.ir import Graph, Node, Region, Value


class HiddenName(Exception):
    """A word would be read as something else where it is needed."""

    def __init__(self, reader: str, word: str, hiding: str) -> None:
        name = word.split(".")[0]
        super().__init__(f"`{reader}` reads `{word}`, but a layer of `{hiding}` is called `{name}` too")


@dataclass(slots=True, eq=False)
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

    @property
    def end(self) -> str | None:
        """The layer whose value is that of the chain: the last one that is no head."""
        names = [node.name for node in self.graph.nodes if node.presence != "head"]
        return names[-1] if names else None

    def word(self, value: Value) -> str:
        """The word for a value.

        Raises:
            HiddenName: a layer on the way has its name.
        """
        if self.origin(value) is self.fed and self.fed is not None:
            return "input"
        home, found = self._home(value)
        return self._seen(home, home.made[found])

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
        return self._seen(home, path[len(home.prefix) :])

    def knows(self, word: str) -> bool:
        """Whether a word begins with what is a name, or a position, of this chain."""
        name, count = word.split(".")[0], len(self.graph.nodes)
        is_position = name.isdecimal() and len(name) < 7 and int(name) < count
        return name == "input" or is_position or any(node.name == name for node in self.graph.nodes)

    def enter(self, region: Region) -> Chain:
        """The chain inside of a region that stands in this one.

        Its `input` is the first value that it reads, or another one whose name is hidden inside.
        """
        inner = Chain(region.body, region, self)
        if region.inputs:
            hidden = [i for i, value in enumerate(region.inputs) if inner.knows(self._word_at_home(value))]
            first = hidden[0] if len(hidden) == 1 and region.presence == "always" else 0
            inner.fed = region.body.inputs[first]
        return inner

    def leave(self, inner: Chain) -> None:
        """Learn the words for what a region gives, whose layers have their words."""
        assert inner.region is not None
        for outside, inside in zip(inner.region.outputs, inner.region.body.outputs, strict=True):
            value = inner.origin(inside)
            if value in inner.made:
                word = inner.made[value]
                is_end = inner.end is not None and word in (inner.end, f"{inner.end}.0")
                self.made[outside] = inner.region.name if is_end else f"{inner.region.name}.{word}"
            else:
                self.same[outside] = inner.outside(value)

    def add(self, node: Node) -> None:
        """Learn the words for what a layer gives."""
        plural = len(node.outputs) > 1
        self.made |= {value: f"{node.name}.{i}" if plural else node.name for i, value in enumerate(node.outputs)}

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

    def _word_at_home(self, value: Value) -> str:
        home, found = self._home(value)
        return home.made[found]

    def _seen(self, home: Chain, word: str) -> str:
        """A word of `home`, a chain around this one, if it means the same here."""
        between = self
        while between is not home:
            if between.knows(word):
                raise HiddenName(self.graph.name, word, between.graph.name)
            assert between.outer is not None
            between = between.outer
        return word
