"""Recipes for data that is not shipped: checked without it, and run for a step on a few pictures in its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import netspec
from netspec.api import check
from netspec.diagnostics import DataError
from netspec.training.run import train
from tests.catalogue import LARGE
from tests.data.pictures import write_classes

IMAGENET = ["alexnet", "alexnet_torchvision", "googlenet", "googlenet_2014", "resnet18", "resnet50", "vgg11", "zfnet"]
EACH = [pytest.param(name, marks=() if name == "googlenet_2014" else pytest.mark.slow) for name in IMAGENET]


@pytest.mark.parametrize("name", EACH)
def test_a_recipe_for_imagenet_runs_on_pictures_of_any_size(name: str, tmp_path: Path) -> None:
    for split, size in (("train", (300, 260)), ("val", (270, 310))):
        write_classes(tmp_path / "pictures" / split, dict.fromkeys("abcde", 1), size)
    settings = [f"data={tmp_path}/pictures", "classes=5", "train.batch_size=5", "train.epochs=1"]
    spec = netspec.load(name, settings=settings, allowed=[tmp_path])
    run = train(spec, directory=tmp_path / "run", allowed=(tmp_path,), workers=0)
    [last] = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert run.weights.exists() and last["validation_accuracy_top5"] == 1, "one of five classes is among the first five"


def test_a_recipe_for_cifar_runs_on_pictures(tmp_path: Path) -> None:
    from netspec.data.readers.cifar10 import CLASSES

    write_classes(tmp_path / "pictures" / "train", dict.fromkeys(CLASSES, 4), (32, 32))
    settings = [f"data={tmp_path}/pictures", "train.batch_size=12", "train.epochs=1"]
    spec = netspec.load("resnet20", settings=settings, allowed=[tmp_path])
    assert train(spec, directory=tmp_path / "run", allowed=(tmp_path,)).weights.exists()


def test_specs_are_checked_without_their_data_and_not_trained(tmp_path: Path) -> None:
    for name in (*LARGE, "resnet20"):
        assert check(name).ok
    with pytest.raises(DataError, match="cannot read"):
        train(netspec.load("resnet20"), directory=tmp_path / "run")


@pytest.mark.parametrize(
    ("name", "layer", "fan_in", "bias"),
    [
        ("googlenet_2014", "inception3a.branch2.2", 96 * 9, 0.2),
        ("googlenet_2014", "fc", 1024, 0.0),
        ("googlenet_2014", "aux1.fc1", 2048, 0.2),
        ("googlenet_2014", "aux2.fc2", 1024, 0.0),
        ("lenet_caffe", "conv2", 20 * 25, 0.0),
    ],
)
def test_what_caffe_draws_is_uniform_by_the_fan_in(name: str, layer: str, fan_in: int, bias: float) -> None:
    found = netspec.build(netspec.load(name)).get_submodule(layer)
    largest = float(found.weight.detach().abs().max())
    limit = (3 / fan_in) ** 0.5
    assert 0.99 * limit < largest <= 1.000001 * limit
    assert found.bias.tolist() == pytest.approx([bias] * len(found.bias))
