"""CIFAR-10 in its three forms, and files that are something else."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from netspec.data.readers.cifar10 import CLASSES, Cifar10
from netspec.lang.folder import Folder
from tests.data.pictures import noise, png, refusal

SHARED = Path("/work/shared/data/cifar10")
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 3, 32, 32), np.uint8)
LABELS = np.array([6, 9, 9, 4, 1, 1, 2, 7, 8, 3, 0, 5], np.uint8)


def batch(start: int, end: int) -> bytes:
    rows = zip(LABELS[start:end], IMAGES[start:end], strict=True)
    return b"".join(bytes([label]) + image.tobytes() for label, image in rows)


@pytest.fixture
def binary(tmp_path: Path) -> Folder:
    (tmp_path / "cifar").mkdir()
    for number in range(5):
        (tmp_path / "cifar" / f"data_batch_{number + 1}.bin").write_bytes(batch(2 * number, 2 * number + 2))
    (tmp_path / "cifar" / "test_batch.bin").write_bytes(batch(10, 12))
    return Folder(tmp_path)


def test_the_binary_version(binary: Folder) -> None:
    train = Cifar10(path="cifar")
    assert str(train.declare(binary)["image"]) == "uint8 [3, 32, 32]"
    assert train.declare(binary)["label"].classes == CLASSES
    loaded = train.load(binary)
    assert np.array_equal(loaded.arrays["image"], IMAGES[:10])
    assert loaded.arrays["label"].tolist() == LABELS[:10].tolist() and loaded.arrays["label"].dtype == np.int64
    test = train.own("test")
    assert test is not None and np.array_equal(test.load(binary).arrays["image"], IMAGES[10:])


def test_batches_that_lie(binary: Folder) -> None:
    path = binary.root / "cifar" / "data_batch_2.bin"
    path.write_bytes(batch(0, 2)[:-1])
    said = refusal(Cifar10(path="cifar").load, binary)
    assert said == "data-file cifar/data_batch_2.bin: 6,145 bytes, expected a number of records of 3,073"
    path.write_bytes(bytes([10]) + batch(0, 1)[1:])
    said = refusal(Cifar10(path="cifar").load, binary)
    assert said == "data-value cifar/data_batch_2.bin: sample 0 (from 0) has the label 10, expected 0 to 9"


def test_folders_and_archives_are_the_same(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "cifar10-jpeg-train.tar.gz", "w:gz") as archive:
        for number in reversed(range(20)):  # the order in the archive plays no part
            name, content = f"train/{CLASSES[number % 10]}/{number:04}.jpg", png(noise(32, 32, seed=number))
            (tmp_path / "folders" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "folders" / name).write_bytes(content)
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    packed = Cifar10(path=".").load(Folder(tmp_path))
    plain = Cifar10(path="folders").load(Folder(tmp_path))
    assert packed.arrays["label"].tolist() == [number // 2 for number in range(20)]
    assert np.array_equal(packed.arrays["image"][0], noise(32, 32, seed=0).transpose(2, 0, 1))
    for name in ("image", "label"):
        assert np.array_equal(packed.arrays[name], plain.arrays[name])


def test_the_pickled_version_is_refused_unread(tmp_path: Path) -> None:
    class Gadget:
        def __reduce__(self) -> object:
            return (open, (str(tmp_path / "canary"), "w"))

    for number in range(1, 6):
        (tmp_path / f"data_batch_{number}").write_bytes(pickle.dumps(Gadget()))
    assert "which is pickled and can run code" in refusal(Cifar10(path=".").load, Folder(tmp_path))
    assert not (tmp_path / "canary").exists()


def test_images_of_another_size_are_named(tmp_path: Path) -> None:
    for name in CLASSES:
        (tmp_path / "train" / name).mkdir(parents=True)
    (tmp_path / "train" / "airplane" / "a.png").write_bytes(png(noise(31, 32)))
    said = refusal(Cifar10(path=".").load, Folder(tmp_path))
    assert said == "data-value ./train/airplane/a.png: 32 x 31 pixels, expected 32 x 32"


def test_nothing_of_cifar(tmp_path: Path) -> None:
    assert "neither data_batch_1.bin nor a folder train" in refusal(Cifar10(path=".").load, Folder(tmp_path))


@pytest.mark.skipif(not SHARED.exists(), reason="CIFAR-10 is not here")
def test_the_real_test_images() -> None:
    loaded = Cifar10(path="cifar10", split="test").load(Folder(SHARED.parent))
    assert loaded.arrays["image"].shape == (10_000, 3, 32, 32)
    assert np.bincount(loaded.arrays["label"]).tolist() == [1000] * 10
    reference = np.load(SHARED.parent / "cifar10-resnet-weights" / "reference_outputs.npz")
    expected = reference["images_rgb_uint8"].transpose(0, 3, 1, 2)
    found = loaded.arrays["image"].reshape(10, 1000, 3, 32, 32)[:, :20].reshape(200, 3, 32, 32)
    assert np.array_equal(found, expected)
    assert np.array_equal(loaded.arrays["label"].reshape(10, 1000)[:, :20].ravel(), reference["labels"])
