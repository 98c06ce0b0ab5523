"""Gradient norms and dead units, against autograd and by hand."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from netspec.backends.torch import build
from netspec.training.pictures.gradients import gradients_svg
from netspec.training.probe import GradientProbe
from netspec.training.run import train
from tests.training.resuming import KillAfter, Killed, resumed, trained
from tests.training.specs import DATA, HEAD, spec_of, write_data

SVG = "{http://www.w3.org/2000/svg}"
TRAIN = f"""\
train:
{DATA}  batch_size: 64
  shuffle: false
  loss: cross_entropy
  optimizer: {{sgd: 0.1}}
  steps: 60
"""


def rows_of(folder: Path, head: str, train_section: str = TRAIN) -> list[dict]:
    run = train(spec_of(head + train_section, folder), directory=folder / "run", observing=GradientProbe.observing)
    ElementTree.parse(run.directory / "gradients.svg")
    return [json.loads(line) for line in (run.directory / "gradients.jsonl").read_text().splitlines()]


def test_norms_are_autograds(tmp_path: Path) -> None:
    images, labels = write_data(tmp_path)
    rows = rows_of(tmp_path, HEAD)
    assert [row["step"] for row in rows] == [*range(1, 21), 25, 50]
    torch.manual_seed(0)
    module = build(spec_of(HEAD, tmp_path).graph)
    x = ((torch.from_numpy(images).float() / 255 - 0.5) / 0.25).unsqueeze(1)
    functional.cross_entropy(module(x), torch.from_numpy(labels)).backward()
    for path in ("conv", "fc"):
        layer = module.get_submodule(path)
        norm = torch.cat([layer.weight.grad.flatten(), layer.bias.grad]).norm()
        assert rows[0]["gradients"][path] == pytest.approx(float(norm), rel=1e-4)
        assert rows[0]["biases"][path] == pytest.approx(float(layer.bias.grad.norm()), rel=1e-4)


def test_frozen_layers_have_no_gradient_to_record(tmp_path: Path) -> None:
    write_data(tmp_path)
    rows = rows_of(tmp_path, HEAD, TRAIN + "  freeze: conv\n")
    assert set(rows[0]["gradients"]) == {"fc"}


@pytest.mark.parametrize(
    ("activation", "low", "high"), [("relu", -9.0, 9.0), ("sigmoid", -40.0, 0.0), ("tanh", -40.0, 0.0)]
)
def test_dead_units_are_counted(tmp_path: Path, activation: str, low: float, high: float) -> None:
    """Of the four channels two have biases that leave them without a slope everywhere."""
    write_data(tmp_path)
    init = f"{{weight: {{constant: 0}}, bias: {{chunks: [{{constant: {low}}}, {{constant: {high}}}]}}}}"
    head = HEAD.replace("kernel_size: 3}}", f"kernel_size: 3}}, init: {init}}}").replace("- relu", f"- {activation}")
    rows = rows_of(tmp_path, head, TRAIN.replace("sgd: 0.1", "sgd: 0"))
    assert all(row["dead"] == {"1": 0.5} for row in rows)


def test_the_picture_has_a_line_for_each_layer(tmp_path: Path) -> None:
    rows = [
        {"step": step, "epoch": 1, "gradients": {f"layer{i}": 10.0**-i for i in range(12)}, "dead": {"relu": 0.25}}
        for step in (1, 2, 3)
    ]
    svg = gradients_svg(rows)
    assert svg is not None
    lines = list(ElementTree.fromstring(svg).iter(f"{SVG}polyline"))
    assert len(lines) == 8 + 1  # of twelve layers eight are drawn, the first and the last among them
    words = [each.text for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    assert "layer0" in words and "layer11" in words and "Dead units" in words
    heights = [float(line.attrib["points"].split()[0].split(",")[1]) for line in lines[:8]]
    assert heights == sorted(heights)  # ever smaller gradients lie ever lower
    assert gradients_svg([]) is None


def test_what_was_recorded_before_a_kill_is_not_lost(tmp_path: Path) -> None:
    write_data(tmp_path)
    spec = spec_of(HEAD + TRAIN, tmp_path)
    trained(spec, tmp_path / "whole", observing=GradientProbe.observing)
    killer = KillAfter(4)
    with pytest.raises(Killed):
        trained(
            spec,
            tmp_path / "run",
            observing=lambda *stage: [*GradientProbe.observing(*stage), killer],
            checkpoint_seconds=0,
        )
    assert [row["step"] for row in recorded(tmp_path / "run")] == [1, 2, 3]
    resumed(tmp_path / "run", observing=GradientProbe.observing)
    assert recorded(tmp_path / "run") == recorded(tmp_path / "whole")


def recorded(directory: Path) -> list[dict]:
    return [json.loads(line) for line in (directory / "gradients.jsonl").read_text().splitlines()]
