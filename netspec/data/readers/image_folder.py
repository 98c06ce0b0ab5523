"""Images in folders, one for each class."""

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Literal

from netspec.data.field import Field, image, label
from netspec.data.readers.base import CLASSES, FileName, Reader, class_names
from netspec.diagnostics import DataError
from netspec.diagnostics.suggest import did_you_mean
from netspec.lang.folder import Folder
from netspec.ops.attributes import or_null

if TYPE_CHECKING:
    from netspec.data.samples import Samples

_OPTIONAL = or_null(CLASSES, "a number of classes, a list of their names, or none for the folders' names")


class ImageFolder(Reader):
    """Image files (PNG, JPEG, BMP) in a folder for each class, as torchvision's ImageFolder reads them.

    Classes are the folders' names in alphabetical order, or in the order of `classes`. A folder that holds images
    itself gives their field alone, in the order of the files' names. `files: "*.png"` takes some of the files, by their
    names. `mode: L` reads them in grey.

    Where `classes` says them, nothing is looked at before training, and the folder may be absent until then. A number
    of classes gives them numbers as names.

    Fields: image uint8 [3, height, width] of any sizes, [1, height, width] in grey; label int64 below the number of
    classes.
    """

    name = "image_folder"
    path: FileName
    files: FileName = "*"
    mode: Literal["RGB", "L"] = "RGB"
    classes: Annotated[int | tuple[str, ...] | None, _OPTIONAL] = None

    def declare(self, folder: Folder) -> dict[str, Field]:
        names = class_names(self.classes) if self.classes is not None else self._folders(folder)
        field = image(3 if self.mode == "RGB" else 1)
        return {"image": field, "label": label(names)} if names else {"image": field}

    def load(self, folder: Folder) -> "Samples":
        import numpy as np

        from netspec.data.image_column import ImageFiles
        from netspec.data.samples import Samples

        names = self._folders(folder)
        files = [self._files(folder, f"{self.path}/{each}") for each in names] or [self._files(folder, self.path)]
        every = ImageFiles.of(folder, [name for group in files for name in group], self.mode)
        labels = np.repeat(np.arange(len(files)), [len(group) for group in files])
        return Samples({"image": every, "label": labels} if names else {"image": every})

    def _folders(self, folder: Folder) -> tuple[str, ...]:
        """The folders of the classes; nothing where the images stand in the folder itself."""
        folders, files = folder.entries(self.path)
        if not folders and not files:
            raise DataError.at(self.path, "data-file", "an empty folder")
        if isinstance(self.classes, tuple):
            absent = [name for name in self.classes if name not in folders]
            if absent:
                raise DataError.at(
                    self.path,
                    "data-file",
                    f"no folder for the class {absent[0]}",
                    help=did_you_mean(absent[0], folders),
                )
            return self.classes
        if self.classes is not None and len(folders) != self.classes:
            message = f"{len(folders):,} folders, but {self.classes:,} classes are expected"
            raise DataError.at(self.path, "data-file", message)
        return tuple(folders)

    def _files(self, folder: Folder, path: str) -> list[str]:
        files = [name for name in folder.entries(path)[1] if fnmatchcase(name, self.files)]
        if not files:
            raise DataError.at(path, "data-file", f"no file is called {self.files}: there is no sample")
        return [f"{path}/{name}" for name in files]
