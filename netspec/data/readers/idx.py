"""A user's own IDX files."""

from typing import TYPE_CHECKING, Annotated

from netspec.data.field import Field, label
from netspec.data.readers.base import BYTE_CLASSES, FileName, Reader, class_names
from netspec.diagnostics import DataError
from netspec.ir import DType, TensorType
from netspec.lang.folder import Folder

if TYPE_CHECKING:
    from netspec.data.idx_file import Header
    from netspec.data.samples import Samples


class Idx(Reader):
    """A user's own IDX files, plain or .gz: images [N, H, W] or [N, C, H, W] (or vectors [N, D]), labels [N]; uint8.

    Fields: image uint8 [1, H, W], [C, H, W] or [D]; label int64 below `classes` (a number, or the classes' names).
    """

    name = "idx"
    images: FileName
    labels: FileName
    classes: Annotated[int | tuple[str, ...], BYTE_CLASSES] = 10

    def declare(self, folder: Folder) -> dict[str, Field]:
        from netspec.data.idx_file import read_header

        header = self._headers(read_header(self.images, folder), read_header(self.labels, folder))
        shape = header.shape[1:]
        image = TensorType((1, *shape) if len(shape) == 2 else shape, DType.UINT8)
        return {"image": Field(image), "label": label(class_names(self.classes))}

    def load(self, folder: Folder) -> "Samples":
        from netspec.data.idx_file import read
        from netspec.data.samples import samples

        fields = self.declare(folder)
        images, labels = read(self.images, folder), read(self.labels, folder)
        self._headers(images[0], labels[0])
        return samples(fields, {"image": images, "label": labels}, self.labels)

    def _headers(self, images: "Header", labels: "Header") -> "Header":
        if len(labels.shape) != 1:
            raise DataError.at(self.labels, "data-file", f"labels are one number a sample, the file has {labels}")
        if len(images.shape) < 2:
            raise DataError.at(self.images, "data-file", f"images have two axes at least, the file has {images}")
        if images.shape[0] != labels.shape[0]:
            message = f"{images.shape[0]:,} images, but {labels.shape[0]:,} labels in {self.labels}"
            raise DataError.at(self.images, "data-file", message)
        return images
