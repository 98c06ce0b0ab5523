"""R-31: weights beside a model are read only where they lie in its folder, as one regular file, with the right hash."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto

from netspec.backends.onnx.bundle import Beside
from netspec.backends.onnx.export import ExportReport, export_onnx
from netspec.backends.torch import build
from netspec.compiler import load
from netspec.diagnostics import ModelError
from netspec.runtime.external import METADATA_KEY
from netspec.runtime.predictor import Predictor

GRAPH = load("mnist_convnet").graph


def bundle(folder: Path) -> ExportReport:
    return export_onnx(GRAPH, build(GRAPH), folder / "net.onnx", external_bytes=1000)


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        Predictor(path)
    assert caught.value.diagnostics[0].code == "model-file"
    return caught.value.diagnostics[0].message


def moved(path: Path, location: str, *, keep_promise: bool = False) -> None:
    """Let the model's tensors lie elsewhere."""
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    if not keep_promise:
        kept = [each for each in model.metadata_props if each.key != METADATA_KEY]
        del model.metadata_props[:]
        model.metadata_props.extend(kept)
    path.write_bytes(model.SerializeToString())


def test_a_bundle_runs_and_says_its_hash(tmp_path: Path) -> None:
    report = bundle(tmp_path)
    assert report.external is not None and sorted(tmp_path.iterdir()) == [report.path, report.external]
    assert report.size_bytes == sum(each.stat().st_size for each in tmp_path.iterdir())
    predictor = Predictor(report.path)
    promise = json.loads(predictor.metadata[METADATA_KEY])
    assert promise[report.external.name]["bytes"] == report.external.stat().st_size
    x = {"image": np.zeros((2, 1, 28, 28), np.float32)}
    plain = export_onnx(GRAPH, build(GRAPH), tmp_path / "plain.onnx")
    assert predictor.predict(x)["6"].shape == Predictor(plain.path).predict(x)["6"].shape


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    report = bundle(tmp_path)
    assert report.external is not None
    data = bytearray(report.external.read_bytes())
    for place in np.random.default_rng(0).integers(0, len(data) * 8, 40):
        data[place // 8] ^= 1 << (place % 8)
        report.external.write_bytes(data)
        assert "its sha256 is not the one in the model" in refused(report.path)
        data[place // 8] ^= 1 << (place % 8)
    report.external.write_bytes(data[:-1])
    assert "the model expects" in refused(report.path)
    report.external.unlink()
    assert "cannot be read: no such file" in refused(report.path)


def test_a_hard_link_is_refused_which_onnxruntime_follows(tmp_path: Path) -> None:
    report = bundle(tmp_path)
    assert report.external is not None
    secret = tmp_path / "elsewhere" / "secret"
    secret.parent.mkdir()
    shutil.move(report.external, secret)
    os.link(secret, report.external)
    ort.InferenceSession(report.path)  # what makes our own check necessary
    assert "is a hard link" in refused(report.path)


def test_symbolic_links_directories_and_pipes_are_refused(tmp_path: Path) -> None:
    report = bundle(tmp_path)
    assert report.external is not None
    inside = tmp_path / "inside"
    shutil.move(report.external, inside)
    os.symlink(inside, report.external)
    assert "cannot be read" in refused(report.path)
    report.external.unlink()
    report.external.mkdir()
    assert "cannot be read" in refused(report.path) or "no regular file" in refused(report.path)
    report.external.rmdir()
    os.mkfifo(report.external)
    assert "no regular file" in refused(report.path)


PATHS = [
    "../secret", "/etc/passwd", "a/b", "./x", "..", ".", "", "a/../x", "..\\secret", "C:\\x", "\\\\host\\share", "a//b",
    "/proc/self/mem", "/dev/zero", "file:///etc/passwd", "sub/", "~/x/y", "../" * 40 + "etc/passwd", "x/" * 500,
    "*/_ORT_MEM_ADDR_/*",
]  # fmt: skip


@pytest.mark.parametrize("location", PATHS)
@pytest.mark.parametrize("keep_promise", [True, False])
def test_paths_that_lead_out_are_refused(tmp_path: Path, location: str, keep_promise: bool) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "secret").write_bytes(b"x" * 2_000_000)
    report = bundle(tmp_path / "deep")
    moved(report.path, location, keep_promise=keep_promise)
    assert "no file name beside the model" in refused(report.path)


@pytest.mark.parametrize("promise", ["{", "[]", '{"a": 1}', "[" * 100_000])
def test_promises_that_are_none_are_refused(tmp_path: Path, promise: str) -> None:
    path = bundle(tmp_path).path
    model = onnx.load(path, load_external_data=False)
    next(each for each in model.metadata_props if each.key == METADATA_KEY).value = promise
    path.write_bytes(model.SerializeToString())
    assert "`netspec.external` is not what netspec writes" in refused(path)


def test_tensors_in_attributes_and_bodies_are_seen(tmp_path: Path) -> None:
    tensor = TensorProto(name="t", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../out")
    constant = onnx.helper.make_node("Constant", [], ["c"])
    constant.attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t.CopyFrom(tensor)
    body = onnx.helper.make_graph([constant], "body", [], [onnx.ValueInfoProto(name="c")])
    branch = onnx.helper.make_node("If", ["x"], ["y"], then_branch=body, else_branch=body)
    x = onnx.helper.make_tensor_value_info("x", TensorProto.BOOL, [])
    y = onnx.helper.make_tensor_value_info("y", TensorProto.FLOAT, [4])
    model = onnx.helper.make_model(onnx.helper.make_graph([branch], "g", [x], [y]), ir_version=10)
    (tmp_path / "x.onnx").write_bytes(model.SerializeToString())
    assert "'../out'" in refused(tmp_path / "x.onnx")


def test_a_second_export_of_the_same_weights_uses_the_file_and_another_replaces_it(tmp_path: Path) -> None:
    module = build(GRAPH)
    first = export_onnx(GRAPH, module, tmp_path / "net.onnx", external_bytes=1000)
    assert first.external is not None
    inode = first.external.stat().st_ino
    again = export_onnx(GRAPH, module, tmp_path / "net.onnx", external_bytes=1000)
    assert again.external == first.external and first.external.stat().st_ino == inode
    other = export_onnx(GRAPH, build(GRAPH), tmp_path / "net.onnx", external_bytes=1000)
    assert sorted(tmp_path.iterdir()) == sorted([other.path, other.external])


def test_a_link_that_waits_where_weights_go_is_not_written_through(tmp_path: Path) -> None:
    """On save: the data's name is a link to somebody's file."""
    module = build(GRAPH)
    name = export_onnx(GRAPH, module, tmp_path / "net.onnx", external_bytes=1000).external
    assert name is not None
    name.unlink()
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    os.symlink(victim, name)
    export_onnx(GRAPH, module, tmp_path / "net.onnx", external_bytes=1000)
    assert victim.read_bytes() == b"mine" and not name.is_symlink()
    Predictor(tmp_path / "net.onnx")


def test_a_stop_between_weights_and_model_leaves_the_old_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = bundle(tmp_path)
    before = {each: each.read_bytes() for each in tmp_path.iterdir()}

    write = Beside.write

    def stop(beside: Beside, model: onnx.ModelProto, target: Path) -> None:
        write(beside, model, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Beside, "write", stop)
    with pytest.raises(KeyboardInterrupt):
        bundle(tmp_path)
    assert {each: each.read_bytes() for each in before} == before
    Predictor(report.path)


@pytest.mark.slow
def test_more_than_two_gibibytes_come_back(tmp_path: Path) -> None:
    """R-49: what no protobuf message holds."""
    import torch

    from netspec.compiler import compile_source
    from netspec.diagnostics import Source

    text = "{netspec: 1, inputs: {x: [24000]}, layers: [{name: fc, linear: {out_features: 23500, bias: false}}]}"
    graph = compile_source(Source("large.yaml", text)).graph
    module = build(graph, initialize=False)
    weight = next(module.parameters())
    with torch.no_grad():
        weight.zero_()
        weight.view(-1)[:: 24001 * 7] = 0.5
    assert weight.numel() * 4 > 2.1 * 2**30
    report = export_onnx(graph, module, tmp_path / "large.onnx")
    assert report.external is not None and report.size_bytes > 2.1 * 2**30
    x = np.random.default_rng(0).standard_normal((1, 24000)).astype(np.float32)
    found = Predictor(report.path).predict({"x": x})["fc"]
    np.testing.assert_allclose(found, module(torch.from_numpy(x)).detach().numpy(), rtol=1e-4, atol=1e-5)
