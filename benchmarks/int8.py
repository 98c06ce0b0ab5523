"""ConvNets in int8 against the same file in float32, on ONNX Runtime with one thread.

Bar: at most 0.65 x the time of float32. The ratio does not depend on weights or data, so both are random here; what
int8 costs in accuracy is tested on real data.
"""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import torch

from benchmarks.harness import compare, report
from netspec.backends.onnx import lower
from netspec.backends.onnx.int8 import quantize
from netspec.backends.torch import build
from netspec.compiler import load

# A network, and samples of a batch.
CASES = (("resnet20", 1), ("resnet20", 32), ("mnist_convnet", 32), ("mobilenet_v2", 1))


def session(data: bytes) -> ort.InferenceSession:
    """One thread, so that CPU time is latency."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def measure(name: str, batch: int) -> None:
    graph = load(name).graph
    plain = lower(graph, {key: tensor.numpy() for key, tensor in build(graph).eval().state_dict().items()})
    (value,) = graph.inputs
    shape = [size for size in value.type.shape if isinstance(size, int)]
    images = np.random.default_rng(0).standard_normal((max(8, batch), *shape)).astype(np.float32)
    found = quantize(plain, [{value.name: images[:8]}])
    ours, peer = (session(model.SerializeToString()) for model in (found, plain))
    feed = {value.name: images[:batch]}
    count = max(1, 100 // batch) if shape[-1] < 64 else 1
    timed = compare(
        lambda: [ours.run(None, feed) for _ in range(count)], lambda: [peer.run(None, feed) for _ in range(count)]
    )
    report(
        "int8",
        network=name,
        batch=batch,
        int8_ms=timed.ours_seconds / count * 1e3,
        float32_ms=timed.peer_seconds / count * 1e3,
        times_float32=1 / timed.ratio,
        float32_against_itself=[round(timed.same_low, 3), round(timed.same_high, 3)],
    )


def main() -> None:
    torch.manual_seed(0)
    for name, batch in CASES:
        measure(name, batch)


if __name__ == "__main__":
    main()
