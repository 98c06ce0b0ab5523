"""mnist_convnet on ONNX Runtime: netspec's file against the file that torch.onnx writes, and against eager PyTorch.

Bars: no more nodes after ONNX Runtime's own optimisation than for torch.onnx's file, and at most 1.10 x its latency.
"""

from __future__ import annotations

import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import onnx
import onnxruntime as ort
import torch

from benchmarks.harness import compare, report
from netspec.backends.onnx.export import export_onnx
from netspec.backends.torch import build
from netspec.compiler import load

BATCH = 32


def session(path: Path, optimized: Path | None = None) -> Any:
    """One thread, so that CPU time is latency."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def main() -> None:
    torch.set_num_threads(1)
    ort.set_default_logger_severity(4)
    graph = load("mnist_convnet").graph
    module = build(graph).eval()
    images = torch.randn(BATCH, 1, 28, 28)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, peer = Path(folder, "ours.onnx"), Path(folder, "peer.onnx")
        export_onnx(graph, module, ours)
        torch.onnx.export(
            module, (images,), str(peer), dynamo=False, dynamic_axes={"input": {0: "batch"}}, input_names=["input"]
        )
        counts = []
        for path in (ours, peer):
            optimized = path.with_suffix(".optimized.onnx")
            session(path, optimized)
            counts.append(Counter(node.op_type for node in onnx.load(optimized).graph.node))
        sessions = [session(ours), session(peer)]
        array = images.numpy()

        def repeat(run: Any, feed: dict[str, Any]) -> Any:
            return lambda: [run.run(None, feed) for _ in range(50)]

        mine = repeat(sessions[0], {"image": array})
        with torch.no_grad():
            file = compare(mine, repeat(sessions[1], {"input": array}))
            eager = compare(mine, lambda: [module(images) for _ in range(50)])
    report(
        "inference",
        batch=BATCH,
        netspec_ms=file.ours_seconds / 50 * 1e3,
        torch_onnx_ms=file.peer_seconds / 50 * 1e3,
        eager_ms=eager.peer_seconds / 50 * 1e3,
        times_torch_onnx=1 / file.ratio,
        times_faster_than_eager=eager.ratio,
        torch_onnx_against_itself=[round(file.same_low, 3), round(file.same_high, 3)],
        nodes=dict(counts[0]),
        torch_onnx_nodes=dict(counts[1]),
    )


if __name__ == "__main__":
    main()
