"""Pictures of a run: what they show, and that names cannot break out of them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
import torch
from torch import nn

from netspec.training.pictures.confusion import confusion_svg
from netspec.training.pictures.curves import curves_svg
from netspec.training.pictures.filters import filters_svg
from netspec.training.pictures.svg import ticks

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.92, 1.0, [0.92, 0.94, 0.96, 0.98, 1]),
        (1, 8, [2, 4, 6, 8]),
        (-3e-5, 7e-5, [-2e-5, 0, 2e-5, 4e-5, 6e-5]),
        (0, 12345, [0, 5000, 10000]),
        (2, 2, [2]),
    ],
)
def test_marks_are_round_numbers(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_curves_show_both_splits_of_every_number() -> None:
    rows = [
        {"step": 5, "epoch": 1.0, "lr": 0.1, "train_loss": 2.0, "validation_loss": 1.5, "validation_accuracy": 0.5},
        {"step": 10, "epoch": 2.0, "lr": 0.1, "train_loss": 1.0, "validation_loss": 1.25, "validation_accuracy": 0.75},
    ]
    svg = curves_svg(rows)
    assert svg is not None
    assert [word for word in words(svg) if word[0].isalpha()] == [
        *("Loss", "train 1.0000", "validation 1.2500", "epoch"),
        *("Accuracy", "validation 0.7500", "epoch"),
    ]
    lines = ElementTree.fromstring(svg).iter(f"{SVG}polyline")
    heights = [[float(point.split(",")[1]) for point in line.attrib["points"].split()] for line in lines]
    assert len(heights) == 3 and heights[0][0] < heights[0][1]  # the loss falls, and y counts downwards
    assert curves_svg(rows[:1]) is not None and curves_svg([]) is None


def test_confusion_shows_every_count() -> None:
    svg = confusion_svg([[7, 0, 1], [0, 0, 0], [2, 0, 10]], ["a", "<b>&\"'", "ccccccccccccccc"])
    found = words(svg)
    assert "17 of 20 right (85.00%)" in found
    assert sorted(word for word in found if word.isdigit()) == ["1", "10", "2", "7"]
    assert [word for word in found if word.endswith("%")] == ["87.5%", "83.3%"]
    assert found.count("<b>&\"'") == 2 and found.count("cccccccccc") == found.count("ccccc…") == 1


def test_filters_are_white_where_negative_and_black_where_positive() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 2), nn.Flatten())
    network[0].weight.data = torch.tensor([[[[1.0, -1.0], [0.0, 0.5]]], [[[0.0, 0.0], [0.0, 0.0]]]])
    svg = filters_svg(network)
    assert svg is not None
    fills = [fill for fill in re.findall(r'fill="(#[0-9a-f]{6})"', svg) if fill[1:3] == fill[3:5] == fill[5:7]]
    assert fills[1:5] == ["#000000", "#ffffff", "#808080", "#404040"] and fills[5:] == ["#808080"] * 4
    assert filters_svg(nn.Sequential(nn.Conv2d(3, 4, 3))) is not None


@pytest.mark.parametrize("network", [nn.Linear(2, 2), nn.Conv2d(2, 2, 3), nn.Conv2d(1, 2, 1), nn.ReLU()])
def test_no_filters_where_there_are_none(network: nn.Module) -> None:
    assert filters_svg(nn.Sequential(network)) is None
