"""A model and, where they are large, its weights in a file beside it.

That file is named by its content: `net.onnx.4f1c9a0b7d21.data`. So it never takes the place of one that a model reads,
and the renaming of the model, which comes last, is the moment in which the new bundle is there. The model's metadata
hold the sha256 of what stands beside, which `netspec.runtime.external` checks before anything is read from it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import TensorProto

from netspec import atomic

# A protobuf message holds 2 GiB; above this the weights go into a file beside the model.
EXTERNAL_BYTES = 3 * 2**29
# Smaller tensors stay in the model, where shapes are inferred from them.
LEAST_BYTES = 1024
# Runtimes map the file into memory by the page.
ALIGNMENT = 4096
METADATA_KEY = "netspec.external"


def weight_bytes(model: onnx.ModelProto) -> int:
    """Bytes of all stored tensors."""
    return sum(len(tensor.raw_data) for tensor in model.graph.initializer)


def write_beside(model: onnx.ModelProto, target: Path) -> tuple[Path, bool]:
    """Move the large tensors of a model that will stand at `target` into a file beside it.

    The model is changed in place: it names that file, and its metadata hold the file's hash.

    Returns:
        The file, and whether it is new; one that has this name already, and this content, is used.

    Raises:
        NetspecError: `unwritable`.
    """
    tensors = [tensor for tensor in model.graph.initializer if len(tensor.raw_data) >= LEAST_BYTES]
    digest = hashlib.sha256()
    for chunk in _chunks(tensors):
        digest.update(chunk)
    path = target.with_name(f"{target.name}.{digest.hexdigest()[:12]}.data")
    is_new = not _holds(path, digest.hexdigest())
    if is_new:
        atomic.write_chunks(path, _chunks(tensors))
    offset = 0
    for tensor in tensors:
        offset += -offset % ALIGNMENT
        _point(tensor, path.name, offset)
        offset += int(tensor.external_data[-1].value)
    entry = model.metadata_props.add(key=METADATA_KEY)
    entry.value = json.dumps({path.name: {"sha256": digest.hexdigest(), "bytes": offset}})
    return path, is_new


def drop_stale(target: Path, kept: Path | None) -> None:
    """Remove the weights of models that stood at `target` before."""
    pattern = re.compile(re.escape(target.name) + r"\.[0-9a-f]{12}\.data")
    for path in target.parent.iterdir():
        if pattern.fullmatch(path.name) and path != kept and path.is_file() and not path.is_symlink():
            path.unlink(missing_ok=True)


def _chunks(tensors: list[TensorProto]) -> Iterator[bytes]:
    """The tensors, each from the next page on."""
    offset = 0
    for tensor in tensors:
        padding = -offset % ALIGNMENT
        yield bytes(padding)
        yield tensor.raw_data
        offset += padding + len(tensor.raw_data)


def _point(tensor: TensorProto, location: str, offset: int) -> None:
    length = len(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", str(offset)), ("length", str(length))):
        tensor.external_data.add(key=key, value=value)


def _holds(path: Path, digest: str) -> bool:
    """Whether a file has this content, and is no other file's name too."""
    if path.is_symlink() or not path.is_file() or path.stat().st_nlink != 1:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest
