"""ResNet-152 as a file: writing it and running it, against torch.onnx's of the same module in the same run.

Bars: export at least 10 x faster than `torch.onnx.export` as it is called by default, the proof not counted (with it
still faster); after ONNX Runtime's own optimisation the same nodes or fewer; median latency of single images at most
1.10 x; a training step of the same aten ops as the network written by hand. All times are CPU time.
"""

from __future__ import annotations

import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch

from benchmarks.by_hand import resnet152
from benchmarks.export import timed
from benchmarks.harness import compare, report
from benchmarks.inference import session
from benchmarks.step import ops_of_a_step
from netspec import load
from netspec.backends.onnx.export import export_onnx
from netspec.backends.onnx.lower import lower
from netspec.backends.torch import build
from netspec.ir import Graph


def main() -> None:
    torch.set_num_threads(1)
    ort.set_default_logger_severity(4)
    graph = load("resnet152").graph
    module = build(graph).eval()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, peer = Path(folder, "ours.onnx"), Path(folder, "peer.onnx")
        export(graph, module, ours, peer)
        inference(ours, peer)
    images, labels = torch.randn(2, 3, 64, 64), torch.tensor([1, 2])
    steps = [ops_of_a_step(each, images, labels) for each in (build(graph), resnet152())]
    report("resnet152 step", aten_ops=sum(steps[0].values()), by_hand=sum(steps[1].values()), same=steps[0] == steps[1])


def export(graph: Graph, module: torch.nn.Module, ours: Path, peer: Path) -> None:
    example = torch.randn(1, 3, 224, 224)
    state = {key: tensor.detach().numpy() for key, tensor in module.state_dict().items()}
    alone = timed(lambda: ours.write_bytes(lower(graph, state).SerializeToString(deterministic=True)))
    proven = []
    whole = timed(lambda: proven.append(export_onnx(graph, module, ours)))
    batch = {"input_names": ["image"], "dynamic_axes": {"image": {0: "batch"}}}
    script = timed(lambda: torch.onnx.export(module, (example,), str(peer), dynamo=False, **batch))
    shapes = {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "verbose": False}
    default = timed(lambda: torch.onnx.export(module, (example,), str(peer) + "d", **shapes))
    report(
        "resnet152 export",
        netspec_seconds=alone,
        netspec_seconds_with_proof=whole,
        torch_onnx_seconds=default,
        torch_onnx_script_seconds=script,
        times_faster=default / alone,
        times_faster_with_proof=default / whole,
        times_faster_than_script=script / alone,
        proved=all(each.ok for each in proven[0].differences),
    )


def inference(ours: Path, peer: Path) -> None:
    counts = []
    for path in (ours, peer):
        optimized = path.with_suffix(".optimized.onnx")
        session(path, optimized)
        counts.append(Counter(node.op_type for node in onnx.load(optimized, load_external_data=False).graph.node))
    runs = [session(path) for path in (ours, peer)]
    image = {"image": np.random.default_rng(0).standard_normal((1, 3, 224, 224), np.float32)}
    found = compare(lambda: runs[0].run(None, image), lambda: runs[1].run(None, image))
    report(
        "resnet152 inference",
        netspec_ms=found.ours_seconds * 1e3,
        torch_onnx_ms=found.peer_seconds * 1e3,
        times_torch_onnx=1 / found.ratio,
        torch_onnx_against_itself=[round(found.same_low, 3), round(found.same_high, 3)],
        nodes=dict(counts[0]),
        torch_onnx_nodes=dict(counts[1]),
    )


if __name__ == "__main__":
    main()
