"""Runs that are killed and go on, and all that they leave behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from netspec.compiler import Spec
from netspec.training.checkpoints.store import Store
from netspec.training.finite import Moment
from netspec.training.observer import Observer
from netspec.training.resume import spec_of_run
from netspec.training.run import Run, train
from tests.training.specs import HEAD

DROPOUT = HEAD.replace("  - flatten", "  - batch_norm\n  - {name: pool, max_pool: 2}\n  - dropout: 0.3\n  - flatten")


class Killed(Exception):
    """What stands for the end of the process."""


class KillAfter(Observer):
    """Ends the run after so many steps in all, before the state is saved."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def stepped(self, moment: Moment) -> None:
        self.left -= 1
        if not self.left:
            raise Killed


def trained(spec: Spec, directory: Path, **options: Any) -> Run:
    return train(spec, directory=directory, threads=1, **{"device": "cpu", **options})


def killed_after(spec: Spec, directory: Path, steps: int, *, every: float = 0) -> None:
    killer = KillAfter(steps)
    with pytest.raises(Killed):
        trained(spec, directory, observing=lambda *_: [killer], checkpoint_seconds=every)


def resumed(directory: Path, **options: Any) -> Run:
    return train(spec_of_run(directory), resume=directory, **options)


def contents(directory: Path) -> dict[str, Any]:
    """All that a run leaves behind, but for times."""
    found: dict[str, Any] = {}
    for path in directory.rglob("*.safetensors"):
        if "checkpoints" not in path.parts:
            found[str(path.relative_to(directory))] = path.read_bytes()
    checkpoint = Store(directory).open()
    found |= {name: checkpoint.tensors(name) for name in ("weights", "state", "earlier")}
    found["values"] = {key: value for key, value in checkpoint.values().items() if "seconds" not in key}
    rows = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    found["rows"] = [{key: value for key, value in row.items() if "seconds" not in key} for row in rows]
    found["pictures"] = {path.name for path in directory.glob("*.svg")}
    return found


def assert_equal(one: Any, other: Any) -> None:
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and one.tobytes() == other.tobytes()
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    else:
        assert one == other


def assert_resumes(spec: Spec, folder: Path, moments: Iterator[int] | list[int]) -> None:
    trained(spec, folder / "whole")
    expected = contents(folder / "whole")
    for steps in moments:
        shutil.rmtree(folder / "run", ignore_errors=True)
        killed_after(spec, folder / "run", steps)
        assert Store(folder / "run").steps()[-1:] == ([steps - 1] if steps > 1 else [])
        torch.rand(7)  # what was drawn before must not matter
        resumed(folder / "run")
        assert_equal(contents(folder / "run"), expected)
