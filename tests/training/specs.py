"""A small problem for the tests of training: 64 images of 6 x 6 in three classes, bright in different places."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netspec.compiler import Spec, compile_source
from netspec.diagnostics import Diagnostic, Report, Source, SpecError
from netspec.training.plan import TrainPlan
from netspec.training.planner import plan

HEAD = """\
netspec: 1
name: small
inputs:
  image: {shape: [1, 6, 6], preprocess: [{scale: =1/255}, {normalize: {mean: [0.5], std: [0.25]}}]}
layers:
  - {name: conv, conv: {out_channels: 4, kernel_size: 3}}
  - relu
  - flatten
  - {name: fc, linear: 3}
"""
DATA = "  data: {idx: {images: images, labels: labels, classes: 3}}\n"
TRAIN = f"""\
train:
{DATA}  validation: 0.25
  batch_size: 10
  loss: cross_entropy
  optimizer: {{sgd: 0.05}}
  epochs: 3
"""


def write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


def write_data(folder: Path, count: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels, also as files beside the spec."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, count)
    images = rng.integers(0, 120, (count, 6, 6))
    for index, label in enumerate(labels):
        images[index, 2 * label : 2 * label + 2] += 120
    write_idx(folder / "images", images)
    write_idx(folder / "labels", labels)
    return images.astype(np.uint8), labels


def spec_of(text: str, folder: Path) -> Spec:
    """A spec that lies in a folder."""
    path = folder / "small.yaml"
    path.write_text(text)
    return compile_source(Source(str(path), text))


def planned(train: str, folder: Path, head: str = HEAD) -> tuple[TrainPlan | None, tuple[Diagnostic, ...]]:
    """The plan of a train section, and what was found."""
    report = Report()
    try:
        found = plan(spec_of(head + train, folder), report)
    except SpecError as error:  # an expression of the section
        return None, error.diagnostics
    return None if found is None else found.final, report.diagnostics
