"""The files of an export: all of them or none, none in the place of what is read, large weights beside the model."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

import netspec
from netspec.backends.onnx.export import export_onnx
from netspec.deploy import export
from netspec.diagnostics import DataError, ModelError, NetspecError
from netspec.runtime.predictor import Predictor

WORDS = """\
netspec: 1
inputs: {tokens: {shape: [T], dtype: int64, below: words}}
vocabs: {words: {file: words.txt, size: 3}}
layers:
  - {name: embed, embedding: 4}
  - {name: fc, linear: 3}
export:
  graphs: {front: {outputs: embed}, whole: {}}
  tables: {first.txt: embed.weight, second.txt: embed.weight}
"""
FILES = ("net.front.onnx", "net.whole.onnx", "first.txt", "second.txt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A spec of four files, and others in their places."""
    (tmp_path / "net.yaml").write_text(WORDS)
    (tmp_path / "words.txt").write_text("a\nb\nc\n")
    for name in FILES:
        (tmp_path / name).write_text("what stood here")
    return tmp_path


def assert_untouched(folder: Path) -> None:
    assert [(folder / name).read_text() for name in FILES] == ["what stood here"] * len(FILES)
    assert {each.name for each in folder.iterdir()} == {*FILES, "net.yaml", "words.txt"}


def test_all_files_appear(folder: Path) -> None:
    report = netspec.export_onnx(folder / "net.yaml", folder / "net.onnx")
    assert [each.path.name for each in (report, *report.others)] == list(FILES[:2])
    assert [each.size_bytes for each in (report, *report.others)] == [(folder / n).stat().st_size for n in FILES[:2]]
    assert (folder / "first.txt").read_text() == (folder / "second.txt").read_text() != "what stood here"
    assert {each.name for each in folder.iterdir()} == {*FILES, "net.yaml", "words.txt"}


def test_a_table_that_fails_leaves_the_graphs_too(folder: Path) -> None:
    (folder / "words.txt").write_text("a\nb c\nd\n")
    with pytest.raises(DataError, match="has a blank"):
        netspec.export_onnx(folder / "net.yaml", folder / "net.onnx")
    assert_untouched(folder)


def test_a_graph_that_fails_leaves_the_others(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def strict(graph: Any, module: Any, path: Path, **options: Any) -> Any:
        return export_onnx(graph, module, path, **options | ({"atol": -1.0} if "whole" in path.name else {}))

    monkeypatch.setattr(export, "export_onnx", strict)
    with pytest.raises(ModelError, match="`fc` differs"):
        netspec.export_onnx(folder / "net.yaml", folder / "net.onnx")
    assert_untouched(folder)


@pytest.mark.parametrize(
    ("table", "part"),
    [("words.txt", "reads this file"), ("net.yaml", "reads this file"), ("net.whole.onnx", "two files of the export")],
)
def test_a_file_in_the_place_of_another_is_refused(folder: Path, table: str, part: str) -> None:
    (folder / "net.yaml").write_text(WORDS.replace("second.txt", table))
    with pytest.raises(NetspecError, match=part):
        netspec.export_onnx(folder / "net.yaml", folder / "net.onnx")
    assert_untouched(folder)


IMAGE = """\
netspec: 1
inputs:
  image: {shape: [3, 16, 16], preprocess: [{resize: 16}, {center_crop: 16}, {scale: =1/255}]}
layers:
  - {name: conv, conv: {out_channels: 32, kernel_size: 3, stride: 2}}
  - relu
  - flatten
  - {name: fc, linear: 5}
export: {preprocess: true, after: {fc: [softmax, {top_k: 2}]}}
"""


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kilobyte is large."""
    monkeypatch.setattr(export, "export_onnx", partial(export_onnx, external_bytes=1000))


def test_steps_go_around_a_model_whose_weights_stand_beside_it(tmp_path: Path, beside: None) -> None:
    (tmp_path / "net.yaml").write_text(IMAGE)
    report = netspec.export_onnx(tmp_path / "net.yaml", tmp_path / "net.onnx")
    assert report.external is not None and {*tmp_path.iterdir()} == {
        tmp_path / "net.yaml",
        report.path,
        report.external,
    }
    assert report.size_bytes == report.path.stat().st_size + report.external.stat().st_size
    state = {each.name: onnx.numpy_helper.to_array(each) for each in onnx.load(report.path).graph.initializer}
    module = netspec.build(netspec.load(tmp_path / "net.yaml")).eval()
    module.load_state_dict({key: torch.from_numpy(state[key].copy()) for key in module.state_dict()})
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16), dtype=np.uint8)
    with torch.no_grad():
        expected = module(torch.from_numpy(images) / 255).softmax(1).topk(2)
    values, indices = ort.InferenceSession(report.path).run(["fc.values", "fc.indices"], {"image": images})
    np.testing.assert_allclose(values, expected.values, rtol=1e-4)
    np.testing.assert_array_equal(indices, expected.indices)
    assert [int(row[0].label) for row in Predictor(report.path).classify(images)] == expected.indices[:, 0].tolist()


def test_weights_beside_a_model_are_not_converted(tmp_path: Path, beside: None) -> None:
    (tmp_path / "net.yaml").write_text(IMAGE)
    with pytest.raises(ModelError, match="more than can be converted"):
        netspec.export_onnx(tmp_path / "net.yaml", tmp_path / "net.onnx", precision="float16")
    assert [*tmp_path.iterdir()] == [tmp_path / "net.yaml"]
