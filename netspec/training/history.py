"""Runs that were made: what stands in their directories, without torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from netspec.diagnostics import ModelError
from netspec.training.checkpoints.lock import holder
from netspec.training.checkpoints.manifest import damaged
from netspec.training.checkpoints.store import Store
from netspec.training.fields import ABSENT
from netspec.training.record import BEST, ENVIRONMENT, LAST, METRICS, RESULT, STARTS, is_run
from netspec.weights.read import open_weights

T = TypeVar("T")
Status = Literal["running", "finished", "stopped"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PastRun:
    """A run directory. `result` is empty unless the run came to its end."""

    directory: Path
    environment: dict[str, Any]
    rows: tuple[dict[str, Any], ...]
    result: dict[str, Any]

    @classmethod
    def read(cls, directory: Path) -> PastRun:
        """The run in a directory.

        Raises:
            ModelError: `checkpoint`: there is none, or its notes cannot be read.
        """
        if not is_run(directory):
            raise damaged(directory, "there is no run in this directory")
        (notes,) = _objects(directory / ENVIRONMENT, is_lines=False)
        results = _objects(directory / RESULT, is_lines=False)
        return cls(directory, notes, tuple(_objects(directory / METRICS, is_lines=True)), *results or ({},))

    @property
    def status(self) -> Status:
        """Whether a process trains there, the run came to its end, or it can be resumed."""
        if holder(self.directory) is not None:
            return "running"
        return "finished" if self.result else "stopped"

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers of the best weights; of a run that is not finished, of the last evaluation."""
        best = self.result.get("metrics")
        last = best if isinstance(best, dict) else self.rows[-1] if self.rows else {}
        known = {name: _number(value) for name, value in last.items() if name.startswith(("train_", "validation_"))}
        return {name: value for name, value in known.items() if value is not None}

    def as_json(self) -> dict[str, Any]:
        """All that is known of it."""
        last = self.rows[-1] if self.rows else {}
        notes = {name: self.environment.get(name) for name in ("spec", "seed", "settings", "device", "threads")}
        times = {name: _number(last.get(name)) for name in ("step", "epoch", "seconds", "cpu_seconds")}
        found = {"directory": str(self.directory), "status": self.status, "metrics": self.metrics}
        steps = Store(self.directory).steps()
        # A run that was stopped has come to its last checkpoint, which may be behind the last evaluation.
        times["step"] = max((*steps, times["step"] or 0)) or None
        return {**found, **notes, **times, "checkpoints": steps}

    def facts(self) -> dict[str, str]:
        """What it trained, by field; nothing where there is no checkpoint."""
        known = Store(self.directory).last_facts()
        flat = {**known.get("fields", {}), **known.get("run", {}), **known.get("versions", {})}
        flat |= {f"data.{name}": value for name, value in known.get("data", {}).items()}
        return {name: str(value) for name, value in flat.items()}

    def damage(self) -> list[ModelError]:
        """Every file of weights and every checkpoint that is not as it was written."""
        store = Store(self.directory)
        sealed = [path for name in (BEST, LAST, STARTS) for path in sorted(self.directory.rglob(name))]
        own = [path for path in sealed if store.directory not in path.parents]
        return [*_failures(store.open, store.steps()), *_failures(_look, own)]


def runs_below(folder: Path) -> Iterator[Path]:
    """The run directories in a folder, in the order of their names."""
    for path in sorted(folder.rglob(ENVIRONMENT)):
        if is_run(path.parent):
            yield path.parent


def compare(runs: Sequence[PastRun]) -> dict[str, list[str]]:
    """The fields in which runs differ, with the value of each."""
    facts = [run.facts() for run in runs]
    names = dict.fromkeys(name for each in facts for name in each)
    found = {name: [each.get(name, ABSENT) for each in facts] for name in names}
    return {name: values for name, values in found.items() if len(set(values)) > 1}


def _objects(path: Path, *, is_lines: bool) -> list[dict[str, Any]]:
    """The JSON objects in a file, one or one a line; none if there is no file."""
    try:
        text = path.read_text("utf-8")
        found = [json.loads(each) for each in (text.splitlines() if is_lines else [text])]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError):
        found = [None]
    if not all(isinstance(each, dict) for each in found):
        raise damaged(path, "the notes of this run cannot be read")
    return found


def _number(value: object) -> int | float | None:
    """A number of a file that anybody may have written."""
    return value if isinstance(value, int | float) else None


def _failures(look: Callable[[T], object], places: Sequence[T]) -> Iterator[ModelError]:
    for place in places:
        try:
            look(place)
        except ModelError as error:
            yield error


def _look(path: Path) -> None:
    with open_weights(path):
        pass
