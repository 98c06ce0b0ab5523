"""Images that stay in their files until a batch wants them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netspec.data.image_file import Mode, Pixels, read_image
from netspec.diagnostics import DataError
from netspec.lang.folder import Folder


@dataclass(frozen=True, slots=True, eq=False)
class ImageFiles:
    """A field whose values are image files, of any sizes; indexed like an array."""

    folder: Folder
    names: NDArray[np.bytes_]
    mode: Mode

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, indices: NDArray[np.int64]) -> ImageFiles:
        return ImageFiles(self.folder, self.names[indices], self.mode)

    @classmethod
    def of(cls, folder: Folder, names: Sequence[str], mode: Mode) -> ImageFiles:
        """Files of a folder, in that order."""
        # Bytes, a quarter of numpy's text: a million names are held.
        return cls(folder, np.array([os.fsencode(name) for name in names]), mode)

    def name(self, index: int) -> str:
        """The file's name."""
        return os.fsdecode(self.names[index])

    def read(self, index: int) -> Pixels:
        """One image, uint8 `[channels, height, width]`.

        Raises:
            DataError: `data-file`, naming the file.
        """
        name = self.name(index)
        with self.folder.open(name) as file:
            return read_image(file, name, self.mode)

    def join(self, others: Sequence[ImageFiles]) -> ImageFiles:
        """These files, then those of others.

        Raises:
            DataError: `data-file`: they lie in another folder, or are read in another mode.
        """
        for other in others:
            if (other.folder, other.mode) != (self.folder, self.mode):
                raise DataError.at(other.name(0), "data-file", "read in another way than what stands before")
        return ImageFiles(self.folder, np.concatenate([each.names for each in (self, *others)]), self.mode)
