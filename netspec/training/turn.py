"""One update of a step: its losses, its optimiser and its rates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn, optim

from netspec.training.objective import Losses
from netspec.training.parts import State
from netspec.training.plan import TrainPlan
from netspec.training.precision import Precision
from netspec.training.rates import Rates
from netspec.training.updates import Update


class Turn:
    """An update on a module.

    Args:
        update: Of the plan.
        plan: The stage.
        module: Its parameters are moved.
        steps: Steps of the run.
        steps_per_epoch: Steps of one pass over the data.
        device: Where the module is.
    """

    def __init__(
        self, update: Update, plan: TrainPlan, module: nn.Module, steps: int, steps_per_epoch: int, device: torch.device
    ) -> None:
        self.name = update.name
        self.losses = Losses(plan.graph, update.terms, device)
        self.every = update.every
        self._by_key = _parameters(update, module)
        self._parameters = _in_order(module, self._by_key)
        self._optimizer = _optimizer(update, self._by_key, module)
        self._rates = Rates(update.schedule, self._optimizer, steps, steps_per_epoch)
        self._clip = _clip(plan, self._parameters)
        self._still = [module.get_submodule(path) for path in update.still]

    @property
    def rate(self) -> float:
        """The learning rate of the next step, of the first group."""
        return self._rates.current

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What it moves, in the module's order."""
        return self._parameters

    def begin(self, others: list[nn.Parameter]) -> None:
        """Let gradients flow to its own parameters only; statistics of the others' layers stand still.

        Args:
            others: What other updates of the step move.
        """
        for parameter in others:
            parameter.requires_grad_(False)
        for parameter in self._parameters:
            parameter.requires_grad_(True)
        self._hold(True)
        self.zero_grad()

    def end(self) -> None:
        """Let statistics move again."""
        self._hold(False)

    def zero_grad(self) -> None:
        """Forget the gradients of the step before."""
        # As `zero_grad` of an optimiser does it, whose wrappers are a thirtieth of a small network's step.
        for parameter in self._parameters:
            parameter.grad = None

    def move(self, precision: Precision) -> None:
        """Clip the gradients, and move the parameters."""
        precision.step(self._optimizer, self._clip)

    def after(self, step: int) -> None:
        """The rates after so many steps of the run."""
        self._rates.after(step)

    def saw(self, loss: float) -> None:
        """The loss of an evaluation."""
        self._rates.saw(loss)

    def state(self) -> State:
        """The optimiser's numbers by parameter, and how far its rates are."""
        names = {id(parameter): key for key, parameter in self._by_key.items()}
        moved = {names[id(each)]: dict(numbers) for each, numbers in self._optimizer.state.items()}
        return {"optimizer": moved, "rates": self._rates.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._rates.restore(state["rates"])
        self._optimizer.state.clear()
        for key, numbers in state["optimizer"].items():
            parameter = self._by_key[key]
            beside = {name: self._beside(name, each, parameter) for name, each in numbers.items()}
            self._optimizer.state[parameter] = beside

    def _beside(self, name: str, value: Any, parameter: nn.Parameter) -> Any:
        """A number of the optimiser where its parameter is; a count of steps is on the CPU unless a kernel reads it."""
        is_fused = bool(self._optimizer.param_groups[0].get("fused"))
        if not isinstance(value, Tensor) or (name == "step" and not is_fused):
            return value
        return value.to(parameter.device)

    def _hold(self, still: bool) -> None:
        """Normalise by the batch as in training, but let no statistics move."""
        for layer in self._still:
            layer.track_running_stats = not still  # type: ignore[assignment]  # torch says Tensor | Module


def _parameters(update: Update, module: nn.Module) -> dict[str, nn.Parameter]:
    """What an update moves, by state-dict key."""
    return {key: module.get_parameter(key) for group in update.groups for key in group.keys}


def _in_order(module: nn.Module, chosen: Mapping[str, nn.Parameter]) -> list[nn.Parameter]:
    wanted = {id(parameter) for parameter in chosen.values()}
    return [parameter for parameter in module.parameters() if id(parameter) in wanted]


def _optimizer(update: Update, by_key: Mapping[str, nn.Parameter], module: nn.Module) -> optim.Optimizer:
    first = update.groups[0].optimizer
    chosen = getattr(optim, first.torch_name)  # a name of the closed table
    # One kernel for all parameters: the same update, a tenth of the calls.
    switches = {"fused": True} if first.fusable else {}
    groups = [
        {"params": _in_order(module, {key: by_key[key] for key in group.keys}), **group.optimizer.arguments()}
        for group in update.groups
    ]
    built: optim.Optimizer = chosen(groups, **first.arguments(), **switches)
    return built


def _clip(plan: TrainPlan, parameters: list[nn.Parameter]) -> Callable[[], object] | None:
    """What bounds the gradients, or None."""
    norm, value = plan.settings.clip_grad_norm, plan.settings.clip_grad_value
    if norm is not None:
        return partial(nn.utils.clip_grad_norm_, parameters, norm)
    return partial(nn.utils.clip_grad_value_, parameters, value) if value is not None else None
