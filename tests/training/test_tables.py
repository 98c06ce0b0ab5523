"""The closed tables against torch's own signatures: same names, same defaults, nothing forgotten."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from pydantic import BaseModel, ValidationError
from torch import nn, optim
from torch.nn import functional
from torch.optim import lr_scheduler

from netspec.training.losses import LOSSES, OWN
from netspec.training.optimizers import OPTIMIZERS
from netspec.training.schedules import SCHEDULES

# How a step is computed, not what; the loop chooses.
SWITCHES = {"params", "foreach", "capturable", "differentiable", "fused"}
# The loss's own ends, arguments that torch deprecates, and weights by element, which come with data.
ENDS = {"input", "target", "size_average", "reduce"}
# Of schedules: what the loop knows, and functions, which are no data.
WITHOUT = {"optimizer", "last_epoch", "epochs", "steps_per_epoch", "scale_fn", "scale_mode"}
LENGTHS = {"T_max", "total_steps", "total_iters", "max_lr"}


def defaults(function: Any, without: set[str]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {each.name: each.default for each in parameters if each.name not in without}


def declared(model: type[BaseModel]) -> dict[str, Any]:
    empty = inspect.Parameter.empty
    return {name: empty if field.is_required() else field.default for name, field in model.model_fields.items()}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_are_torchs(name: str) -> None:
    model = OPTIMIZERS[name]
    theirs = getattr(optim, model.torch_name)
    assert declared(model) == defaults(theirs, SWITCHES)
    assert name == model.torch_name.lower()
    assert model.fusable == ("fused" in inspect.signature(theirs).parameters)
    theirs([nn.Parameter(torch.zeros(2))], **model().arguments())


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_torchs(name: str) -> None:
    model = SCHEDULES[name]
    theirs = defaults(getattr(lr_scheduler, model.torch_name), WITHOUT)
    ours = declared(model)
    assert ours.keys() == theirs.keys()
    assert {key: value for key, value in ours.items() if key not in LENGTHS} == {
        key: value for key, value in theirs.items() if key not in LENGTHS
    }
    snake = "".join("_" + c.lower() if c.isupper() else c for c in model.torch_name.replace("LR", ""))
    assert name == snake.lstrip("_")


@pytest.mark.parametrize("name", sorted(LOSSES.keys() - OWN))
def test_losses_are_torchs(name: str) -> None:
    model = LOSSES[name]
    theirs = defaults(getattr(functional, name), ENDS | set(model.reads.values()))
    ours = declared(model)
    for argument in ("weight", "pos_weight"):
        if argument not in ours:
            theirs.pop(argument, None)
    assert ours == theirs


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, "0.1", True, None, [0.1]])
def test_rates_are_finite_numbers(value: object) -> None:
    for model in OPTIMIZERS.values():
        with pytest.raises(ValidationError):
            model.model_validate({"lr": value})


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("sgd", {"nesterov": True}),
        ("sgd", {"momentum": 0.9, "dampening": 0.1, "nesterov": True}),
        ("adam", {"betas": [0.9]}),
        ("adam", {"betas": [0.9, 1.0]}),
        ("adam", {"momentum": 0.9}),
        ("rprop", {"etas": [1.1, 1.2]}),
    ],
)
def test_what_torch_would_refuse_is_refused(name: str, wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        OPTIMIZERS[name].model_validate(wrong)
    assert OPTIMIZERS["sgd"].model_validate({"momentum": 0.9, "nesterov": True}).arguments()["nesterov"] is True
