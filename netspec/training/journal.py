"""The run directory: the spec, the environment, and a line of metrics for every evaluation."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from netspec import atomic
from netspec.compiler.spec import Spec
from netspec.diagnostics import NetspecError
from netspec.training.checkpoints.lock import LOCK, exclusive
from netspec.training.facts import versions
from netspec.training.record import ENVIRONMENT, METRICS, RECORD, RESULT, SPEC, home, is_run, record_text

#: Where all stages but the last leave their weights and pictures.
STAGES = "stages"


@dataclass(slots=True, eq=False, repr=False)
class Journal:
    """What a run writes down as it goes. Times are measured from its making; CPU time is that of all threads."""

    directory: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    # The directory of the whole run, where this is the journal of one of its stages.
    whole: Path | None = None
    _started: float = field(default_factory=time.perf_counter)
    _cpu_started: float = field(default_factory=time.process_time)

    @property
    def seconds(self) -> float:
        """Wall time, by the monotonic clock."""
        return time.perf_counter() - self._started

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the process."""
        return time.process_time() - self._cpu_started

    def take_up(self, seconds: float, cpu_seconds: float) -> None:
        """Count on from the times of a run that was stopped."""
        self._started = time.perf_counter() - seconds
        self._cpu_started = time.process_time() - cpu_seconds

    def begin(self, spec: Spec, facts: dict[str, Any]) -> None:
        """Write the environment, what the spec was changed and joined to, and last the spec, which makes it a run.

        Raises:
            NetspecError: `unwritable`.
        """
        digest = hashlib.sha256(spec.source.text.encode()).hexdigest()
        known: dict[str, Any] = {"spec": spec.name, "spec_sha256": digest, "folder": str(home(spec.source).resolve())}
        known |= {"versions": {**versions(), "cores": str(os.cpu_count())}, "platform": platform.platform()}
        text = json.dumps(known | facts, indent=2, sort_keys=True)
        atomic.remove(self.directory / RESULT)
        record = record_text(spec)
        atomic.write(self.directory / ENVIRONMENT, text + "\n")
        if record is not None:
            atomic.write(self.directory / RECORD, record)
        atomic.write(self.directory / SPEC, spec.source.text)

    def end(self, metrics: dict[str, float]) -> None:
        """Write down that the run has come to its end, and the numbers of its best weights.

        Raises:
            NetspecError: `unwritable`.
        """
        found = {"metrics": metrics, "seconds": self.seconds, "cpu_seconds": self.cpu_seconds}
        atomic.write(self.directory / RESULT, json.dumps(found, indent=2, sort_keys=True, allow_nan=False) + "\n")

    def below(self, name: str) -> Journal:
        """The journal of a stage that is not the last: it writes into a folder of its own, and shares the rows.

        Raises:
            NetspecError: `unwritable`.
        """
        folder = self.directory / STAGES / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise atomic.unwritable(folder, error) from None
        return replace(self, directory=folder, whole=self.whole or self.directory)

    def note(self, row: dict[str, Any]) -> dict[str, Any]:
        """Add a line to the metrics; the times are added here."""
        row = row | {"seconds": round(self.seconds, 3), "cpu_seconds": round(self.cpu_seconds, 3)}
        self.rows.append(row)
        lines = [json.dumps(each, allow_nan=False) for each in self.rows]
        atomic.write((self.whole or self.directory) / METRICS, "\n".join(lines) + "\n")
        return row


@contextmanager
def new_run(name: str, wanted: Path | None) -> Iterator[Path]:
    """Have a directory without a run to oneself: the wanted one, or a new `runs/NAME/STAMP`.

    What was made for it is removed again where no run has begun in it when the block ends.

    Raises:
        NetspecError: `unwritable`: it cannot be made, it holds a run, or another process trains there.
    """
    target = wanted or Path("runs", name, time.strftime("%Y%m%d-%H%M%S"))
    made = [each for each in (target, *target.parents) if not each.exists()]
    target = _made(target, is_wanted=wanted is not None)
    with exclusive(target):
        _check_unused(target)
        try:
            yield target
        finally:
            if made and not is_run(target):
                _take_back([target, *made[1:]])


def _made(target: Path, *, is_wanted: bool) -> Path:
    try:
        if not is_wanted:
            return _fresh(target)
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise atomic.unwritable(target, error) from None
    return target


def _check_unused(directory: Path) -> None:
    if (directory / SPEC).exists():
        help = f"name another one, or go on with `netspec train --resume {directory}`"
        raise NetspecError.at(str(directory), "unwritable", "this directory holds a run already", help=help)


def _take_back(made: Sequence[Path]) -> None:
    """Remove directories, the inner one first, up to the first in which there is more than the lock."""
    with suppress(OSError):
        (made[0] / LOCK).unlink()
        for each in made:
            each.rmdir()


def _fresh(target: Path) -> Path:
    """Make the directory, with a number behind it where two runs start in one second."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for number in range(2, 10_000):
        try:
            target.mkdir()
            return target
        except FileExistsError:
            target = target.with_name(f"{target.name[:15]}-{number}")
    raise FileExistsError(17, "too many runs in one second", str(target))
