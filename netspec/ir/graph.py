"""The graph: values, nodes and regions, all frozen, compared by identity.

A named `sequence`, a named repeat, a use of a block or of another spec is a Region: a node with a graph inside, so that
the hierarchy of the file survives to the backends. Values that a region reads from outside are its `inputs`, pairwise
the inputs of its `body`. A recurrent layer is a Scan: a Region that runs once a step.

State belongs to module paths. A layer that is called again (`call`) has a path of its own and an `owner` whose
parameters it uses; a tied parameter belongs to the layer it is tied to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from netspec.diagnostics import Span
from netspec.ir.cells import Fused
from netspec.ir.dims import Size
from netspec.ir.types import TensorType


class Operation(Protocol):
    """What the graph asks of an op; `netspec.ops.Op` is the one implementation."""

    name: ClassVar[str]

    def infer_all(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """The types of its outputs."""

    def attributes(self) -> dict[str, Any]:
        """The attributes that differ from their defaults."""


#: Stands in the paths of nodes that no layer of the file makes by itself; no layer's name has it.
MARK = "~"


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """One tensor: an input of a graph, or an output of a node."""

    name: str
    type: TensorType


#: How an input is drawn where none is given: standard normal, or uniform from 0 to 1.
Distribution = Literal["normal", "uniform"]


@dataclass(frozen=True, slots=True, eq=False)
class Input(Value):
    """An input of the network that is not simply given: it is there in training only, or is drawn (`sample`)."""

    only_train: bool = False
    sample: Distribution | None = None

    @property
    def marks(self) -> tuple[str, ...]:
        """What is special about it, in words."""
        only = ("training only",) if self.only_train else ()
        return (*only, f"drawn {self.sample}") if self.sample is not None else only


@dataclass(frozen=True, slots=True)
class Frame:
    """One step of the chain that made a node: a named sequence, a block's use, one copy of a repeat, a file."""

    text: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Tie:
    """A parameter that is another layer's: the state-dict key it stands for; `transpose` exchanges its two axes."""

    key: str
    transpose: bool = False


@dataclass(frozen=True, slots=True)
class Init:
    """How a parameter is drawn: a function of `torch.nn.init` by its name without the underscore, and its arguments.

    Several in a row fill equal chunks of the first axis, one each.
    """

    function: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


#: When a layer exists: always, or while training only. A "head" gives outputs of its own; a "pass" stands in a chain,
#: and the evaluated network reads its (first) input in its place.
Presence = Literal["always", "head", "pass"]


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One application of an op.

    `path` is the module path (`layer3.22.conv2`): its ONNX name, its name in messages and, unless it has an `owner`,
    the prefix of its state-dict keys.
    """

    path: str
    op: Operation
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    span: Span | None = None
    origin: tuple[Frame, ...] = ()
    # The path of the layer whose parameters it uses, if that is another.
    owner: str | None = None
    presence: Presence = "always"
    ties: Mapping[str, Tie] = field(default_factory=dict)
    # By parameter; one that is not named here is drawn as torch's module does.
    init: Mapping[str, tuple[Init, ...]] = field(default_factory=dict)
    # Its parameters are never trained, and its statistics never move.
    frozen: bool = False

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    @property
    def layer(self) -> str:
        """The path of the layer of the file that made it."""
        return self.path.partition(MARK)[0]

    def key(self, parameter: str) -> str:
        """The state-dict key of a parameter; that of a `param` layer, whose parameter has no name, is its path."""
        if parameter in self.ties:
            return self.ties[parameter].key
        owner = self.owner or self.path
        return f"{owner}.{parameter}" if parameter else owner


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A named group of nodes: `body.inputs[i]` is `inputs[i]` inside, `outputs[i]` is `body.outputs[i]` outside.

    `definition` names the block or the spec that it is a use of, with the values of its `arguments`; a plain group (a
    `sequence`, a named repeat, a `parallel`) has none.
    """

    path: str
    body: Graph
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    span: Span | None = None
    origin: tuple[Frame, ...] = ()
    definition: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    # The path of the region that it is a second call of, if it is; the nodes inside have owners in that one.
    owner: str | None = None
    presence: Presence = "always"
    # What it gives under names of its own, as those of a block's `outputs`: some of its outputs, or all.
    words: tuple[tuple[str, Value], ...] = ()

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]

    def entries(self) -> Iterator[tuple[Value, Value]]:
        """The inputs of the body, each with the value outside that it is, or is a part of."""
        return zip(self.body.inputs, self.inputs, strict=True)

    def exits(self) -> Iterator[tuple[Value, Value]]:
        """The outputs of the body, each with the value outside that it becomes, or becomes a part of."""
        return zip(self.body.outputs, self.outputs, strict=True)


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """What one input of a scan's body is: a state, a sequence that is cut into steps, or a value given whole.

    A sequence has the `axis` (from 1) along which it is cut. A state has a name; it starts at a value from outside if
    `is_given`, else at the value of the node `start`, which is learned, else at zero.
    """

    state: str | None = None
    axis: int | None = None
    is_given: bool = False
    start: Node | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Scan(Region):
    """A group that runs once a step, each time with the states that the step before it gave.

    `slots` says what each input of `body` is. `inputs` are what is read from outside, in the order of the slots.
    `body.outputs` are the next states, in the order of their slots, then what is emitted. `outputs` are what was
    emitted, along a new first axis of `steps`, then the final states. `reverse`: it begins with the last step.

    `is_single`: it runs once, nothing is cut, and `outputs` are the `body.outputs` as they are.
    """

    slots: tuple[Slot, ...] = ()
    steps: Size = 1
    reverse: bool = False
    is_single: bool = False
    # What the cell gives, by name and in its order, as it was written: values of the body.
    ends: tuple[tuple[str, Value], ...] = ()
    # The layer that a backend may run in its place.
    fused: Fused | None = None

    @property
    def states(self) -> tuple[Slot, ...]:
        """The slots of states."""
        return tuple(slot for slot in self.slots if slot.state is not None)

    def reads(self) -> Iterator[tuple[Slot, Value, Value | None]]:
        """Each slot, with the body's input and the value outside; None where a state starts by itself."""
        values = iter(self.inputs)
        for slot, inside in zip(self.slots, self.body.inputs, strict=True):
            yield slot, inside, next(values) if slot.state is None or slot.is_given else None

    def entries(self) -> Iterator[tuple[Value, Value]]:
        """The inputs of the body that are read outside, each with the value there."""
        return ((inside, outside) for _, inside, outside in self.reads() if outside is not None)

    def exits(self) -> Iterator[tuple[Value, Value]]:
        """What is emitted, then the states, each with what it becomes outside."""
        count = 0 if self.is_single else len(self.states)
        inside = self.body.outputs[count:] + self.body.outputs[:count]
        return zip(inside, self.outputs, strict=True)

    def learned(self) -> tuple[Node, ...]:
        """The nodes of states whose first value is learned."""
        return tuple(slot.start for slot in self.slots if slot.start is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Inputs, nodes in an order in which each reads only what stands before it, and outputs."""

    name: str
    inputs: tuple[Value, ...]
    nodes: tuple[Node | Region, ...]
    outputs: tuple[Value, ...]
    # The names under which the outputs are known outside (a layer's path unless the spec says otherwise).
    output_names: tuple[str, ...] = ()
    # Of the outermost graph: by symbol, the input (one int64 a sample) that says how large it is in each sample.
    lengths: Mapping[str, Value] = field(default_factory=dict)

    def walk(self) -> Iterator[Node]:
        """Every op node, depth first, in order."""
        for node in self.nodes:
            if isinstance(node, Region):
                if isinstance(node, Scan):
                    yield from node.learned()
                yield from node.body.walk()
            else:
                yield node

    def regions(self) -> Iterator[Region]:
        """Every region, the outer ones first."""
        for node in self.nodes:
            if isinstance(node, Region):
                yield node
                yield from node.body.regions()
