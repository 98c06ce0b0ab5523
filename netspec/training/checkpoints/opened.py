"""A checkpoint on the disk, all of which is as it was written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netspec.training.checkpoints.contents import SUFFIX, VALUES
from netspec.training.checkpoints.manifest import Manifest
from netspec.weights.read import open_weights
from netspec.weights.stored import Array


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Checkpoint:
    """A directory with its manifest."""

    directory: Path
    manifest: Manifest

    @classmethod
    def open(cls, directory: Path) -> Checkpoint:
        """A checkpoint whose every file was looked at.

        Raises:
            ModelError: `checkpoint`, naming the file that is damaged.
        """
        manifest = Manifest.read(directory)
        manifest.check(directory)
        return cls(directory, manifest)

    @property
    def step(self) -> int:
        """The step after which it was saved."""
        return self.manifest.step

    @property
    def num_bytes(self) -> int:
        """The size of its files."""
        return sum(entry.bytes for entry in self.manifest.files.values())

    def values(self) -> dict[str, Any]:
        """What is no tensor."""
        found: dict[str, Any] = json.loads((self.directory / VALUES).read_bytes())
        return found

    def tensors(self, name: str) -> dict[str, Array]:
        """The tensors of one file, named without its suffix; none if there is no such file."""
        if name + SUFFIX not in self.manifest.files:
            return {}
        with open_weights(self.directory / (name + SUFFIX)) as found:
            return {key: stored.read() for key, stored in found.items()}

    def check_headers(self) -> None:
        """See that the tensors can be read again.

        Raises:
            ModelError: `weights`.
        """
        for name in self.manifest.files:
            if name.endswith(SUFFIX):
                with open_weights(self.directory / name):
                    pass

    def file(self, name: str) -> Path | None:
        """A file of the run directory as it was then."""
        return self.directory / name if name in self.manifest.files else None
