"""Going on with a run: which checkpoint, which spec, and whether the two still belong together."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netspec import atomic
from netspec.compiler.load import compile_source, read_source
from netspec.compiler.spec import Spec
from netspec.diagnostics import Diagnostic, Severity
from netspec.lang.reader import Limits
from netspec.training.checkpoints.manifest import damaged
from netspec.training.checkpoints.opened import Checkpoint
from netspec.training.checkpoints.store import DIRECTORY, Store
from netspec.training.facts import Facts, check, compare
from netspec.training.journal import Journal
from netspec.training.record import BEST, ENVIRONMENT, METRICS, SPEC, is_run, record_of
from netspec.training.saver import Saved

Warn = Callable[[Sequence[Diagnostic]], None]


@dataclass(frozen=True, slots=True)
class Place:
    """A run directory, and the step of a checkpoint in it if one was named."""

    directory: Path
    step: int | None = None

    @classmethod
    def of(cls, path: str | Path) -> Place:
        """The place that `RUN`, or `RUN/checkpoints/STEP`, names.

        Raises:
            ModelError: `checkpoint`: there is no run.
        """
        found = Path(path)
        if found.parent.name == DIRECTORY and found.name.isascii() and found.name.isdigit():
            place = cls(found.parent.parent, int(found.name))
        else:
            place = cls(found)
        if not is_run(place.directory):
            raise damaged(place.directory, "there is no run in this directory")
        return place

    def environment(self) -> dict[str, Any]:
        """What the run noted when it began.

        Raises:
            ModelError: `checkpoint`: it cannot be read.
        """
        path = self.directory / ENVIRONMENT
        try:
            found = json.loads(path.read_bytes())
            return {name: found[name] for name in ("seed", "threads", "rewrite", "device", "settings")}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            raise damaged(path, "this does not say how the run began") from None


def spec_of_run(
    path: str | Path, settings: Sequence[str] = (), limits: Limits | None = None, allowed: tuple[Path, ...] = ()
) -> Spec:
    """The spec with which a run began, and what is set in it now.

    Raises:
        ModelError: `checkpoint`: there is no run.
        SpecError, NetspecError: as `netspec.load`.
    """
    place = Place.of(path)
    limits = limits or Limits()
    source = read_source(place.directory / SPEC, limits)
    # The record has the arguments of the last stage, too.
    known = (*place.environment()["settings"], *settings)
    others = record_of(source).others
    spec = compile_source(source, settings=known, limits=limits, allowed=allowed, snapshot=others)
    # What training started from is not what goes on.
    return replace(spec, weights=())


def opened(place: Place, warn: Warn) -> Checkpoint | None:
    """The checkpoint to go on from; None where the run was stopped before its first one.

    Raises:
        ModelError: `checkpoint`: it is damaged, or there is none of that step.
    """
    store = Store(place.directory)
    store.clean()
    if place.step is None and not store.steps():
        message = "there is no checkpoint yet: the run begins again"
        warn([Diagnostic("checkpoint", message, severity=Severity.WARNING, place=str(place.directory))])
        return None
    return store.open(place.step)


def agreed(checkpoint: Checkpoint, now: Facts, warn: Warn) -> None:
    """See that what is there now can go on from a checkpoint; what is harmless is told.

    Raises:
        ModelError: `checkpoint`: it cannot.
    """
    warn(check(compare(checkpoint.manifest.facts, now), str(checkpoint.directory)))


def put_back(saved: Saved, whole: Journal, journal: Journal) -> None:
    """Let the files of a run be those that they were when its state was saved.

    Args:
        saved: The state.
        whole: The journal of the run.
        journal: That of the stage that was going on.
    """
    text = _file(saved, whole.directory / METRICS)
    _file(saved, journal.directory / BEST)
    whole.rows[:] = [json.loads(line) for line in text.decode().splitlines()]
    whole.take_up(saved.values["seconds"], saved.values["cpu_seconds"])


def _file(saved: Saved, path: Path) -> bytes:
    kept = saved.checkpoint.file(path.name)
    if kept is None:
        atomic.remove(path)
        return b""
    data = kept.read_bytes()
    atomic.write(path, data)
    return data
