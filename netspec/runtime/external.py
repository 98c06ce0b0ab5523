"""Weights that lie beside a model: checked before ONNX Runtime opens them.

ONNX Runtime refuses paths that lead out of the model's folder, and follows a hard link to any file all the same. So
each file must lie in that folder itself, be a regular file with this one name, and have the content that the model's
metadata promise.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

from netspec.diagnostics import ModelError
from netspec.runtime.wire import Outline

METADATA_KEY = "netspec.external"


def check_external(path: Path, found: Outline) -> None:
    """Refuse a model whose tensors lie where they should not, or are not what was written.

    Raises:
        ModelError: `model-file`, naming the file at fault.
    """
    promised = _promised(path, found.metadata.get(METADATA_KEY, ""))
    for name in dict.fromkeys(entries.get("location", "") for entries in found.external):
        _check_file(path, name, promised.get(name))


def _check_file(path: Path, name: str, promise: dict[str, object] | None) -> None:
    if not name or name in (".", "..") or "/" in name or "\\" in name or "\0" in name:
        raise _refused(path, f"its weights lie in {name[:200]!r}, which is no file name beside the model")
    file = path.parent / name
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise _refused(path, f"its weights in {name} cannot be read: {(error.strerror or '').lower()}") from None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise _refused(path, f"{name}, where its weights should be, is no regular file")
        if status.st_nlink != 1:
            raise _refused(path, f"{name} is a hard link: it may be any file of this disk", help="copy the file")
        if promise is not None:
            _check_content(path, name, handle, status.st_size, promise)
    finally:
        os.close(handle)


def _check_content(path: Path, name: str, handle: int, size: int, promise: dict[str, object]) -> None:
    if promise.get("bytes") != size:
        raise _refused(path, f"{name} has {size:,} bytes, the model expects {promise.get('bytes')}")
    with os.fdopen(handle, "rb", closefd=False) as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if digest != promise.get("sha256"):
        raise _refused(path, f"{name} is damaged, or another model's: its sha256 is not the one in the model")


def _promised(path: Path, text: str) -> dict[str, dict[str, object]]:
    try:
        found = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise _refused(path, f"its metadata `{METADATA_KEY}` is not what netspec writes")
    return found


def _refused(path: Path, message: str, help: str | None = None) -> ModelError:
    return ModelError.at(str(path), "model-file", message, help=help)
