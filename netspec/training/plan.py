"""What a run is to do, stage by stage, known to the end before anything runs. Imports neither torch nor numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from netspec.compiler.passes.carried import State as Carried
from netspec.compiler.spec import Spec
from netspec.data.preprocess.bind import Steps
from netspec.data.source import SampleSource
from netspec.ir import Graph, Value
from netspec.training.carry import Carry
from netspec.training.settings import Bptt, Bucket, EarlyStopping, Ema, Evaluate, Keep, Settings
from netspec.training.terms import Measure, Term
from netspec.training.trained import Trained
from netspec.training.updates import Update

if TYPE_CHECKING:
    from netspec.data.augment.pipeline import Listed
    from netspec.weights.bind import Weights


@dataclass(frozen=True, slots=True, repr=False)
class TrainPlan:
    """One stage of a run: all that its loop needs to know. A run without `stages` has one, without a name.

    `graph` is the network whose outputs are what losses and metrics read: nothing else of it is run. `spec` is that of
    this stage. `validation` is a source, a fraction of the training data, or None.
    """

    name: str
    spec: Spec
    graph: Graph
    data: SampleSource
    validation: SampleSource | float | None
    test: SampleSource | None
    preprocess: Mapping[str, Steps]
    #: Of training samples only, by input.
    augment: Mapping[str, tuple[Listed, ...]]
    updates: tuple[Update, ...]
    measures: tuple[Measure, ...]
    trained: Trained
    settings: Settings
    evaluate: Evaluate
    keep: Keep
    ema: Ema | None = None
    early_stopping: EarlyStopping | None = None
    #: What training starts from, after what the network itself starts from.
    weights: tuple[Weights, ...] = ()
    carry: Carry = field(default_factory=Carry)
    bucket: Bucket | None = None
    bptt: Bptt | None = None
    #: Recurrent states that `graph` starts from and ends with, where `bptt` carries them.
    slots: tuple[Carried, ...] = ()

    @property
    def terms(self) -> tuple[Term, ...]:
        """The losses of all updates."""
        return tuple(term for update in self.updates for term in update.terms)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of the first loss's target, if it has any."""
        target = self.terms[0].target
        found = self.data.fields.get(target.name) if target is not None else None
        return found.classes if found is not None else ()

    @property
    def output_names(self) -> Mapping[Value, str]:
        """The names of what losses and metrics read: those of the network's outputs, where it is one."""
        return dict(zip(self.graph.outputs, self.graph.output_names, strict=True))

    def grows(self, metric: str) -> bool:
        """Whether larger values of a metric are better."""
        return any(each.metric.higher_is_better and each.metric.label == metric for each in self.measures)


@dataclass(frozen=True, slots=True, repr=False)
class RunPlan:
    """All stages of a run, one at least; the run is the network of the last one."""

    stages: tuple[TrainPlan, ...]

    @property
    def final(self) -> TrainPlan:
        """The last stage."""
        return self.stages[-1]
