"""What is done to an image file until all images have one size: a pure function of file, place, epoch and seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from netspec.data.augment import Augmentation, Cropping
from netspec.data.augment.bind import LISTED
from netspec.data.augment.draws import Draws
from netspec.data.augment.pipeline import Change
from netspec.data.image_column import ImageFiles
from netspec.data.image_file import Mode, Pixels
from netspec.data.preprocess.files import same_size
from netspec.data.preprocess.sample import Sample, StepError
from netspec.diagnostics import DataError
from netspec.ir import DType
from netspec.lang.folder import Folder


@dataclass(frozen=True, slots=True)
class Work:
    """The first changes of a pipeline, on files of a folder."""

    folder: Folder
    mode: Mode
    changes: tuple[Change, ...]
    seed: int

    def make(self, names: Sequence[str], places: Sequence[int], epoch: int) -> Pixels:
        """Some images, uint8 `[N, *]`.

        Raises:
            DataError: `data-file`, `data-value`, naming the file.
        """
        files = ImageFiles.of(self.folder, names, self.mode)
        images = [self._one(files, index, place, epoch) for index, place in enumerate(places)]
        return np.stack([same_size(image, images[0], name) for image, name in zip(images, names, strict=True)])

    def as_json(self) -> dict[str, Any]:
        """The work as plain data."""
        return {
            "root": str(self.folder.root.resolve()),
            "allowed": [str(path.resolve()) for path in self.folder.allowed],
            "mode": self.mode,
            "changes": [[each.name, each.model_dump(mode="json")] for each in self.changes],
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Work:
        """The work that `as_json` wrote."""
        changes = tuple(cast(Change, LISTED[name].model_validate(values)) for name, values in data["changes"])
        folder = Folder(Path(data["root"]), tuple(map(Path, data["allowed"])))
        return cls(folder, data["mode"], changes, data["seed"])

    def _one(self, files: ImageFiles, index: int, place: int, epoch: int) -> Pixels:
        image = files.read(index)
        try:
            for number, change in enumerate(self.changes):
                change.infer(Sample(image.shape[-3:], DType.UINT8))
                image = self._changed(image, change, Draws(self.seed, epoch, np.array([place]), number))
        except StepError as error:
            raise DataError.at(files.name(index), "data-value", str(error)) from None
        return image

    def _changed(self, image: Pixels, change: Change, draws: Draws) -> Pixels:
        if isinstance(change, Cropping):
            return change.apply_one(image, draws)
        if not isinstance(change, Augmentation):
            return change.apply(image)
        import torch

        changed: Pixels = change.apply(torch.from_numpy(np.ascontiguousarray(image))[None], draws)[0].numpy()
        return changed
