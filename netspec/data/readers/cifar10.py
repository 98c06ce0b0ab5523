"""CIFAR-10 in the forms in which it is found."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, Self

from netspec.data.field import Field, image, label
from netspec.data.readers.base import FileName, Reader, Split
from netspec.diagnostics import DataError
from netspec.lang.folder import Folder

if TYPE_CHECKING:
    from netspec.data.samples import Samples

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SIDE = 32
RECORD_BYTES = 1 + 3 * SIDE * SIDE

_BATCHES = {"train": [f"data_batch_{number}" for number in range(1, 6)], "test": ["test_batch"]}


class Cifar10(Reader):
    """CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 colour images of ten classes.

    `path` is a folder with one of these:

    - the original's binary version: `data_batch_1.bin` to `data_batch_5.bin`, `test_batch.bin`;
    - image folders: `train/airplane/0000.jpg` and so on, and `test/...`;
    - image folders in two archives: `cifar10-jpeg-train.tar.xz`, `cifar10-jpeg-test.tar.xz` (or .tar.gz, .tar).

    Fields: image uint8 [3, 32, 32]; label int64 below 10.
    """

    name = "cifar10"
    path: FileName
    split: Literal["train", "test"] = "train"

    def declare(self, folder: Folder) -> dict[str, Field]:
        return {"image": image(3, SIDE, SIDE), "label": label(CLASSES)}

    def load(self, folder: Folder) -> "Samples":
        import numpy as np

        from netspec.data.samples import Samples

        form, names = self._form(folder)
        if form == "batches":
            parts = [_batch(name, folder) for name in names]
            images, labels = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
        else:
            found = list((_archived if form == "archive" else _filed)(names[0], folder))
            images, labels = np.stack([pixels for pixels, _ in found]), np.array([index for _, index in found])
        return Samples({"image": images, "label": labels.astype(np.int64)})

    def own(self, split: Split) -> Self | None:
        return self.model_copy(update={"split": "test"}) if split == "test" else None

    def _form(self, folder: Folder) -> tuple[str, list[str]]:
        """Which form the folder has, and its files or folders of this split.

        Raises:
            DataError: `data-file`: none of them.
        """
        folders, files = folder.entries(self.path)
        batches = [f"{name}.bin" for name in _BATCHES[self.split]]
        if set(batches) <= set(files):
            return "batches", [f"{self.path}/{name}" for name in batches]
        if self.split in folders:
            return "folders", [f"{self.path}/{self.split}"]
        archives = [name for name in files if name.startswith(f"cifar10-jpeg-{self.split}.tar")]
        if archives:
            return "archive", [f"{self.path}/{archives[0]}"]
        if set(_BATCHES[self.split]) <= set(files):
            message = "the Python version of CIFAR-10, which is pickled and can run code"
            raise DataError.at(self.path, "data-file", message, help="take the binary version")
        message = f"neither {batches[0]} nor a folder {self.split} nor cifar10-jpeg-{self.split}.tar.xz is here"
        raise DataError.at(self.path, "data-file", message)


def _batch(name: str, folder: Folder) -> tuple[Any, Any]:
    """Images and labels of a binary batch: records of a label byte and 3 x 32 x 32 bytes."""
    import numpy as np

    from netspec.data.values import check_range

    with folder.open(name) as file:
        size = file.seek(0, 2)
        if size == 0 or size % RECORD_BYTES or size > 10**9:
            message = f"{size:,} bytes, expected a number of records of {RECORD_BYTES:,}"
            raise DataError.at(name, "data-file", message)
        file.seek(0)
        records = np.frombuffer(file.read(size), np.uint8).reshape(-1, RECORD_BYTES)
    check_range(records[:, 0], len(CLASSES), "", name)
    return records[:, 1:].reshape(-1, 3, SIDE, SIDE), records[:, 0]


def _filed(path: str, folder: Folder) -> Iterator[tuple[Any, int]]:
    from netspec.data.image_file import read_image

    for index, each in enumerate(CLASSES):
        for name in folder.entries(f"{path}/{each}")[1]:
            place = f"{path}/{each}/{name}"
            with folder.open(place) as file:
                yield _sized(read_image(file, place, "RGB"), place), index


def _archived(path: str, folder: Folder) -> Iterator[tuple[Any, int]]:
    """Images by class and name, as in the folders, in whatever order the archive has them."""
    from netspec.data.archive import members
    from netspec.data.image_file import read_image

    found = []
    for name, content in members(path, folder):
        each, _, file = name.rpartition("/")
        each = each.rpartition("/")[2]
        place = f"{path}:{name}"
        if each not in CLASSES:
            raise DataError.at(place, "data-file", "it stands in no folder of a class of CIFAR-10")
        found.append((CLASSES.index(each), file, _sized(read_image(content, place, "RGB"), place)))
    if not found:
        raise DataError.at(path, "data-file", "an archive without files")
    found.sort(key=lambda entry: entry[:2])
    for index, _, pixels in found:
        yield pixels, index


def _sized(pixels: Any, place: str) -> Any:
    if pixels.shape[1:] != (SIDE, SIDE):
        raise DataError.at(
            place, "data-value", f"{pixels.shape[2]} x {pixels.shape[1]} pixels, expected {SIDE} x {SIDE}"
        )
    return pixels
