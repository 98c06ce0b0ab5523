"""What the classes of a file share: how each node is lowered, and what becomes of each region."""

from __future__ import annotations

import ast
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache
from typing import Any

from netspec.backends.torch.expressions import Builder, ModuleCall, Operand, Owned
from netspec.compiler.passes.deployed import training_values
from netspec.diagnostics import NetspecError
from netspec.ir import Graph, Node, Region, Scan, Value
from netspec.ops.base import Op

BUILDER = Builder()

# What a node owns: a module that is applied to its inputs, anything else with its use, or nothing.
Own = ModuleCall | Owned | None


class Kind(Enum):
    """What a region becomes in Python."""

    CLASS = auto()
    # A plain chain whose layers have their positions as names: `nn.Sequential(...)` where it is constructed.
    CHAIN = auto()
    # Its statements stand in the class around it, because they use a layer there that the region does not hold.
    INLINE = auto()
    # A second call: the module that is there already is called.
    CALL = auto()
    # A scan again that starts or walks in another way: a loop in the class around it calls the module's `step`.
    LOOP = auto()


@dataclass(slots=True)
class Program:
    """Everything about a graph that is decided before its classes are written."""

    graph: Graph
    training: set[Value]
    owned: dict[Node, Own] = field(default_factory=dict)
    kinds: dict[Region, Kind] = field(default_factory=dict)
    #: `self.weight = other.weight`, by the path of the innermost class that holds both.
    ties: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    #: How each region that is a class is constructed; filled bottom-up.
    constructs: dict[Region, ast.expr] = field(default_factory=dict)
    #: Arguments that a constructor may leave out, with the values they then have.
    defaults: dict[ast.Call, Mapping[str, Any]] = field(default_factory=dict)
    comments: dict[ast.AST, str] = field(default_factory=dict)
    #: By path of a scan: which of its outputs are read there or where it is called.
    read: dict[str, set[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph) -> Program:
        """Decide it."""
        program = cls(graph, training_values(graph))
        program._note_read(graph)
        program._decide(graph)
        program._decide_calls()
        program._place_ties(graph, [""])
        return program

    def read_outputs(self, scan: Scan) -> list[int]:
        """The outputs that the module of a scan gives: those that somebody reads, the first where nobody does."""
        return sorted(self.read[scan.owner or scan.path]) or [0]

    def _note_read(self, graph: Graph) -> None:
        read = {value for node in graph.nodes for value in node.inputs} | {*graph.outputs}
        for node in graph.nodes:
            if isinstance(node, Scan):
                places = {index for index, value in enumerate(node.outputs) if value in read}
                self.read.setdefault(node.owner or node.path, set()).update(() if node.is_single else places)
            if isinstance(node, Region):
                self._note_read(node.body)

    def members(self, graph: Graph) -> Iterator[Region]:
        """The regions that are classes of their own and constructed by the graph's class."""
        for node in graph.nodes:
            if isinstance(node, Region) and self.kinds[node] is Kind.CLASS:
                yield node
            elif isinstance(node, Region) and self.kinds[node] in (Kind.CHAIN, Kind.INLINE):
                yield from self.members(node.body)

    def is_positional_chain(self, graph: Graph) -> bool:
        """Whether it is a chain that nn.Sequential names as the graph does."""
        return self.is_chain(graph) and all(node.name == str(i) for i, node in enumerate(graph.nodes))

    def is_chain(self, graph: Graph) -> bool:
        """Whether the graph is modules only, each reading what stands before it and nothing else."""
        if len(graph.inputs) != 1 or len(graph.outputs) != 1 or not graph.nodes:
            return False
        previous = graph.inputs[0]
        for node in graph.nodes:
            if node.inputs != (previous,) or len(node.outputs) != 1 or not self._is_link(node):
                return False
            previous = node.outputs[0]
        return graph.outputs[0] is previous

    def _is_link(self, node: Node | Region) -> bool:
        if node.presence != "always" or node.owner is not None or node.outputs[0] in self.training:
            return False
        if isinstance(node, Region):
            return self.kinds[node] in (Kind.CLASS, Kind.CHAIN)
        return isinstance(self.owned[node], ModuleCall) and not any(tie.transpose for tie in node.ties.values())

    def _decide(self, graph: Graph) -> set[str]:
        """Lower the nodes, and give each region its kind; the paths of other layers that the graph uses."""
        used: set[str] = set()
        for node in graph.nodes:
            if node.owner is not None:
                used.add(node.owner)
            if isinstance(node, Scan):
                self.owned.update((each, self._lower(each)) for each in node.learned())
            if isinstance(node, Region):
                outside = {path for path in self._decide(node.body) if not is_within(path, node.path)}
                used |= outside
                self.kinds[node] = self._kind(node, outside)
            else:
                self.owned[node] = self._lower(node)
                used |= {tie.key.rpartition(".")[0] for tie in node.ties.values() if tie.transpose}
        return used

    def _kind(self, region: Region, outside: set[str]) -> Kind:
        if isinstance(region, Scan):
            if outside and region.owner is None:
                message = f"a layer of the cell `{region.path}` uses the parameters of `{min(outside)}`, transposed"
                raise NetspecError.at(self.graph.name, "not-supported", message)
            return Kind.CLASS
        if outside:
            return Kind.INLINE
        is_plain = region.definition is None
        return Kind.CHAIN if is_plain and self.is_positional_chain(region.body) else Kind.CLASS

    def _decide_calls(self) -> None:
        """A second call calls the module, if the region has become one and would do the same there."""
        regions = [*self.graph.regions()]
        owners = {region.path: region for region in regions if region.owner is None}
        for region in regions:
            if region.owner is not None:
                owner = owners.get(region.owner)
                is_module = owner is not None and self.kinds[owner] in (Kind.CLASS, Kind.CHAIN)
                does_the_same = owner is not None and self._does_the_same(owner, region)
                self.kinds[region] = Kind.CALL if is_module and does_the_same else Kind.INLINE
                if isinstance(region, Scan):
                    self.kinds[region] = self._kind_of_scan(owner, region, does_the_same=does_the_same)

    def _kind_of_scan(self, owner: Region | None, call: Scan, *, does_the_same: bool) -> Kind:
        if owner is None or not isinstance(owner, Scan) or not does_the_same:
            message = f"`{call.path}` runs the cell of `{call.owner}` on other types than that does"
            raise NetspecError.at(self.graph.name, "not-supported", message)
        return Kind.CALL if not call.is_single and _walk_alike(owner, call) else Kind.LOOP

    def _does_the_same(self, owner: Region, call: Region) -> bool:
        """Whether the code of a region holds for a second call too, whose sizes may be others."""
        first, second = list(owner.body.walk()), list(call.body.walk())
        same_inputs = len(owner.body.inputs) == len(call.body.inputs)
        return same_inputs and len(first) == len(second) and all(map(self._is_same, first, second))

    def _is_same(self, one: Node, other: Node) -> bool:
        a, b = self._text(one), self._text(other)
        return one.presence == other.presence and a == b

    def _text(self, node: Node) -> str:
        lowered = _lowered(node)
        if isinstance(lowered, Owned):
            return ast.unparse(lowered.initial.tree) + ast.unparse(lowered.use(BUILDER.torch).tree)
        return ast.unparse(_tree(lowered))

    def _lower(self, node: Node) -> Own:
        lowered = _lowered(node)
        if not isinstance(lowered, ModuleCall | Owned):
            return None
        call = (lowered.initial if isinstance(lowered, Owned) else lowered).tree
        if isinstance(call, ast.Call):
            self.defaults[call] = _defaults(type(node.op))
        return lowered

    def _place_ties(self, graph: Graph, classes: list[str]) -> None:
        for node in graph.nodes:
            if isinstance(node, Region):
                kind = self.kinds[node]
                if kind is not Kind.CALL:
                    self._place_ties(node.body, [*classes, node.path] if kind is Kind.CLASS else classes)
            elif node.owner is None:
                for parameter, tie in node.ties.items():
                    if not tie.transpose:
                        place = next(path for path in reversed(classes) if not path or is_within(tie.key, path))
                        self.ties.setdefault(place, []).append((joined(node.path, parameter), tie.key))


def _walk_alike(one: Scan, other: Scan) -> bool:
    """Whether the same code runs two scans of one cell: number and start of the steps are read off the inputs."""

    def form(scan: Scan) -> object:
        slots = [(slot.axis, slot.state, slot.is_given, slot.start is not None) for slot in scan.slots]
        states = [inside.type for slot, inside, _ in scan.reads() if slot.state is not None and not slot.is_given]
        batched = [outside.type.batched for outside in scan.inputs]
        steps = scan.steps if all(slot.axis is None for slot in scan.slots) else None
        return slots, states, batched, steps, scan.reverse, len(scan.outputs)

    return form(one) == form(other)


def plain_form(body: Graph, training: Set[Value]) -> Hashable | None:
    """All that the class of a body is written from: equal forms make equal classes, wherever they stand.

    Args:
        body: The graph of a region.
        training: Values that are there in training only.

    Returns:
        None where it holds more than layers of its own that are always there.
    """
    places = {value: index for index, value in enumerate(body.inputs)}
    rows = [_seen(body.inputs)]
    for node in body.nodes:
        if isinstance(node, Region) or node.owner is not None or node.ties or node.presence != "always":
            return None
        rows.append((node.name, repr(node.op), *(places[value] for value in node.inputs), *_seen(node.outputs)))
        places |= {value: len(places) + index for index, value in enumerate(node.outputs)}
    if not training.isdisjoint(places):
        return None
    return (*rows, *(places[value] for value in body.outputs))


def _seen(values: Sequence[Value]) -> tuple[Hashable, ...]:
    """The types, and the names of several: a single one is called by its layer, or x."""
    names = (value.name.rpartition(".")[2] for value in values) if len(values) > 1 else ()
    return (*names, *(value.type for value in values))


def lower(node: Node, operands: list[Operand]) -> Any:
    """What the node's op is in PyTorch: a module, what it owns with its use, or an expression."""
    assert isinstance(node.op, Op)
    return node.op.to_torch(BUILDER, *operands)


def is_module(node: Node) -> bool:
    """Whether the node's value is what its module returns when it is called with the node's inputs."""
    return node.owner is None and isinstance(_lowered(node), ModuleCall)


def _lowered(node: Node) -> Any:
    return lower(node, [Operand(ast.Name("x"), value.type) for value in node.inputs])


def is_within(path: str, region: str) -> bool:
    """Whether a path is that region's or below it."""
    return path == region or path.startswith(f"{region}.")


def joined(path: str, name: str) -> str:
    """A path and a name below it; a `param` layer's parameter has no name."""
    return f"{path}.{name}" if name else path


def relative(path: str, start: str) -> tuple[str, ...]:
    """The parts of a path below another; the root's path is empty."""
    assert not start or is_within(path, start), f"{path} is not within {start}"
    return tuple((path[len(start) + 1 :] if start else path).split("."))


def _tree(lowered: Any) -> ast.expr:
    return ast.Tuple([each.tree for each in lowered]) if isinstance(lowered, tuple) else lowered.tree


@cache
def _defaults(op: type[Op]) -> Mapping[str, Any]:
    """The attributes that the op leaves out of torch's constructor at these values, which are torch's defaults."""
    fields = type.__getattribute__(op, "model_fields")
    return {key: info.default for key, info in fields.items() if not info.is_required()}


_SIZE = re.compile(r"[A-Za-z0-9_ ()+*/-]+")


def shape_comment(node: Node | Region) -> str:
    """The output's shape as papers write it: integers, and sizes with symbols as far as they hold plain signs."""
    if not node.outputs:
        return ""
    text = " x ".join(map(str, node.outputs[0].type.shape))
    return text if _SIZE.fullmatch(text) else ""
