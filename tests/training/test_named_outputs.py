"""Outputs by the words of blocks, in losses, metrics, targets and graphs that are exported."""

from __future__ import annotations

import json
import re
from pathlib import Path

import onnxruntime
import pytest

import netspec
from netspec.compiler.named import named_values
from netspec.compiler.passes.deployed import deployed
from tests.training.specs import DATA, planned, spec_of, write_data

HEAD = """\
netspec: 1
name: small
inputs:
  image: {shape: [1, 6, 6], preprocess: [{scale: =1/255}]}
blocks:
  heads:
    layers:
      - {name: wide, linear: 8}
      - {name: logits, linear: 3}
      - {name: back, linear: 36}
    outputs: {features: wide, wide: logits, image: back}
layers:
  - {name: pixels, flatten}
  - {name: a, heads}
  - {name: halves, chunk: 2, from: a.features}
outputs: {first: halves}
"""
TRAIN = f"""\
train:
{DATA}  batch_size: 16
  loss:
    - {{cross_entropy: {{output: a.wide, target: label}}}}
    - {{mse_loss: {{output: a.image, target: pixels}}}}
    - {{value: halves.1}}
  metrics: [{{mae: {{output: halves.0, target: halves.1}}}}, {{accuracy: {{output: a.wide}}}}]
  optimizer: {{sgd: 0.05}}
  steps: 3
"""


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> None:
    write_data(tmp_path)


def test_losses_metrics_and_targets_name_outputs_by_the_words_of_their_block(tmp_path: Path) -> None:
    plan, found = planned(TRAIN, tmp_path, HEAD)
    assert not found and plan is not None
    assert [(*term.output.type.shape,) for term in plan.terms] == [(3,), (36,), (4,)]
    assert [(*each.output.type.shape,) for each in plan.measures if each.metric.label != "confusion"] == [(4,), (3,)]


def test_a_word_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    _, found = planned(TRAIN.replace("a.image", "a.imag"), tmp_path, HEAD)
    assert [(each.code, each.help) for each in found] == [("unknown-name", "did you mean `a.image`?")]


def test_they_are_trained_by_these_names(tmp_path: Path) -> None:
    spec_of(HEAD + TRAIN, tmp_path)
    netspec.train(tmp_path / "small.yaml", directory=tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert {"mae", "accuracy"} <= {word for row in rows for key in row for word in re.split("[^a-z]+", key)}


def test_graphs_of_a_file_of_their_own_name_them_too(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(
        HEAD + "export: {graphs: {c: {inputs: [image], outputs: [a.wide, a.features]}}}\n"
    )
    netspec.export_onnx(tmp_path / "small.yaml", tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "net.c.onnx")
    shapes = [each.shape[1:] for each in session.get_outputs()]
    assert shapes == [[3], [8]]


def test_words_of_what_exists_in_training_only_are_not_deployed(tmp_path: Path) -> None:
    text = HEAD.replace("{name: logits, linear: 3}", "{name: logits, linear: 3, only: train}")
    graph = spec_of(
        text.replace("- {name: back, linear: 36}", "- {name: back, linear: 36, from: wide}"), tmp_path
    ).graph
    assert "a.wide" in named_values(graph)
    assert named_values(graph)["a.wide"].type.shape == (3,)
    assert named_values(deployed(graph))["a.wide"].type.shape == (8,)  # the layer inside


def test_what_is_of_single_elements_of_an_axis_is_no_output_of_a_loss(tmp_path: Path) -> None:
    text = """\
netspec: 1
inputs: {image: {shape: [1, 6, 6], preprocess: [{scale: =1/255}]}}
layers: [{name: rows, each: 2, sequence: [{name: a, linear: 3}, relu]}, {name: m, mean: [1, 2]}]
"""
    _, found = planned(
        TRAIN[: TRAIN.index("  loss")]
        + """\
  loss: {cross_entropy: {output: rows.a, target: label}}
  optimizer: {sgd: 0.05}
  steps: 3
""",
        tmp_path,
        text,
    )
    assert [each.message for each in found] == ["no layer is called `rows.a`"]
