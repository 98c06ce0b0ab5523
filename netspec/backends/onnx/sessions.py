"""Quiet sessions of ONNX Runtime on the CPU."""

from __future__ import annotations

import onnxruntime as ort


def session(model: bytes | str) -> ort.InferenceSession:
    """A session of a model's bytes, or of a file; what it has to say comes as an exception."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
