"""Images of a run: reconstructions beside their inputs, and what is drawn from noise."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from netspec.compiler import load
from netspec.training.pictures.images import reconstructions_svg, samples_svg
from netspec.training.run import train
from netspec.training.shown import _drawn, _reconstruction
from tests.training.specs import DATA, spec_of, write_data


def images(svg: str) -> list[np.ndarray]:
    found = re.findall(r'href="data:image/png;base64,([^"]+)"', svg)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))) for each in found]


def test_pictures_hold_the_pixels() -> None:
    x = torch.tensor([[[[0.0, 1.0], [0.5, 0.0]]], [[[1.0, 1.0], [0.0, 0.0]]]])
    y = torch.tensor([[[[0.0, 2.0], [0.5, -1.0]]], [[[1.0, 1.0], [0.0, 0.0]]]])
    svg = reconstructions_svg(x, y, "validation")
    ElementTree.fromstring(svg)
    assert "squared error 1 an image" in svg  # (2 - 1)**2 + (-1 - 0)**2 over two images
    first, second, third, fourth = images(svg)
    assert first.tolist() == [[0, 255], [128, 0]] and second.tolist() == [[255, 255], [0, 0]]
    assert third.tolist() == [[0, 255], [128, 0]] and fourth.tolist() == second.tolist()
    colours = samples_svg(torch.rand(11, 3, 4, 4))
    assert [each.shape for each in images(colours)] == [(4, 4, 3)] * 11


@pytest.mark.parametrize(
    ("name", "made", "drawn"),
    [
        ("mnist_vae", ("image", "sampled"), "sampled"),
        ("mnist_gan", None, "generator.8"),
        ("deep_autoencoder", ("image", "again"), None),
        ("mnist_convnet", None, None),
    ],
)
def test_what_there_is_to_see(name: str, made: tuple[str, str] | None, drawn: str | None) -> None:
    graph = load(name).graph
    pair, noise = _reconstruction(graph), _drawn(graph)
    assert (pair and pair[0].name) == (made and made[0])
    assert (noise and noise.name) == drawn
    assert pair is None or pair[1] is graph.outputs[0]


HEAD = """\
netspec: 1
name: small
inputs:
  image: {shape: [1, 6, 6], preprocess: [{scale: =1/255}]}
  z: {shape: [2], sample: uniform}
layers:
  - {name: flat, from: image, flatten}
  - {name: code, linear: 2}
  - {name: decoder, sequence: [{linear: 36}, {unflatten: {dim: 1, unflattened_size: [1, 6, 6]}}]}
  - {name: drawn, call: decoder, from: z}
outputs: {again: decoder, sample: drawn}
"""


def test_a_run_shows_both(tmp_path: Path) -> None:
    write_data(tmp_path)
    text = f"train:\n{DATA}  loss: {{mse_loss: {{target: image}}}}\n  optimizer: {{adam: 0.01}}\n  epochs: 1\n"
    run = train(spec_of(HEAD + text, tmp_path), directory=tmp_path / "run")
    assert len(images((run.directory / "reconstructions.svg").read_text())) == 24
    assert len(images((run.directory / "samples.svg").read_text())) == 64
    again = train(spec_of(HEAD + text, tmp_path), directory=tmp_path / "again")
    assert run.last.read_bytes() == again.last.read_bytes()
    for name in ("reconstructions.svg", "samples.svg"):
        assert (run.directory / name).read_text() == (again.directory / name).read_text()
