"""What a model file says of itself, read from its metadata. Nothing is believed: each entry has its form checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.diagnostics import ModelError

if TYPE_CHECKING:
    from netspec.data.preprocess import Step


class Description:
    """The metadata of one file.

    `labels` are names of classes by output; `below` what the indices of an input are smaller than; `sample` the inputs
    that are drawn where none is given, and how; `lengths` the inputs that say how large an axis of that name is in
    each sample; `after` the last step that the file itself puts behind an output.

    Raises:
        ModelError: `model-file`: an entry is not JSON.
    """

    def __init__(self, metadata: Mapping[str, str], outputs: list[str], path: Path) -> None:
        self._metadata = metadata
        self._path = path
        self.activation = metadata.get("netspec.activation", "")
        self.labels = self._labels(outputs)
        below, sample = self._mapping("netspec.below"), self._mapping("netspec.sample")
        self.below = {name: bound for name, bound in below.items() if type(bound) is int and bound > 0}
        self.sample = {name: how for name, how in sample.items() if how in ("normal", "uniform")}
        lengths = self._mapping("netspec.lengths")
        self.lengths = {name: axis for name, axis in lengths.items() if isinstance(axis, str)}
        self.after = {name: _last(steps) for name, steps in self._mapping("netspec.after").items()}

    def steps(self, name: str, *, inside: bool = False) -> tuple[Step, ...]:
        """The preprocessing of an input that comes before the file, or that is in it.

        Raises:
            ModelError: `model-file`: the file says something that netspec does not know.
        """
        from netspec.data.preprocess import from_json

        found = self._mapping("netspec.inside" if inside else "netspec.preprocess")
        return from_json(found.get(name, []), str(self._path))

    def _labels(self, outputs: list[str]) -> dict[str, tuple[str, ...]]:
        """By output; a plain list is the first output's."""
        found = self._json("netspec.labels")
        if isinstance(found, list):
            found = {outputs[0]: found} if found and outputs else {}
        entries = found.items() if isinstance(found, dict) else ()
        return {name: tuple(map(str, each)) for name, each in entries if isinstance(each, list) and each}

    def _mapping(self, key: str) -> dict[str, Any]:
        found = self._json(key)
        return found if isinstance(found, dict) else {}

    def _json(self, key: str) -> object:
        text = self._metadata.get(key, "")
        try:
            return json.loads(text) if text else None
        except (ValueError, RecursionError):
            raise ModelError.at(str(self._path), "model-file", f"its metadata `{key}` is not JSON") from None


def _last(steps: object) -> str:
    """The name of the last of some steps."""
    last = steps[-1] if isinstance(steps, list) and steps else {}
    return next(iter(last), "") if isinstance(last, dict) else ""
