"""The validated document: what stands where in a spec, with the place of everything. Knows no op."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field

from netspec.diagnostics import Source, Span
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Reference:
    """A name that a layer, an output or a loss refers to, as written (it may be dotted)."""

    text: str
    span: Span


# What a layer reads: in order of ports (or of a variadic op's inputs), or by port name.
Reads = tuple[Reference, ...] | MappingOf[str, Reference]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InputDecl:
    """An input: its shape as written, its element type, and the steps that make it from a stored sample."""

    name: Scalar
    shape: Sequence
    dtype: Scalar | None = None
    preprocess: Node | None = None
    # Index values are smaller than this: a number, an expression or a vocabulary.
    below: Scalar | None = None
    only_train: bool = False
    # The distribution from which it is drawn.
    sample: Scalar | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ArgDecl:
    """An argument of a spec or a block. Without a default it is required; a default does not fix its type."""

    name: Scalar
    type: str | None = None
    default: Node | None = None
    choices: Sequence | None = None
    low: Scalar | None = None
    high: Scalar | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DimDecl:
    """What is known of a symbolic size: a number, or bounds and a divisor; `lengths` names the input of its lengths."""

    name: Scalar
    size: Scalar | None = None
    low: Scalar | None = None
    high: Scalar | None = None
    multiple_of: Scalar | None = None
    lengths: Scalar | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class VocabDecl:
    """A vocabulary; its name stands for its size. `special` names entries by their role (`eos`)."""

    name: Scalar
    size: int
    file: Scalar | None = None
    entries: tuple[str, ...] | None = None
    unit: str = "word"
    special: MappingOf[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RepeatDecl:
    """How often a layer stands there: `count`, or one variable or several side by side, each a number or a list."""

    span: Span
    count: Scalar | None = None
    variables: tuple[tuple[Scalar, Node], ...] = ()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Branch:
    """One branch of a `parallel`: a chain, or a single layer that has the branch's name."""

    name: Scalar
    layers: Layers
    is_single: bool


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Parallel:
    """Branches that read the same, and how their values are joined."""

    span: Span
    branches: tuple[Branch, ...]
    join: LayerDecl | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LayerDecl:
    """One layer of a chain: a key (an op's, a block's, `sequence`), what stands after it, and its modifiers."""

    span: Span
    key: Scalar
    argument: Node | None = None
    name: Scalar | None = None
    # None: the layer before it.
    reads: Reads | None = None
    reads_span: Span | None = None
    # The layers of a `sequence`, or the branches of a `parallel`.
    body: Layers | None = None
    parallel: Parallel | None = None
    repeat: RepeatDecl | None = None
    when: Scalar | None = None
    only_train: bool = False
    freeze: bool = False
    init: Node | None = None
    tie: Mapping | None = None
    # What stands beside the key and belongs to it: `until`, `args`, `weights` of a `use`.
    beside: MappingOf[str, Node] = field(default_factory=dict)
    # The axis to whose every element it is applied.
    each: Scalar | None = None


# None stands for a layer whose mistake is reported already.
Layers = tuple[LayerDecl | None, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BlockDecl:
    """A block: a function of the file with arguments, one input or several, one output or several."""

    name: Scalar
    args: MappingOf[str, ArgDecl]
    # None: one input, which is called `input`.
    inputs: tuple[Scalar, ...] | None
    parallel: Parallel | None
    layers: Layers
    outputs: MappingOf[str, Reference] | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Document:
    """A spec as written, checked for form only."""

    source: Source
    root: Mapping
    name: str
    doc: str = ""
    origin: str = ""
    args: MappingOf[str, ArgDecl] = field(default_factory=dict)
    dims: MappingOf[str, DimDecl] = field(default_factory=dict)
    vocabs: MappingOf[str, VocabDecl] = field(default_factory=dict)
    # None stands for an input or a block whose mistake is reported already.
    inputs: MappingOf[str, InputDecl | None] = field(default_factory=dict)
    blocks: MappingOf[str, BlockDecl | None] = field(default_factory=dict)
    layers: Layers = ()
    outputs: MappingOf[str, Reference] | None = None
    # Sections that other layers read: init and expect (compiler), weights, train (training), export (backends).
    init: Sequence | None = None
    expect: Node | None = None
    weights: Node | None = None
    train: Mapping | None = None
    export: Mapping | None = None
