"""netspec: a declarative YAML-to-network compiler.

A short YAML file becomes a checked graph, an ordinary PyTorch module, a trained network, an ONNX file proven to
compute the same, and predictions. Importing this package is cheap; each name is loaded when it is first used.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netspec.api import build, check, export_onnx, load, train
    from netspec.compiler.spec import Spec
    from netspec.diagnostics import NetspecError, SpecError
    from netspec.runtime.predictor import Predictor

# ONNX Runtime of PyPI keeps an identity of the machine on disk and sends usage data, unless told before its import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

_HOMES = {
    "NetspecError": "netspec.diagnostics",
    "Predictor": "netspec.runtime.predictor",
    "Spec": "netspec.compiler.spec",
    "SpecError": "netspec.diagnostics",
    "build": "netspec.api",
    "check": "netspec.api",
    "export_onnx": "netspec.api",
    "load": "netspec.api",
    "train": "netspec.api",
}

__all__ = [
    "NetspecError",
    "Predictor",
    "Spec",
    "SpecError",
    "__version__",
    "build",
    "check",
    "export_onnx",
    "load",
    "train",
]


def __getattr__(name: str) -> Any:
    """Load a public name on first use (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'netspec' has no attribute {name!r}")
    from importlib import import_module  # only modules named in the table above

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
