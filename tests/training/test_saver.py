"""What a run saves: nothing that is not finite, and nothing that a full disk leaves half done."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from netspec.diagnostics import NetspecError, TrainingError
from netspec.training.checkpoints import store as store_module
from netspec.training.checkpoints.state import join, split
from netspec.training.checkpoints.store import Store
from netspec.training.finite import Moment
from netspec.training.observer import Observer
from netspec.training.resume import spec_of_run
from netspec.training.run import train
from netspec.training.weights import stored
from netspec.weights.read import open_weights
from tests.training.checkpoints.faults import Faults, faulty
from tests.training.specs import HEAD, TRAIN, spec_of, write_data

ADAM = HEAD + TRAIN.replace("sgd: 0.05", "adam: 0.01")


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    write_data(tmp_path)


class Poison(Observer):
    """Makes one number of a layer not finite: a gradient before a step moves by it, or a weight after it did."""

    def __init__(self, module: nn.Module, at: int, key: str, value: float, *, gradient: bool) -> None:
        self._parameter = module.get_parameter(key)
        self._at = at
        self._value = value
        self._gradient = gradient

    def differentiated(self, moment: Moment) -> None:
        if moment.step == self._at and self._gradient:
            assert self._parameter.grad is not None
            self._parameter.grad.view(-1)[0] = self._value

    def stepped(self, moment: Moment) -> None:
        if moment.step == self._at and not self._gradient:
            self._parameter.data.view(-1)[0] = self._value


def all_numbers_of(directory: Path) -> list[np.ndarray]:
    found = []
    for path in directory.rglob("*.safetensors"):
        with open_weights(path) as tensors:
            found += [each.read() for each in tensors.values()]
    return found


def poisoned_run(folder: Path, chance: random.Random, every: float) -> None:
    at = chance.randrange(2, 16)
    key = chance.choice(["conv.weight", "conv.bias", "fc.weight", "fc.bias"])
    value, gradient = chance.choice([float("nan"), float("inf"), -float("inf")]), chance.random() < 0.5

    def observing(plan: object, module: nn.Module, journal: object) -> list[Observer]:
        return [Poison(module, at, key, value, gradient=gradient)]

    with pytest.raises(TrainingError) as caught:
        train(spec_of(ADAM, folder), directory=folder / "run", threads=1, observing=observing, checkpoint_seconds=every)
    (found,) = caught.value.diagnostics
    assert found.code == "not-finite"
    assert f"step {at}" in found.message or f"step {at + 1} " in found.message
    numbers = all_numbers_of(folder / "run")
    assert all(np.isfinite(each).all() for each in numbers if each.dtype.kind == "f")
    store = Store(folder / "run")
    if every == 0:
        assert store.steps()[-1] == at - 1 and found.notes[-1] == f"the last checkpoint is of step {at - 1}"
    for step in store.steps():
        store.open(step)


@pytest.mark.parametrize("number", [*range(6), *(pytest.param(n, marks=pytest.mark.slow) for n in range(6, 100))])
def test_what_is_not_finite_ends_the_run_and_is_in_no_file(tmp_path: Path, number: int) -> None:
    poisoned_run(tmp_path, random.Random(number), every=0 if number % 3 else 60)


def test_a_full_disk_ends_the_run_with_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([10**9] * 7 + [100] * 100)
    spec = spec_of(ADAM, tmp_path)
    whole = train(spec, directory=tmp_path / "whole", threads=1)
    with monkeypatch.context() as patch:
        patch.setattr(store_module.shutil, "disk_usage", lambda _: SimpleNamespace(free=next(free)))
        with pytest.raises(NetspecError) as caught:
            train(spec, directory=tmp_path / "run", threads=1, checkpoint_seconds=0)
    (found,) = caught.value.diagnostics
    assert found.code == "unwritable"
    assert found.message == "cannot write the checkpoint of step 8: no space left on device"
    assert found.notes[0].endswith("bytes, 100 are free") and found.notes[1] == "the checkpoint of step 7 is unchanged"
    assert found.help == f"`netspec train --resume {tmp_path / 'run'}` goes on from there"
    again = train(spec_of_run(tmp_path / "run"), resume=tmp_path / "run")
    assert again.last.read_bytes() == whole.last.read_bytes()


@pytest.mark.parametrize("at", [1, 130, 333, 640, 900])
def test_a_disk_that_fails_in_a_run_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Whatever is written when it fails: a checkpoint, the weights, the metrics, the spec or a picture."""
    spec = spec_of(ADAM, tmp_path)
    whole = train(spec, directory=tmp_path / "whole", threads=1)
    with faulty(monkeypatch, Faults(at, errno.EIO, forever=True)):
        try:
            train(spec, directory=tmp_path / "run", threads=1, checkpoint_seconds=0)
        except NetspecError as error:
            assert {each.code for each in error.diagnostics} <= {"unwritable", "data-file"}
    store = Store(tmp_path / "run")
    for step in store.steps():
        store.open(step)
    if (tmp_path / "run" / "spec.yaml").exists():
        again = train(spec_of_run(tmp_path / "run"), resume=tmp_path / "run")
        assert again.last.read_bytes() == whole.last.read_bytes()


def test_a_state_comes_back_from_its_tensors_and_the_rest() -> None:
    state: dict[str, Any] = {
        "a": {"w.x": torch.arange(3), "n": 1, "none": None, "deep": {"half": torch.ones(2, dtype=torch.bfloat16)}},
        "list": [torch.tensor(2.5), "text", 0.1, [True]],
        "empty": {},
    }
    tree, tensors = split(state)
    assert list(tensors) == ["a/w.x", "a/deep/half", "list/0"]
    back = join(tree, {name: each.read() for name, each in stored(tensors).items()})
    assert back.keys() == state.keys() and back["empty"] == {} and back["list"][1:] == ["text", 0.1, [True]]
    assert torch.equal(back["a"]["w.x"], state["a"]["w.x"]) and back["a"]["none"] is None
    half = back["a"]["deep"]["half"]
    assert half.dtype is torch.bfloat16 and torch.equal(half, state["a"]["deep"]["half"])
    assert torch.equal(back["list"][0], state["list"][0])
