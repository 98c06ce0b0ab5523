"""The trained ResNet-20 for CIFAR-10 in int8: calibrated on training images, held to 200 test images.

Data and weights are no part of netspec: the test looks for them where `NETSPEC_TEST_DATA` says, or beside the project.
"""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec.runtime.predictor import Predictor

DATA = Path(os.environ.get("NETSPEC_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
WEIGHTS = DATA / "cifar10-resnet-weights"
ARCHIVE = DATA / "cifar10" / "cifar10-jpeg-train.tar.xz"

pytestmark = pytest.mark.skipif(
    not (WEIGHTS.is_dir() and ARCHIVE.is_file()), reason="no CIFAR-10 data beside the project"
)

SPEC = """\
netspec: 1
extends: resnet20
export:
  preprocess: true
  precision: {int8: {calibrate: {image_folder: {path: train}}, samples: 200, held_out: 200, max_drop: 0.02}}
"""
EACH = 40


def unpack(folder: Path) -> None:
    """The first training images of each class."""
    names = {f"train/{name}/{i:04}.jpg" for name in CLASSES for i in range(EACH)}
    with tarfile.open(ARCHIVE) as archive:
        members = [each for each in archive if each.isfile() and each.name.removeprefix("./") in names]
        archive.extractall(folder, members, filter="data")


CLASSES = "airplane automobile bird cat deer dog frog horse ship truck".split()


@pytest.mark.slow
def test_int8_loses_at_most_two_of_its_right_answers(tmp_path: Path) -> None:
    unpack(tmp_path)
    (tmp_path / "net.yaml").write_text(SPEC)
    report = netspec.export_onnx(
        tmp_path / "net.yaml", tmp_path / "int8.onnx", weights=WEIGHTS / "resnet20-12fca82f.safetensors"
    )
    with np.load(WEIGHTS / "reference_outputs.npz") as reference:
        images, labels = reference["images_rgb_uint8"].transpose(0, 3, 1, 2), reference["labels"]
        right = reference["logits_resnet20"].argmax(1) == labels
    found = Predictor(report.path).predict(np.ascontiguousarray(images))["linear"].argmax(1) == labels
    assert right.sum() == 160 and report.facts["int8"]["samples"] == 200
    assert found.sum() >= 158 and (right & ~found).sum() <= 2
