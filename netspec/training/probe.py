"""`--probe gradients`: how large the gradients of every layer are as a run goes, and how many units are dead."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from netspec import atomic
from netspec.compiler.analyses import own_params
from netspec.training.finite import Moment
from netspec.training.journal import Journal
from netspec.training.observer import Observer
from netspec.training.pictures.gradients import gradients_svg
from netspec.training.plan import TrainPlan

RECORD = "gradients.jsonl"
PICTURE = "gradients.svg"
#: Every step up to the first number is recorded, then every so many.
DENSE, EVERY = 20, 25
#: A unit is dead in a batch where its slope is below this share of the largest slope for every sample.
FLAT = 0.01

#: Slopes of activations by what they give, as a share of their largest.
_SLOPES: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": lambda y: (y > 0).float(),
    "relu6": lambda y: ((y > 0) & (y < 6)).float(),
    "hardtanh": lambda y: (y.abs() < 1).float(),
    "sigmoid": lambda y: 4 * y * (1 - y),
    "tanh": lambda y: 1 - y * y,
}


@dataclass(slots=True, eq=False, repr=False)
class GradientProbe(Observer):
    """Records `gradients.jsonl` and draws `gradients.svg` beside it.

    A row has the step and, by layer, the Euclidean norm of the gradient of its parameters, that of its bias alone
    (which does not depend on how many inputs the layer has), and, of activations that go flat, the share of units that
    are dead in the step's last batch.
    """

    directory: Path
    parameters: dict[str, list[nn.Parameter]]
    biases: dict[str, nn.Parameter]
    rows: list[dict[str, Any]] = field(default_factory=list)
    _dead: dict[str, Tensor] = field(default_factory=dict)
    _step: int = 0

    @classmethod
    def observing(cls, plan: TrainPlan, module: nn.Module, journal: Journal) -> list[Observer]:
        """What looks on in each stage: this probe alone."""
        return [cls.of(plan, module, journal)]

    @classmethod
    def of(cls, plan: TrainPlan, module: nn.Module, journal: Journal) -> GradientProbe:
        """The probe of a stage."""
        layers = dict(_trained(plan, module))
        biases = {path: named["bias"] for path, named in layers.items() if "bias" in named}
        parameters = {path: [*named.values()] for path, named in layers.items()}
        probe = cls(journal.directory, parameters, biases, _rows(journal.directory))
        for node in plan.graph.walk():
            slope = _SLOPES.get(node.op.name)
            layer = _submodule(module, node.path) if slope is not None and node.owner is None else None
            if layer is not None and slope is not None:
                probe._watch(node.path, layer, slope)
        return probe

    def differentiated(self, moment: Moment) -> None:
        if not _is_recorded(moment.step):
            return
        # Of a run that was killed and goes on, some steps are made a second time.
        self.rows = [row for row in self.rows if row["step"] < moment.step]
        norms = {path: _norm(parameters) for path, parameters in self.parameters.items()}
        biases = {path: _norm([bias]) for path, bias in self.biases.items()}
        row: dict[str, Any] = {"step": moment.step, "epoch": moment.epoch, "gradients": norms, "biases": biases}
        self.rows.append(row | {"dead": {path: float(share) for path, share in self._dead.items()}})

    def stepped(self, moment: Moment) -> None:
        self._step = moment.step

    def saved(self) -> None:
        """Write the rows. Raises NetspecError: `unwritable`."""
        atomic.write(self.directory / RECORD, "".join(json.dumps(row) + "\n" for row in self.rows))

    def finished(self) -> None:
        """Write the rows and the picture.

        Raises:
            NetspecError: `unwritable`.
        """
        self.saved()
        picture = gradients_svg(self.rows)
        if picture is not None:
            atomic.write(self.directory / PICTURE, picture)

    def _watch(self, path: str, layer: nn.Module, slope: Callable[[Tensor], Tensor]) -> None:
        @torch.no_grad()
        def look(_: nn.Module, __: object, output: Tensor) -> None:
            if layer.training and _is_recorded(self._step + 1):
                # Units are channels: dead where they are flat for every sample and at every position.
                flat = (slope(output) < FLAT).transpose(0, 1).flatten(1).all(1) if output.ndim > 1 else output[:0]
                self._dead[path] = flat.float().mean()

        layer.register_forward_hook(look)


def _rows(directory: Path) -> list[dict[str, Any]]:
    """What was recorded before; nothing in a new run, or where it cannot be read."""
    try:
        return [json.loads(line) for line in (directory / RECORD).read_text("utf-8").splitlines()]
    except (OSError, ValueError):
        return []


def _is_recorded(step: int) -> bool:
    return step <= DENSE or step % EVERY == 0


def _trained(plan: TrainPlan, module: nn.Module) -> Iterator[tuple[str, dict[str, nn.Parameter]]]:
    """What is trained of each layer by its name there, in the network's order."""
    keys = {key for update in plan.updates for key in update.keys}
    for node in plan.graph.walk():
        own = {name: node.key(name) for name, param in own_params(node).items() if not param.buffer}
        found = {name: module.get_parameter(key) for name, key in own.items() if key in keys}
        if found:
            yield node.path, found


def _submodule(module: nn.Module, path: str) -> nn.Module | None:
    try:
        return module.get_submodule(path)
    except AttributeError:  # it is computed by a function
        return None


def _norm(parameters: list[nn.Parameter]) -> float:
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return float(torch.stack(torch._foreach_norm(gradients)).norm()) if gradients else 0.0
