"""What every augmentation is: a random change of training images, drawn anew for each sample and epoch."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from netspec.data.preprocess.sample import Sample, StepError
from netspec.ir import DType
from netspec.ops.attributes import PositiveFloat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from netspec.data.augment.draws import Draws


class Augmentation(BaseModel):
    """One augmentation. `main` is the attribute that a bare value sets: `random_crop: 32`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)

    name: ClassVar[str]
    main: ClassVar[str | None] = None

    def infer(self, x: Sample) -> Sample:
        """The sample after it.

        Raises:
            StepError: it cannot take the sample.
        """
        require_planes(x, self.name)
        return x

    @abstractmethod
    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        """A batch `[N, channels, height, width]` after it."""


class Cropping(Augmentation):
    """An augmentation that makes images of one size out of images of any."""

    @abstractmethod
    def apply_one(self, image: NDArray[np.uint8], draws: Draws) -> NDArray[np.uint8]:
        """One image `[channels, height, width]` after it; `draws` are of one sample."""


class Mixing(BaseModel):
    """An augmentation that mixes the samples of a batch in pairs, and their losses by the same share.

    The share is drawn from Beta(alpha, alpha) once a batch.
    """

    model_config = Augmentation.model_config

    name: ClassVar[str]
    main: ClassVar[str | None] = "alpha"
    alpha: PositiveFloat = 1.0

    def check(self, x: Sample) -> None:
        """See whether it can mix such inputs.

        Raises:
            StepError: it cannot.
        """
        if x.dtype is not DType.FLOAT32:
            raise StepError(f"`{self.name}` mixes inputs of float32, not of {x.dtype}")

    def share(self, random: np.random.Generator) -> float:
        """How much of itself a sample keeps."""
        return float(random.beta(self.alpha, self.alpha))

    @abstractmethod
    def mix(self, values: Tensor, others: Tensor, share: float, random: np.random.Generator) -> tuple[Tensor, float]:
        """Finished inputs `[N, *shape]` mixed with their partners, and the share that came out."""


def require_planes(x: Sample, name: str) -> tuple[int | None, int | None, int | None]:
    """Channels, height and width of what must be an image of bytes or floats.

    Raises:
        StepError: it is not.
    """
    if len(x.shape) != 3 or x.dtype not in (DType.UINT8, DType.FLOAT32):
        raise StepError(f"`{name}` works on images [channels, height, width] of uint8 or float32, got {x}")
    channels, height, width = x.shape
    return channels, height, width


def to_dtype_of(found: Tensor, images: Tensor) -> Tensor:
    """Floats as elements of the images' type: bytes are rounded and kept from 0 to 255."""
    if images.is_floating_point():
        return found.to(images.dtype)
    return found.round().clamp(0, 255).to(images.dtype)


def on_device(values: NDArray[Any], images: Tensor, *, axes: int = 4) -> Tensor:
    """Numbers `[N, ...]` beside a batch, in float32, with axes of size 1 behind."""
    import torch

    found = torch.from_numpy(values).to(device=images.device, dtype=torch.float32)
    return found.reshape(*found.shape, *[1] * (axes - found.ndim))
