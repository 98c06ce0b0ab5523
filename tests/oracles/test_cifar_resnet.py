"""Trained networks of others, loaded into the specs: the logits of a separate implementation on real images.

The weights are Idelbayev's (pytorch_resnet_cifar10, BSD 2-Clause), the images 200 of CIFAR-10's test images as JPEG;
`reference_outputs.npz` has the logits that another PyTorch implementation gave for them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.numpy import load_file

import netspec
from netspec.cli.program import main
from tests.shared_data import folder

FILES = {
    20: "resnet20-12fca82f.th",
    32: "resnet32-d509ac18.th",
    44: "resnet44-014dd654.th",
    56: "resnet56-4bfd9763.th",
}
RIGHT = {20: 160, 32: 170, 44: 164, 56: 172}
MEAN, STD = (np.array(each, np.float32)[:, None, None] for each in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
EACH = [20, *(pytest.param(depth, marks=pytest.mark.slow) for depth in (32, 44, 56))]


@pytest.fixture(scope="module")
def reference() -> Mapping[str, np.ndarray]:
    with np.load(folder("cifar10-resnet-weights") / "reference_outputs.npz", allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


def images(reference: Mapping[str, np.ndarray]) -> np.ndarray:
    """What the networks read, made without netspec: [200, 3, 32, 32] float32."""
    pixels = reference["images_rgb_uint8"].transpose(0, 3, 1, 2).astype(np.float32)
    return ((pixels / 255 - MEAN) / STD).astype(np.float32)


def converted(depth: int, folder_: Path, tmp_path: Path) -> Path:
    """The checkpoint as safetensors, by the command."""
    weights = tmp_path / f"resnet{depth}.safetensors"
    with pytest.raises(SystemExit) as ended:
        main(["convert", str(folder_ / FILES[depth]), str(weights), "--trust"])
    assert ended.value.code == 0
    return weights


@pytest.mark.parametrize("depth", EACH)
def test_converted_checkpoints_give_the_reference_logits(
    depth: int, reference: Mapping[str, np.ndarray], tmp_path: Path
) -> None:
    weights = converted(depth, folder("cifar10-resnet-weights"), tmp_path)
    batch, logits = images(reference), reference[f"logits_resnet{depth}"]
    module = netspec.build(f"resnet{depth}", initialize=False).eval()
    module.load_state_dict({key: torch.from_numpy(each) for key, each in load_file(weights).items()})
    with torch.no_grad():
        found = module(torch.from_numpy(batch)).numpy()
    assert np.abs(found - logits).max() < 1e-4
    assert int((found.argmax(1) == reference["labels"]).sum()) == RIGHT[depth]
    path = tmp_path / "net.onnx"
    netspec.export_onnx(f"resnet{depth}", path, weights=weights)
    [exported] = onnxruntime.InferenceSession(str(path)).run(None, {"image": batch})
    assert np.abs(exported - logits).max() < 1e-4


def test_the_safetensors_form_has_the_same_tensors(tmp_path: Path) -> None:
    here = folder("cifar10-resnet-weights")
    found, published = load_file(converted(20, here, tmp_path)), load_file(here / "resnet20-12fca82f.safetensors")
    # Older torch counted no batches.
    shared = published.keys() - {key for key in published if key.endswith("num_batches_tracked")}
    assert all(np.array_equal(found[key], published[key]) for key in shared)


@pytest.mark.parametrize("depth", EACH)
def test_the_command_reads_the_images_and_is_as_often_right(
    depth: int, reference: Mapping[str, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classes = sorted(each for each in (folder("cifar10") / "sample" / "test").iterdir() if each.is_dir())
    path = tmp_path / "net.onnx"
    weights = converted(depth, folder("cifar10-resnet-weights"), tmp_path)
    netspec.export_onnx(f"resnet{depth}", path, weights=weights)
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["run", str(path), *map(str, classes), "--format", "json"])
    assert ended.value.code == 0
    predictions = json.loads(capsys.readouterr().out)["predictions"]
    files = [Path(each["input"]) for each in predictions]
    assert [file.name for file in files] == 10 * [f"{index:04}.jpg" for index in range(20)]
    first = [each["classes"][0] for each in predictions]
    logits = reference[f"logits_resnet{depth}"].astype(np.float64)
    expected = np.exp(logits.max(1)) / np.exp(logits).sum(1)
    assert np.abs([each["probability"] for each in first] - expected).max() < 1e-4
    assert sum(each["label"] == file.parent.name for each, file in zip(first, files, strict=True)) == RIGHT[depth]
