"""An export that computes something else is refused, names the layer, and leaves what stood there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from netspec.backends.onnx.export import export_onnx
from netspec.backends.onnx.parity import first_difference, random_inputs
from netspec.backends.torch import build as build_module
from netspec.compiler import load
from netspec.compiler.passes import rewrite
from netspec.diagnostics import ModelError, NetspecError
from netspec.ir import DType, Graph, Node, TensorType, Value
from netspec.ops.activation import Relu
from netspec.ops.linear import Linear
from netspec.ops.norm_axis import LayerNorm

GRAPH = load("mnist_convnet").graph


def exported(path: Path, **options: Any) -> Any:
    return export_onnx(GRAPH, build_module(rewrite(GRAPH)), path, **options)


def test_the_report_holds_every_output_at_every_batch_size(tmp_path: Path) -> None:
    report = exported(tmp_path / "net.onnx", metadata={"netspec.name": "digits"})
    assert [(each.output, each.batch, each.ok) for each in report.differences] == [
        ("6", 1, True),
        ("6", 2, True),
        ("6", 7, True),
    ]
    assert report.size_bytes == (tmp_path / "net.onnx").stat().st_size
    assert list(tmp_path.iterdir()) == [tmp_path / "net.onnx"]
    session = ort.InferenceSession(tmp_path / "net.onnx")
    assert session.get_modelmeta().custom_metadata_map == {"netspec.name": "digits"}


@pytest.mark.filterwarnings("ignore")  # of the peer's exporter
def test_it_is_what_torch_onnx_writes_too(tmp_path: Path) -> None:
    module = build_module(GRAPH).eval()
    export_onnx(GRAPH, module, tmp_path / "ours.onnx")
    x = torch.randn(2, 1, 28, 28)
    program = torch.onnx.export(module, (x,), dynamo=True, verbose=False)
    assert program is not None
    program.save(tmp_path / "peer.onnx")
    (name,) = (each.name for each in onnx.load(tmp_path / "peer.onnx").graph.input)
    (ours,) = ort.InferenceSession(tmp_path / "ours.onnx").run(None, {"image": x.numpy()})
    (peer,) = ort.InferenceSession(tmp_path / "peer.onnx").run(None, {name: x.numpy()})
    assert np.abs(ours - peer).max() <= 1e-5 + 1e-4 * np.abs(peer).max()


def test_a_wrong_lowering_is_found_and_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "net.onnx"
    target.write_bytes(b"what stood here")
    right = Linear.to_onnx
    monkeypatch.setattr(Linear, "to_onnx", lambda self, g, input, p: g.Abs(right(self, g, input, p)))
    with pytest.raises(ModelError) as caught:
        exported(target)
    (found,) = caught.value.diagnostics
    assert found.code == "parity"
    assert found.message.startswith("the output `6` differs from PyTorch's by ")
    assert found.notes[0].startswith("the first layer that differs is `4`, by ")
    assert target.read_bytes() == b"what stood here"
    assert list(tmp_path.iterdir()) == [target]


def test_an_output_that_is_not_finite_is_no_parity(tmp_path: Path) -> None:
    module = build_module(GRAPH)
    with torch.no_grad():
        module.get_submodule("6").bias.fill_(torch.nan)
    with pytest.raises(ModelError, match="differs"):
        export_onnx(GRAPH, module, tmp_path / "net.onnx")
    assert list(tmp_path.iterdir()) == []


def test_the_module_keeps_its_mode(tmp_path: Path) -> None:
    module = build_module(GRAPH).train()
    module.get_submodule("5").eval()
    export_onnx(GRAPH, module, tmp_path / "net.onnx")
    assert module.training
    assert not module.get_submodule("5").training


def test_large_weights_stand_in_a_file_beside(tmp_path: Path) -> None:
    module = build_module(GRAPH)
    inside = export_onnx(GRAPH, module, tmp_path / "inside.onnx")
    beside = export_onnx(GRAPH, module, tmp_path / "beside.onnx", external_bytes=1000)
    (data,) = tmp_path.glob("beside.onnx.*.data")
    assert data.stat().st_size > 1_000_000 > (tmp_path / "beside.onnx").stat().st_size
    assert abs(inside.size_bytes - beside.size_bytes) < 10_000
    x = {"image": np.random.default_rng(0).standard_normal((2, 1, 28, 28), dtype=np.float32)}
    a, b = (ort.InferenceSession(path).run(None, x)[0] for path in (inside.path, beside.path))
    np.testing.assert_array_equal(a, b)


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NetspecError, match="cannot write"):
        exported(tmp_path / "no" / "net.onnx")


def test_the_file_says_what_it_was_made_of(tmp_path: Path) -> None:
    import netspec

    netspec.export_onnx("mnist_convnet", tmp_path / "net.onnx")
    said = ort.InferenceSession(tmp_path / "net.onnx").get_modelmeta().custom_metadata_map
    assert said["netspec.spec"] == netspec.load("mnist_convnet").source.text
    assert json.loads(said["netspec.labels"])["6"] == list("0123456789")
    assert json.loads(said["netspec.preprocess"])["image"][0] == {"scale": 1 / 255}
    assert said["netspec.activation"] == "softmax"


def test_parity_is_tried_on_all_indices(build: Any) -> None:
    """A row that no random input reads is not proven."""
    graph = build(tokens=TensorType((50,), DType.INT64, below=9), flag=TensorType((50,), DType.INT64), y=(50, 4))
    drawn = random_inputs(Graph("net", graph.inputs, (), ()), 7, {})
    assert set(drawn["tokens"].flatten().tolist()) == set(range(9))
    assert set(drawn["flag"].flatten().tolist()) == {0, 1}


def test_a_module_that_sees_the_axes_in_another_order_is_not_blamed(
    build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`layer_norm: {dim: 1}` calls its module on the permuted input, and `shared` is called twice."""
    net = build(x=(6, 6))
    net.add("norm", LayerNorm(dim=1))
    shared = net.add("shared", Linear(out_features=6))
    net.nodes.append(Node("again", Linear(out_features=6), (shared,), (Value("again", shared.type),), owner="shared"))
    net.add("last", Relu())
    graph = net.graph()
    module = build_module(graph).eval()
    state = {key: each.detach().numpy() for key, each in module.state_dict().items()}
    assert first_difference(graph, module, state, 20, 1e-5, 1e-4) is None
    right = Relu.to_onnx
    monkeypatch.setattr(Relu, "to_onnx", lambda self, g, input, p: g.Neg(right(self, g, input, p)))
    found = first_difference(graph, module, state, 20, 1e-5, 1e-4)
    assert found is not None and found.output == "last"
