"""Folders of images: classes by name, files by content, everything refused with the file's name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netspec.data.image_column import ImageFiles
from netspec.data.preprocess.files import decode
from netspec.data.preprocess.geometry import CenterCrop, Resize
from netspec.data.readers.image_folder import ImageFolder
from netspec.data.samples import Samples
from netspec.diagnostics import DataError
from netspec.lang.folder import Folder
from tests.data.pictures import png, refusal, write_classes

IMAGENET = Path("/work/shared/data/imagenet-samples")


def images(samples: Samples) -> ImageFiles:
    column = samples.arrays["image"]
    assert isinstance(column, ImageFiles)
    return column


def test_classes_are_the_folders_in_alphabetical_order(tmp_path: Path) -> None:
    written = write_classes(tmp_path / "photos", {"dog": 2, "ant": 1, "cat": 3})
    reader, folder = ImageFolder(path="photos"), Folder(tmp_path)
    declared = reader.declare(folder)
    assert declared["label"].classes == ("ant", "cat", "dog") and declared["label"].below == 3
    assert str(declared["image"]) == "uint8 [3, height, width]"
    loaded = reader.load(folder)
    assert loaded.arrays["label"].tolist() == [0, 1, 1, 1, 2, 2]
    expected = [*written["ant"], *written["cat"], *written["dog"]]
    assert np.array_equal(decode(images(loaded), ()), np.stack(expected).transpose(0, 3, 1, 2))


def test_classes_in_an_order_of_ones_own(tmp_path: Path) -> None:
    write_classes(tmp_path, {"a": 1, "b": 2, "c": 1})
    reader = ImageFolder(path=".", classes=("c", "a"), mode="L")
    assert reader.declare(Folder(tmp_path))["label"].classes == ("c", "a")
    loaded = reader.load(Folder(tmp_path))
    assert loaded.arrays["label"].tolist() == [0, 1] and images(loaded).read(0).shape == (1, 8, 8)


def test_fields_that_are_known_without_the_folder(tmp_path: Path) -> None:
    declared = ImageFolder(path="absent", classes=1000).declare(Folder(tmp_path))
    assert declared["label"].below == 1000 and declared["label"].classes[:2] == ("0", "1")
    assert "absent" in refusal(ImageFolder(path="absent").declare, Folder(tmp_path))


def test_images_without_classes(tmp_path: Path) -> None:
    write_classes(tmp_path, {"all": 3})
    (tmp_path / "all" / "notes.txt").write_text("no image")
    reader = ImageFolder(path="all", files="*.png")
    assert list(reader.declare(Folder(tmp_path))) == ["image"]
    assert images(reader.load(Folder(tmp_path))).name(2) == "all/002.png"


def test_content_decides_not_the_ending(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "photo.txt").write_bytes(png(np.zeros((2, 2, 3), np.uint8)))
    (tmp_path / "a" / "words.png").write_text("no image")
    column = images(ImageFolder(path=".").load(Folder(tmp_path)))
    assert column.read(0).shape == (3, 2, 2)
    assert refusal(column.read, 1) == "data-file ./a/words.png: not an image: neither PNG, JPEG nor BMP"


def test_sizes_that_differ_are_named(tmp_path: Path) -> None:
    write_classes(tmp_path / "x", {"a": 2})
    (tmp_path / "x" / "a" / "002.png").write_bytes(png(np.zeros((9, 8, 3), np.uint8)))
    column = images(ImageFolder(path="x").load(Folder(tmp_path)))
    assert refusal(decode, column, ()) == "data-value x/a/002.png: an image of [3, 9, 8] beside images of [3, 8, 8]"
    assert "x/a/000.png: `center_crop` to 9 x 9" in refusal(decode, column, [CenterCrop(size=9)])
    assert decode(column, [Resize(size=8), CenterCrop(size=8)]).shape == (3, 3, 8, 8)


@pytest.mark.parametrize(
    ("reader", "said"),
    [
        (ImageFolder(path="empty"), "data-file empty: an empty folder"),
        (ImageFolder(path="absent"), "data-file absent: cannot read: no such file or directory"),
        (ImageFolder(path="x/a/000.png"), "data-file x/a/000.png: cannot read: not a directory"),
        (ImageFolder(path="../other"), "lies outside of the spec's folder"),
        (ImageFolder(path="x", classes=3), "data-file x: 2 folders, but 3 classes are expected"),
        (ImageFolder(path="x", classes=("a", "d")), "data-file x: no folder for the class d"),
    ],
)
def test_folders_that_are_not(tmp_path: Path, reader: ImageFolder, said: str) -> None:
    write_classes(tmp_path / "x", {"a": 1, "b": 1})
    (tmp_path / "empty").mkdir()
    assert said in refusal(reader.load, Folder(tmp_path))


def test_a_class_without_samples(tmp_path: Path) -> None:
    write_classes(tmp_path / "x", {"a": 1, "b": 0})
    assert refusal(ImageFolder(path="x").load, Folder(tmp_path)).startswith("data-file x/b: no file is called *")


def test_a_link_does_not_lead_out(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(png(np.zeros((2, 2, 3), np.uint8)))
    write_classes(tmp_path / "root" / "x", {"a": 1})
    (tmp_path / "root" / "x" / "a" / "link.png").symlink_to(tmp_path / "secret.png")
    column = images(ImageFolder(path="x").load(Folder(tmp_path / "root")))
    with pytest.raises(DataError, match="outside"):
        column.read(1)


@pytest.mark.skipif(not IMAGENET.exists(), reason="the ImageNet samples are not here")
def test_the_imagenet_samples() -> None:
    folder = Folder(IMAGENET.parent)
    column = images(ImageFolder(path="imagenet-samples", files="*.JPEG").load(folder))
    assert len(column) == 50 and column.name(0).endswith("n01440764_tench.JPEG")
    shapes = {column.read(index).shape for index in range(0, 50, 10)}
    assert len(shapes) > 1 and all(shape[0] == 3 for shape in shapes)
    assert decode(column[np.arange(3)], [Resize(size=64), CenterCrop(size=56)]).shape == (3, 3, 56, 56)
