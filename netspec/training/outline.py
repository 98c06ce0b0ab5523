"""A plan in words: what each stage trains and carries, and which field of the data feeds what. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netspec.compiler.analyses import counts
from netspec.ir import Input, Value
from netspec.training.plan import RunPlan, TrainPlan
from netspec.weights.wanted import wanted

MAX_NAMES = 6


@dataclass(frozen=True, slots=True)
class StageLine:
    """One stage. Layers are named by their paths, each once."""

    name: str
    params: int
    trained: int
    carried: tuple[str, ...]
    new: tuple[str, ...]
    reset: tuple[str, ...]
    frozen: tuple[str, ...]
    kept: tuple[str, ...]
    feeds: tuple[str, ...]


def stage_lines(plan: RunPlan) -> list[StageLine]:
    """A line for every stage."""
    return [_line(stage) for stage in plan.stages]


def listed(names: tuple[str, ...]) -> str:
    """Some names, and how many there are more."""
    more = f" and {len(names) - MAX_NAMES:,} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more


def _line(stage: TrainPlan) -> StageLine:
    sizes = {key: each.param.numel for key, each in wanted(stage.spec.graph).items()}
    moved = set().union(*(update.keys for update in stage.updates))
    return StageLine(
        name=stage.name,
        params=counts(stage.spec.graph).num_params_train,
        trained=sum(sizes[key] for key in moved),
        carried=_layers(stage.carry.carried),
        new=_layers(stage.carry.new),
        reset=_layers(stage.carry.reset),
        frozen=_layers(key for key in stage.trained.frozen),
        kept=_layers(stage.carry.kept),
        feeds=tuple(_feed(value) for value in stage.graph.inputs) + tuple(_targets(stage)),
    )


def _layers(keys: Iterable[str]) -> tuple[str, ...]:
    """The layers of state-dict keys; a `param` layer is its own key."""
    return tuple(dict.fromkeys(key.rpartition(".")[0] or key for key in keys))


def _feed(value: Value) -> str:
    if isinstance(value, Input) and value.sample is not None:
        return f"{value.name} drawn {value.sample}"
    return f"{value.name} from the field {value.name}"


def _targets(stage: TrainPlan) -> Iterable[str]:
    """What losses compare with what."""
    for update in stage.updates:
        for term in update.terms:
            ends = ", ".join(value.name for value in term.reads.values())
            target = f" against {term.target.name}" if term.target is not None else ""
            yield f"{term.loss.name} of {ends}{target}"
