"""A model and, where they are large, its weights in a file beside it.

That file is named by its content: `net.onnx.4f1c9a0b7d21.data`. So it never takes the place of one that a model reads,
and the renaming of the model, which comes last, is the moment in which the new bundle is there. The model's metadata
hold the sha256 of what stands beside, which `netspec.runtime.external` checks before anything is read from it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from netspec import atomic

# A protobuf message holds 2 GiB; above this the weights go into a file beside the model.
EXTERNAL_BYTES = 3 * 2**29
# Smaller tensors stay in the model, where shapes are inferred from them.
LEAST_BYTES = 1024
# Runtimes map the file into memory by the page.
ALIGNMENT = 4096
METADATA_KEY = "netspec.external"


class Beside:
    """The large tensors of a model, as arrays: no protobuf message ever holds them, which has room for 2 GiB."""

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray[Any, Any]] = {}

    def tensor(self, name: str, array: np.ndarray[Any, Any]) -> TensorProto:
        """The tensor in the model, without its elements; a small one with them."""
        if array.nbytes < LEAST_BYTES:
            return numpy_helper.from_array(array, name)
        self._arrays[name] = array
        type = helper.np_dtype_to_tensor_dtype(array.dtype)
        return TensorProto(name=name, dims=array.shape, data_type=type, data_location=TensorProto.EXTERNAL)

    def write(self, model: onnx.ModelProto, target: Path) -> tuple[Path, bool]:
        """Write the arrays that a model reads beside `target`, where it will stand.

        The model is changed in place: it names that file, and its metadata hold the file's hash.

        Returns:
            The file, and whether it is new; one that has this name already, and this content, is used.

        Raises:
            NetspecError: `unwritable`.
        """
        tensors = [each for each in model.graph.initializer if each.data_location == TensorProto.EXTERNAL]
        arrays = [self._arrays[tensor.name] for tensor in tensors]
        digest = hashlib.sha256()
        for chunk in _chunks(arrays):
            digest.update(chunk)
        path = target.with_name(f"{target.name}.{digest.hexdigest()[:12]}.data")
        is_new = not _holds(path, digest.hexdigest())
        if is_new:
            atomic.write_chunks(path, _chunks(arrays))
        end = _point(tensors, arrays, path.name)
        entry = model.metadata_props.add(key=METADATA_KEY)
        entry.value = json.dumps({path.name: {"sha256": digest.hexdigest(), "bytes": end}})
        return path, is_new


def drop_stale(target: Path, kept: Path | None) -> None:
    """Remove the weights of models that stood at `target` before."""
    pattern = re.compile(re.escape(target.name) + r"\.[0-9a-f]{12}\.data")
    for path in target.parent.iterdir():
        if pattern.fullmatch(path.name) and path != kept and path.is_file() and not path.is_symlink():
            path.unlink(missing_ok=True)


def _chunks(arrays: Iterable[np.ndarray[Any, Any]]) -> Iterator[bytes | memoryview]:
    """The arrays' bytes, each from the next page on."""
    offset = 0
    for array in arrays:
        padding = -offset % ALIGNMENT
        yield bytes(padding)
        yield array.reshape(-1).view(np.uint8).data
        offset += padding + array.nbytes


def _point(tensors: Sequence[TensorProto], arrays: Sequence[np.ndarray[Any, Any]], location: str) -> int:
    """Say where in the file each tensor stands; the end of the last."""
    end = 0
    for tensor, array in zip(tensors, arrays, strict=True):
        offset = end + -end % ALIGNMENT
        for key, value in (("location", location), ("offset", str(offset)), ("length", str(array.nbytes))):
            tensor.external_data.add(key=key, value=value)
        end = offset + array.nbytes
    return end


def _holds(path: Path, digest: str) -> bool:
    """Whether a file has this content, and is no other file's name too."""
    if path.is_symlink() or not path.is_file() or path.stat().st_nlink != 1:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest
