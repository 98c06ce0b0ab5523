"""What a run keeps beside its spec's text, so that it stays the network that was trained.

A spec may have been changed by `--set`, and may use or extend others, which may change or go. So the run directory
holds the settings and the texts of the others; none of those files is read again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netspec.compiler.files import Snapshot
from netspec.compiler.spec import Spec
from netspec.diagnostics import NetspecError, Source
from netspec.lang.folder import spec_folder

RECORD = "spec-record.json"
ENVIRONMENT = "environment.json"
# The name of the spec's text in a run directory.
SPEC = "spec.yaml"
METRICS = "metrics.jsonl"
#: There when a run has come to its end.
RESULT = "result.json"
BEST = "best.safetensors"
LAST = "last.safetensors"
#: What stages start from, as a pattern of names.
STARTS = "start*.safetensors"


@dataclass(frozen=True, slots=True, repr=False)
class Record:
    """The settings of a run, and the other specs as they were; None: it stands alone, and names are looked up."""

    settings: tuple[str, ...] = ()
    others: Snapshot | None = None


def record_text(spec: Spec) -> str | None:
    """The record of a spec as JSON; None where its text says all."""
    if not spec.settings and not spec.others.links:
        return None
    others = {"links": spec.others.links, "texts": spec.others.texts}
    return json.dumps({"settings": spec.settings, "others": others}, indent=2, sort_keys=True) + "\n"


def record_of(source: Source) -> Record:
    """The record that lies beside a run's spec; an empty one for any other spec.

    Raises:
        NetspecError: `unreadable`: it is no record.
    """
    path = Path(source.name)
    if path.name != SPEC:
        return Record()
    place = path.with_name(RECORD)
    try:
        data = json.loads(place.read_text("utf-8"))
    except FileNotFoundError:
        return Record()
    except (OSError, ValueError, RecursionError) as error:
        raise NetspecError.at(str(place), "unreadable", f"cannot read: {error}".lower()) from None
    found = _record(data)
    if found is None:
        raise NetspecError.at(str(place), "unreadable", "this is not the record of a run")
    return found


def home(source: Source) -> Path:
    """The folder to which a spec's paths are relative: its own; for the copy in a run directory, the original's."""
    folder = spec_folder(source)
    if not is_of_run(source):
        return folder
    try:
        return Path(json.loads((folder / ENVIRONMENT).read_bytes())["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return folder


def is_of_run(source: Source) -> bool:
    """Whether a text is the spec of a run directory."""
    path = Path(source.name)
    return path.name == SPEC and is_run(path.parent)


def is_run(directory: Path) -> bool:
    """Whether a directory holds a run."""
    return (directory / SPEC).is_file() and (directory / ENVIRONMENT).is_file()


def _record(data: Any) -> Record | None:
    if not isinstance(data, dict) or not isinstance(data.get("others"), dict):
        return None
    settings, links, texts = data.get("settings"), data["others"].get("links"), data["others"].get("texts")
    if not isinstance(settings, list) or not all(isinstance(each, str) for each in settings):
        return None
    if not _is_texts(texts) or not isinstance(links, dict) or not all(map(_is_texts, links.values())):
        return None
    return Record(tuple(settings), Snapshot(links, texts))


def _is_texts(value: object) -> bool:
    return isinstance(value, Mapping) and all(isinstance(each, str) for each in value.values())
