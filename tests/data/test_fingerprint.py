"""Samples have the same name wherever they are, and another one when anything in them is another."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netspec.data.fingerprint import fingerprint
from netspec.data.image_column import ImageFiles
from netspec.data.samples import Samples
from netspec.diagnostics import DataError
from netspec.lang.folder import Folder

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([1, 0])


def test_equal_arrays_have_equal_names_in_any_order_and_layout() -> None:
    one = Samples({"image": IMAGES, "label": LABELS})
    other = Samples({"label": LABELS.copy(), "image": np.asfortranarray(IMAGES)})
    assert fingerprint(one) == fingerprint(other) and len(fingerprint(one)) == 64


@pytest.mark.parametrize("change", [
    {"image": IMAGES ^ 1}, {"image": IMAGES.reshape(2, 4, 3)}, {"image": IMAGES.astype(np.int8)},
    {"label": LABELS[::-1]}, {"other": LABELS}, {"image": IMAGES[:1], "label": LABELS[:1]},
])  # fmt: skip
def test_every_change_gives_another_name(change: dict[str, np.ndarray]) -> None:
    samples = {"image": IMAGES, "label": LABELS}
    assert fingerprint(Samples(samples)) != fingerprint(Samples(samples | change))


def test_images_that_stay_in_files_go_by_names_and_sizes(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(IMAGES[0]).save(tmp_path / name)
    files = ImageFiles.of(Folder(tmp_path), ["a.png", "b.png"], "L")
    before = fingerprint(Samples({"image": files}))
    shutil.copytree(tmp_path, tmp_path / "copy")
    copied = ImageFiles.of(Folder(tmp_path / "copy"), ["a.png", "b.png"], "L")
    assert fingerprint(Samples({"image": copied})) == before
    assert fingerprint(Samples({"image": copied[np.array([1, 0])]})) != before
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes() + b"\0")
    assert fingerprint(Samples({"image": files})) != before
    (tmp_path / "b.png").unlink()
    with pytest.raises(DataError, match=r"b\.png: cannot read: no such file"):
        fingerprint(Samples({"image": files}))
