"""The validated document: what stands where in a spec, with the place of everything. Knows no op."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field

from netspec.diagnostics import Source, Span
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that a layer, an output or a loss refers to, as written (it may be dotted)."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class InputDecl:
    """An input: its shape as written, its element type, and the steps that make it from a stored sample."""

    name: Scalar
    shape: Sequence
    dtype: Scalar | None = None
    preprocess: Node | None = None


@dataclass(frozen=True, slots=True)
class LayerDecl:
    """One layer of a chain: a key (an op's, a block's, `sequence`), what stands after it, and its modifiers."""

    span: Span
    key: Scalar
    argument: Node | None = None
    name: Scalar | None = None
    # None: the layer before it. A tuple in order of ports (or of a variadic op's inputs), or by port name.
    reads: tuple[Reference, ...] | MappingOf[str, Reference] | None = None
    reads_span: Span | None = None
    # The layers of a `sequence`; None stands for one whose mistake is reported already.
    body: tuple[LayerDecl | None, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A spec as written, checked for form only."""

    source: Source
    root: Mapping
    name: str
    doc: str = ""
    origin: str = ""
    # None stands for an input or a layer whose mistake is reported already.
    inputs: MappingOf[str, InputDecl | None] = field(default_factory=dict)
    layers: tuple[LayerDecl | None, ...] = ()
    outputs: MappingOf[str, Reference] | None = None
    # Sections that other layers read: expect (compiler), train (training), export (backends).
    expect: Mapping | None = None
    train: Mapping | None = None
    export: Mapping | None = None
