"""The checkpoints of a run directory.

Saving never touches what is there: a new directory is filled, each file under a temporary name, synced and renamed; the
manifest last. Only when all of it was read back as it was written are older checkpoints deleted. So a run can be killed
between any two calls, and the disk can be full at any of them. Who saves holds the run's lock: whatever is unfinished
when a run starts was left by one that is no more.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netspec import atomic
from netspec.diagnostics import Diagnostic, ModelError, NetspecError
from netspec.training.checkpoints.contents import Contents, Counted
from netspec.training.checkpoints.manifest import CHUNK_BYTES, MANIFEST, Entry, Manifest, damaged, entry_of
from netspec.training.checkpoints.opened import Checkpoint

DIRECTORY = "checkpoints"
#: The last one, and the one before it in case the last is damaged.
KEPT = 2


@dataclass(frozen=True, slots=True)
class Store:
    """The checkpoints in `run/checkpoints`."""

    run: Path

    @property
    def directory(self) -> Path:
        """Where they are."""
        return self.run / DIRECTORY

    def steps(self) -> list[int]:
        """The steps of which there is a checkpoint, the last at the end. No clock has a say in the order."""
        names = [path.parent.name for path in self.directory.glob(f"*/{MANIFEST}")]
        return sorted(int(name) for name in names if name.isascii() and name.isdigit())

    def open(self, step: int | None = None) -> Checkpoint:
        """A checkpoint, by default the last, all of whose files are as they were written.

        Raises:
            ModelError: `checkpoint`: there is none, or a file is damaged.
        """
        steps = self.steps()
        if not steps:
            raise damaged(self.run, "there is no checkpoint in this directory")
        wanted = steps[-1] if step is None else step
        try:
            return Checkpoint.open(self._place(wanted))
        except ModelError as error:
            before = [each for each in steps if each < wanted]
            help = f"`--resume {self._place(before[-1])}` goes on from the one before" if before else None
            raise ModelError(replace(each, help=help) for each in error.diagnostics) from None

    def last_facts(self) -> dict[str, Any]:
        """The facts of the last checkpoint; none where there is none that can be read."""
        try:
            return dict(Manifest.read(self._place(self.steps()[-1])).facts)
        except (IndexError, ModelError):
            return {}

    def clean(self) -> None:
        """Remove what a run that was killed left unfinished. The caller holds the run's lock.

        Raises:
            NetspecError: `unwritable`.
        """
        atomic.remove_abandoned(self.run)
        try:
            for path in self.directory.glob("*"):
                if path.name.isdigit() and not (path / MANIFEST).exists():
                    shutil.rmtree(path)
            for path in self.directory.glob("*/.*.tmp"):
                path.unlink()
        except OSError as error:
            raise atomic.unwritable(self.directory, error) from None

    def save(self, step: int, contents: Contents, facts: Mapping[str, Any]) -> None:
        """Save the state after a step, unless it is saved already, and delete the checkpoints before the one before.

        Args:
            step: Its number in the run.
            contents: The state.
            facts: What a run that goes on from here must share.

        Raises:
            NetspecError: `unwritable`: the disk refuses, or has too little space; the checkpoints before are unchanged.
        """
        place = self._place(step)
        try:
            if not self._is_whole(step):
                self._check_space(contents.num_bytes)
                self._make(place)
                _fill(place, Manifest(step, {}, facts), contents)
        except (OSError, NetspecError) as error:
            with suppress(OSError):
                _remove(place)
            raise self._refused(step, contents, error) from None
        with suppress(OSError):  # what cannot be deleted now can be after the next one
            self._delete_all_but(step)

    def _make(self, place: Path) -> None:
        if not self.directory.exists():
            self.directory.mkdir()
            atomic.sync(self.run)
        _remove(place)
        place.mkdir()
        atomic.sync(self.directory)

    def _is_whole(self, step: int) -> bool:
        try:
            Checkpoint.open(self._place(step))
        except ModelError:
            return False
        return True

    def _check_space(self, needed: int) -> None:
        free = shutil.disk_usage(self.run).free
        if free < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _delete_all_but(self, step: int) -> None:
        """Keep this checkpoint and those just before it; later ones are of a run that went on from there before."""
        kept = [each for each in self.steps() if each <= step][-KEPT:]
        for each in self.steps():
            if each not in kept:
                _remove(self._place(each))

    def _place(self, step: int) -> Path:
        return self.directory / f"{step:09d}"

    def _refused(self, step: int, contents: Contents, error: OSError | NetspecError) -> NetspecError:
        if isinstance(error, OSError):
            error = atomic.unwritable(self._place(step), error)
        (found,) = error.diagnostics
        reason = found.message.removeprefix("cannot write: ")
        notes = [f"it needs {contents.num_bytes:,} bytes{self._free()}"]
        steps = [each for each in self.steps() if each <= step]
        if steps:
            notes.append(f"the checkpoint of step {steps[-1]:,} is unchanged")
        help = f"`netspec train --resume {self.run}` goes on from there" if steps else None
        message = f"cannot write the checkpoint of step {step:,}: {reason}"
        return NetspecError([Diagnostic("unwritable", message, place=found.place, notes=tuple(notes), help=help)])

    def _free(self) -> str:
        with suppress(OSError):
            return f", {shutil.disk_usage(self.run).free:,} are free"
        return ""


def _fill(place: Path, manifest: Manifest, contents: Contents) -> None:
    """Write everything, the manifest last, and read it back."""
    entries: dict[str, Entry] = {}
    for name, chunks in contents.written():
        counted = Counted(chunks)
        atomic.write_chunks(place / name, counted)
        entries[name] = counted.entry
    for path in contents.files:
        _share(path, place / path.name)
        entries[path.name] = entry_of(place / path.name)
    atomic.sync(place)
    atomic.write(place / MANIFEST, replace(manifest, files=entries).text())
    Checkpoint.open(place).check_headers()


def _remove(place: Path) -> None:
    """Without its manifest it is no checkpoint any more, however far this gets."""
    with suppress(FileNotFoundError):
        (place / MANIFEST).unlink()
        atomic.sync(place)
    if place.exists():
        shutil.rmtree(place)


def _share(path: Path, target: Path) -> None:
    """A second name for a file, which is only ever replaced as a whole; a copy where the disk has no second names."""
    try:
        os.link(path, target)
    except OSError:
        with path.open("rb") as file:
            atomic.write_chunks(target, iter(lambda: file.read(CHUNK_BYTES), b""))
