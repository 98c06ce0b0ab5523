"""Exporting a net of 150 layers to ONNX against torch.onnx.export of the same module in the same run.

Bar: at least 10 x faster, with outputs equal to max|a - b| <= 1e-5 + 1e-4 max|b|.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch

from benchmarks.harness import report
from netspec.backends.onnx.export import export_onnx
from netspec.backends.torch import build
from netspec.compiler import compile_source
from netspec.diagnostics import Source

LAYERS = 150


def spec_text() -> str:
    """Fifty times convolution, batch norm, ReLU."""
    block = "  - conv: {out_channels: 16, kernel_size: 3, padding: 1, bias: false}\n  - batch_norm\n  - relu\n"
    return "netspec: 1\nname: deep\ninputs: {image: [16, 16, 16]}\nlayers:\n" + block * (LAYERS // 3)


def timed(work: Any) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    graph = compile_source(Source("deep.yaml", spec_text())).graph
    module = build(graph).eval()
    example = torch.randn(2, 16, 16, 16)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, peer = Path(folder, "ours.onnx"), Path(folder, "peer.onnx")
        export_onnx(graph, module, ours)  # imports and caches are paid outside of the comparison
        seconds = timed(lambda: export_onnx(graph, module, ours))
        again = export_onnx(graph, module, ours)
        dynamic = {"dynamo": True, "dynamic_shapes": ({0: torch.export.Dim("batch")},), "verbose": False}
        dynamo = timed(lambda: torch.onnx.export(module, (example,), str(peer), **dynamic))
        script = timed(lambda: torch.onnx.export(module, (example,), str(peer) + "s", dynamo=False))
        a, b = (ort.InferenceSession(str(path)).run(None, feed(path, example))[0] for path in (ours, peer))
    apart, limit = float(np.abs(a - b).max()), float(1e-5 + 1e-4 * np.abs(b).max())
    report(
        "export",
        layers=LAYERS,
        netspec_cpu_seconds=seconds,
        netspec_lower_seconds=again.lower_seconds,
        torch_onnx_dynamo_cpu_seconds=dynamo,
        torch_onnx_script_cpu_seconds=script,
        times_faster_than_dynamo=dynamo / seconds,
        times_faster_than_script=script / seconds,
        times_faster_than_script_without_proof=script / again.lower_seconds,
        max_abs_diff=apart,
        limit=limit,
        same=apart <= limit,
    )


def feed(path: Path, example: torch.Tensor) -> dict[str, Any]:
    (name,) = (each.name for each in ort.InferenceSession(str(path)).get_inputs())
    return {name: example.numpy()}


if __name__ == "__main__":
    main()
