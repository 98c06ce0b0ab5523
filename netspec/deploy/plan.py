"""What an export is to write, known to the end before anything runs. Imports neither torch nor numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netspec.compiler.step import StepState
from netspec.data.preprocess.bind import Steps
from netspec.data.source import SampleSource
from netspec.deploy.after import Chain
from netspec.deploy.settings import Int8, Precision, Tolerance
from netspec.ir import Graph
from netspec.training.plan import TrainPlan
from netspec.training.terms import Measure


@dataclass(frozen=True, slots=True, repr=False)
class Part:
    """One graph of an export: the whole network (without a name), or a part of it that gets a file of its own.

    `states` are those of one step of a recurrent network.
    """

    name: str
    graph: Graph
    states: tuple[StepState, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Calibration:
    """Data for int8: on what ranges are seen, and by which metric of which output both models are compared.

    `validation` is a source, a fraction of the samples, or None for samples that calibration did not use.
    """

    settings: Int8
    source: SampleSource
    validation: SampleSource | float | None
    seed: int
    measure: Measure
    output: str


@dataclass(frozen=True, slots=True, repr=False)
class Table:
    """Word vectors: rows of a parameter, a word each."""

    file: str
    parameter: str
    vocab: str


@dataclass(frozen=True, slots=True, repr=False)
class ExportPlan:
    """All that an export needs to know.

    `steps` are the preprocessing of each input; those of `inside` go into the file. `labels` are vocabularies by
    output.
    """

    parts: tuple[Part, ...]
    steps: Mapping[str, Steps]
    inside: frozenset[str]
    after: Mapping[str, Chain]
    labels: Mapping[str, str]
    fixed: Mapping[str, int]
    opset: int
    precision: Precision
    tolerance: Tolerance
    calibration: Calibration | None
    tables: tuple[Table, ...]
    trained: TrainPlan | None
