"""`each`: every element of an axis goes through the layer as if it were a sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch

from netspec.backends.onnx import lower
from netspec.backends.torch import build
from netspec.compiler import Spec, compile_source
from netspec.compiler.resolved import spec_text
from netspec.diagnostics import Source
from netspec.ir.verify import verify

HEAD = "netspec: 1\nname: net\ninputs: {x: [T, 1, 6, 6], y: [4]}\n"
EYE = "[{name: c, conv: {out_channels: 2, kernel_size: 3}}, relu, flatten, {name: fc, linear: 4}]"


def spec_of(layers: str, head: str = HEAD) -> Spec:
    spec = compile_source(Source("net.yaml", f"{head}layers:\n{layers}"))
    verify(spec.graph)
    return spec


def network(spec: Spec) -> torch.nn.Module:
    torch.manual_seed(0)
    return build(spec.graph).eval()


def test_it_is_the_layer_on_every_element() -> None:
    module = network(spec_of(f"  - {{name: eye, sequence: {EYE}, each: T, from: x}}\n"))
    x = torch.randn(3, 5, 1, 6, 6)
    with torch.no_grad():
        found = module(x, torch.zeros(3, 4))
        expected = torch.stack([torch.stack([module.eye(frame[None])[0] for frame in video]) for video in x])
    torch.testing.assert_close(found, expected)


def test_what_has_not_got_the_axis_is_read_by_every_element() -> None:
    spec = spec_of(
        f"  - {{name: eye, sequence: {EYE}, each: T, from: x}}\n  - {{name: s, sub, each: T, from: [y, eye]}}\n"
    )
    module = network(spec)
    x, y = torch.randn(3, 5, 1, 6, 6), torch.randn(3, 4)
    with torch.no_grad():
        eye = module.eye(x.flatten(0, 1)).view(3, 5, 4)
        torch.testing.assert_close(module(x, y), y[:, None] - eye)


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_any_axis(axis: int) -> None:
    spec = spec_of(f"  - {{name: s, softmax: 1, each: {axis}, from: x}}\n", HEAD.replace("[T, 1, 6, 6]", "[3, 4, 5]"))
    x = torch.randn(2, 3, 4, 5)
    along = 1 if axis > 1 else 2
    torch.testing.assert_close(network(spec)(x, torch.zeros(2, 4)), x.softmax(along))


def test_batch_statistics_are_those_of_all_elements() -> None:
    module = network(spec_of("  - {name: n, batch_norm, each: T, from: x}\n")).train()
    oracle = torch.nn.BatchNorm2d(1)
    x = torch.randn(3, 5, 1, 6, 6)
    torch.testing.assert_close(module(x, torch.zeros(3, 4)), oracle(x.flatten(0, 1)).view_as(x))
    torch.testing.assert_close(module.n.running_var, oracle.running_var)


LAYERS: list[Callable[[], str]] = [
    lambda: f"  - {{name: eye, sequence: {EYE}, each: T, from: x}}\n  - {{name: s, add, each: T, from: [y, eye]}}\n",
    lambda: "  - {name: c, conv: {out_channels: 2, kernel_size: 3}, each: T, from: x}\n  - {name: p, amax: [3, 4]}\n",
    lambda: (
        "  - {name: q, chunk: 2, each: T, from: x}\n".replace("chunk: 2", "chunk: {chunks: 2, dim: 2}")
        + "  - {name: s, mul, from: [q.0, q.1]}\n"
    ),
]


@pytest.mark.parametrize("layers", LAYERS)
def test_onnx_runtime_computes_the_same(layers: Callable[[], str]) -> None:
    spec = spec_of(layers())
    module = network(spec)
    model = lower(spec.graph, {key: value.numpy() for key, value in module.state_dict().items()})
    run = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for batch, size in ((1, 1), (2, 7), (3, 2)):
        x, y = torch.randn(batch, size, 1, 6, 6), torch.randn(batch, 4)
        feeds = {"x": x.numpy(), "y": y.numpy()}
        [found] = run.run(None, {each.name: feeds[each.name] for each in run.get_inputs()})
        with torch.no_grad():
            np.testing.assert_allclose(found, module(x, y).numpy(), rtol=1e-4, atol=1e-5)


def test_a_whole_spec_on_every_element(tmp_path: Path) -> None:
    (tmp_path / "eye.yaml").write_text("netspec: 1\ninputs: {image: [1, 6, 6]}\nlayers: [flatten, {linear: 4}]\n")
    path = tmp_path / "net.yaml"
    path.write_text(f"{HEAD}layers:\n  - {{name: eye, use: eye.yaml, each: T, from: x}}\n")
    spec = compile_source(Source(str(path), path.read_text()))
    x = torch.randn(2, 3, 1, 6, 6)
    module = network(spec)
    assert {*module.state_dict()} == {"eye.1.weight", "eye.1.bias"}
    found = module(x, torch.zeros(2, 4))
    torch.testing.assert_close(
        found, x.flatten(2) @ module.state_dict()["eye.1.weight"].T + module.state_dict()["eye.1.bias"]
    )


def test_the_resolved_spec_says_it() -> None:
    spec = spec_of(
        f"  - {{name: eye, sequence: {EYE}, each: T, from: x}}\n  - {{name: s, add, each: T, from: [y, eye]}}\n"
    )
    again = compile_source(Source("net.yaml", spec_text(spec.graph, spec.document)))
    assert [(node.path, node.op) for node in again.graph.walk()] == [(node.path, node.op) for node in spec.graph.walk()]
