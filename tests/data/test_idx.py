"""MNIST as it is known to be, and IDX files that lie."""

from __future__ import annotations

import contextlib
import gzip
import os
import random
from pathlib import Path

import numpy as np
import pytest

from netspec.data.idx_file import read, read_header
from netspec.data.readers import READERS, Reader
from netspec.data.readers.idx import Idx
from netspec.data.readers.mnist import Mnist
from netspec.data.samples import Samples
from netspec.diagnostics import DataError
from netspec.lang.folder import Folder

IMAGES = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (5, 2, 3)) + bytes(range(30))
LABELS = bytes([0, 0, 8, 1]) + (5).to_bytes(4, "big") + bytes([0, 2, 1, 1, 0])


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "images").write_bytes(IMAGES)
    (tmp_path / "images.gz").write_bytes(gzip.compress(IMAGES))
    (tmp_path / "labels").write_bytes(LABELS)
    return Folder(tmp_path)


def refused(reader: Reader, folder: Folder, code: str = "data-file") -> str:
    with pytest.raises(DataError) as caught:
        reader.load(folder)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == code and diagnostic.place
    return f"{diagnostic.place}: {diagnostic.message}"


def test_mnist_is_mnist() -> None:
    train, test = Mnist().load(Folder(Path())), Mnist(split="test").load(Folder(Path()))
    assert (len(train), len(test)) == (60_000, 10_000)
    assert train.arrays["image"].shape == (60_000, 1, 28, 28) and train.arrays["image"].dtype == np.uint8
    assert train.arrays["label"].dtype == np.int64
    assert train.arrays["label"][:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert test.arrays["label"][:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(train.arrays["label"]).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert train.arrays["image"].mean() == pytest.approx(33.318421, abs=1e-6)
    assert test.arrays["image"].mean() == pytest.approx(33.791224, abs=1e-6)


def test_mnist_declares_what_it_loads() -> None:
    declared = Mnist().declare(Folder(Path()))
    assert str(declared["image"]) == "uint8 [1, 28, 28]" and str(declared["label"]) == "int64 [] below 10"
    assert declared["label"].classes == tuple("0123456789")
    assert Mnist().own("test") == Mnist(split="test") and Mnist().own("validation") is None


def test_damaged_mnist_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(Mnist.load.__globals__["_SHA256"], "t10k-images-idx3", "0" * 64)
    assert "damaged" in refused(Mnist(split="test"), Folder(Path()))


@pytest.mark.parametrize("images", ["images", "images.gz"])
def test_own_files(folder: Folder, images: str) -> None:
    reader = Idx.model_validate({"images": images, "labels": "labels", "classes": ["a", "b", "c"]})
    declared, loaded = reader.declare(folder), reader.load(folder)
    assert declared["image"].type.shape == (1, 2, 3) and declared["label"].classes == ("a", "b", "c")
    assert np.array_equal(loaded.arrays["image"], np.arange(30, dtype=np.uint8).reshape(5, 1, 2, 3))
    assert loaded.arrays["label"].tolist() == [0, 2, 1, 1, 0]


def test_labels_out_of_range(folder: Folder) -> None:
    said = refused(Idx(images="images", labels="labels", classes=2), folder, "data-value")
    assert said == "labels: sample 1 (from 0) has the label 2, expected 0 to 1"


def test_the_header_is_checked_before_anything_is_allocated(folder: Folder) -> None:
    huge = bytes([0, 0, 8, 3]) + b"\xff" * 12
    (folder.root / "images").write_bytes(huge + bytes(100))
    (folder.root / "huge.gz").write_bytes(gzip.compress(huge + bytes(100)))
    said = refused(Idx(images="images", labels="labels"), folder)
    assert said.endswith("= 79,228,162,458,924,105,385,300,197,375 bytes, the file has 100")
    assert "hold at most" in refused(Idx(images="huge.gz", labels="labels"), folder)


def test_a_gzip_bomb_is_read_no_further_than_claimed(folder: Folder) -> None:
    (folder.root / "bomb.gz").write_bytes(gzip.compress(IMAGES + bytes(50_000_000)))
    said = refused(Idx(images="bomb.gz", labels="labels"), folder)
    assert said == "bomb.gz: the header claims 5 samples of [2, 3] = 30 bytes, the unpacked file has more than 30"


def test_every_prefix_is_refused(folder: Folder) -> None:
    for name, whole in (("cut", IMAGES), ("cut.gz", gzip.compress(IMAGES))):
        for end in range(len(whole)):
            (folder.root / name).write_bytes(whole[:end])
            refused(Idx(images=name, labels="labels"), folder)


def test_mutated_files_never_give_a_traceback(folder: Folder) -> None:
    random_bytes = random.Random(0)
    path, loads = folder.root / "mutant", 0
    for round_ in range(5000):
        whole = bytearray(IMAGES if round_ % 2 else (folder.root / "images.gz").read_bytes())
        for _ in range(random_bytes.randint(1, 4)):
            whole[random_bytes.randrange(min(len(whole), 24))] = random_bytes.randrange(256)
        path.write_bytes(whole)
        with contextlib.suppress(DataError):
            header, data = read("mutant", folder)
            assert len(data) == header.data_bytes <= 30
            loads += 1
    assert 0 < loads < 2500


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"\x89PNG", "not an IDX file: it starts with 89 50 4e 47"),
        (b"", "not an IDX file: it starts with nothing"),
        (bytes([0, 0, 13, 1]), "elements of type float32"),
        (bytes([0, 0, 8, 3, 0]), "ends inside its header of 16 bytes"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 0]), "nothing to read"),
    ],
)
def test_other_formats(folder: Folder, start: bytes, said: str) -> None:
    (folder.root / "other").write_bytes(start)
    with pytest.raises(DataError, match=said):
        read_header("other", folder)


def test_images_and_labels_must_match(folder: Folder) -> None:
    assert "labels are one number" in refused(Idx(images="images", labels="images"), folder)
    assert "two axes at least" in refused(Idx(images="labels", labels="labels"), folder)
    (folder.root / "few").write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 1, 0]))
    assert refused(Idx(images="images", labels="few"), folder) == "images: 5 images, but 1 labels in few"


def test_nothing_outside_the_folder_is_opened(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "labels").write_bytes(LABELS)
    (inner / "link").symlink_to(tmp_path / "labels")
    (inner / "loop").symlink_to(inner / "loop")
    os.mkfifo(inner / "pipe")
    folder = Folder(inner)
    for name in ("../labels", str(tmp_path / "labels"), "link", "a/../../labels", "/etc/passwd", "~/x"):
        with pytest.raises(DataError):
            read_header(name, folder)
    for name in ("pipe", "loop", ".", "nul\0", "x" * 300, "absent", "/dev/zero"):
        with pytest.raises(DataError):
            read_header(name, folder)
    allowed = Folder(inner, allowed=(tmp_path,))
    assert read_header("../labels", allowed) == read_header("link", allowed)


def test_division_is_deterministic_and_complete() -> None:
    data = Samples({"x": np.arange(100)})
    train, held_out = data.divide(0.1, seed=3)
    assert (len(train), len(held_out)) == (90, 10)
    assert sorted([*train.arrays["x"], *held_out.arrays["x"]]) == list(range(100))
    assert np.array_equal(data.divide(0.1, seed=3)[1].arrays["x"], held_out.arrays["x"])
    assert not np.array_equal(data.divide(0.1, seed=4)[1].arrays["x"], held_out.arrays["x"])
    assert [len(part) for part in data.divide(1e-9, seed=0)] == [99, 1]


def test_renaming() -> None:
    data = Samples({"image": np.zeros(2), "label": np.ones(2)}).rename({"picture": "image"})
    assert sorted(data.arrays) == ["label", "picture"]


def test_the_table_is_by_name() -> None:
    assert all(reader.name == name and reader.__doc__ for name, reader in READERS.items())
