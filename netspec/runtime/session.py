"""ONNX Runtime sessions on the device that was asked for, and on no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import onnxruntime as ort

from netspec.diagnostics import ModelError, UnavailableError

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
    if not path.is_file():
        raise ModelError.at(str(path), "model-file", "no such file", help="`netspec export` writes one")
    if path.stat().st_size == 0:
        raise ModelError.at(str(path), "model-file", "the file is empty")
    options = ort.SessionOptions()
    options.log_severity_level = 4  # what it has to say comes as an exception
    try:
        return ort.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions have no common base
        raise ModelError.at(
            str(path), "model-file", "ONNX Runtime cannot use this file", notes=[first_line(error)]
        ) from None


def first_line(error: Exception) -> str:
    """What ONNX Runtime says, without its source paths."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:200]
