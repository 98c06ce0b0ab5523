"""Files that a spec names: relative to its folder, and inside of it unless the caller allows other places."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from netspec.diagnostics import DataError, Source


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory, and others from which the caller allows to read."""

    root: Path
    allowed: tuple[Path, ...] = ()

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open a regular file to read.

        The path is resolved first, so that no link leads out; opening never waits, as it would for a pipe.

        Raises:
            DataError: `data-file`: it is outside, absent, no regular file, or cannot be read.
        """
        path = self.inside(name)
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise DataError.at(name, "data-file", "not a regular file")
                yield file
        except OSError as error:
            raise _unreadable(name, error) from None

    def entries(self, name: str) -> tuple[list[str], list[str]]:
        """Names of the folders and of the files in a folder, sorted, without those that begin with a dot.

        Raises:
            DataError: `data-file`: it is outside, absent, or no folder.
        """
        folders: list[str] = []
        files: list[str] = []
        try:
            with os.scandir(self.inside(name)) as found:
                for entry in found:
                    if not entry.name.startswith("."):
                        (folders if entry.is_dir() else files).append(entry.name)
        except OSError as error:
            raise _unreadable(name, error) from None
        return sorted(folders), sorted(files)

    def inside(self, name: str) -> Path:
        """The path of a name, all links resolved.

        Raises:
            DataError: `data-file`: it lies outside, or cannot be a path.
        """
        try:
            path = (self.root / name).resolve()
            places = [place.resolve() for place in (self.root, *self.allowed)]
        except (OSError, ValueError, RuntimeError) as error:  # NUL bytes, loops of links
            raise _unreadable(name, error) from None
        if not any(path.is_relative_to(place) for place in places):
            help = "put it beside the spec, or allow its folder"
            raise DataError.at(name, "data-file", f"lies outside of the spec's folder {self.root}", help=help)
        return path


def spec_folder(source: Source) -> Path:
    """The folder of a spec's file; the current one for a spec without a file."""
    path = Path(source.name)
    return path.parent if path.is_file() else Path()


def folder_of(source: Source, *allowed: Path) -> Folder:
    """Where the files are that a text names: beside its spec, and where the caller allows.

    What a command sets (`--set`) is said by the caller: relative to where the command runs, or anywhere.
    """
    if source.name.startswith("--set "):
        return Folder(Path(), (Path(Path.cwd().anchor),))
    return Folder(spec_folder(source), allowed)


def _unreadable(name: str, error: Exception) -> DataError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return DataError.at(name, "data-file", f"cannot read: {reason.lower()}")
