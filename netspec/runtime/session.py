"""ONNX Runtime sessions on the device that was asked for, and on no other."""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import Any, Literal

import onnxruntime as ort

from netspec.diagnostics import ModelError, UnavailableError
from netspec.runtime.external import check_external
from netspec.runtime.versions import explain
from netspec.runtime.wire import Outline, WireError, outline

Device = Literal["auto", "cpu", "cuda"]

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
HOW_TO_INSTALL = "pip uninstall -y onnxruntime && pip install onnxruntime-gpu"


def open_session(path: Path, device: Device = "cpu") -> Any:
    """A session of a model file.

    ONNX Runtime gives a CPU session, with no more than a warning, where CUDA was asked for and is not there. So the
    providers are checked before the session is made, and again after.

    Raises:
        ModelError: `model-file`: the file is not there, or ONNX Runtime cannot use it.
        UnavailableError: `unavailable`: CUDA was asked for and is not there.
    """
    available = ort.get_available_providers()
    if device == "cuda" and CUDA not in available:
        message = f"this onnxruntime has no CUDA provider; it has {', '.join(available)}"
        raise UnavailableError.at("--device cuda", "unavailable", message, help=HOW_TO_INSTALL)
    wanted = [CUDA, CPU] if device == "cuda" or (device == "auto" and CUDA in available) else [CPU]
    session = _open(path, wanted)
    if device == "cuda" and CUDA not in session.get_providers():
        message = f"CUDA could not be started; the session has {', '.join(session.get_providers())}"
        help = "check the driver with nvidia-smi, and that the installed onnxruntime-gpu fits the CUDA version"
        raise UnavailableError.at("--device cuda", "unavailable", message, help=help)
    return session


def _open(path: Path, providers: list[str]) -> Any:
    found = look(path)
    check_external(path, found)
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what it has to say comes as an exception
    try:
        return ort.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        message, help = explain(str(error), found)
        raise ModelError.at(str(path), "model-file", message, notes=[first_line(error)], help=help) from None


def look(path: Path) -> Outline:
    """What a model file says of itself, without loading it.

    Raises:
        ModelError: `model-file`: it is not there, empty, or no ONNX model.
    """
    if not path.is_file():
        raise ModelError.at(str(path), "model-file", "no such file", help="`netspec export` writes one")
    if path.stat().st_size == 0:
        raise ModelError.at(str(path), "model-file", "the file is empty")
    try:
        with path.open("rb") as file:
            # Not closed by hand: an error holds on to views of it.
            return outline(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    except WireError as error:
        raise ModelError.at(str(path), "model-file", f"not an ONNX model: {error}") from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ModelError.at(str(path), "model-file", f"cannot read: {reason}") from None


def first_line(error: Exception) -> str:
    """What ONNX Runtime says, without its source paths."""
    lines = str(error).strip().splitlines()
    line = lines[0] if lines else type(error).__name__
    return _SOURCE_PATH.sub("", line)[:200]


# "/onnxruntime_src/onnxruntime/core/graph/model.cc:256 onnxruntime::Model::Model(onnx::ModelProto&&, ...) Unsupported"
_SOURCE_PATH = re.compile(r"/\S+\.(?:cc|h):\d+ .*\) (?=[A-Z])")
