"""What is known of a sample between two steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from netspec.ir import Dim, DType, Sizes, TensorType


class StepError(Exception):
    """A step cannot take what it gets. It knows no position."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Shape and element type of one sample; a size is None where it is known only when the sample is seen.

    `views`: as how many samples it goes through the network, whose predictions are averaged.
    """

    shape: tuple[int | None, ...]
    dtype: DType
    views: int = 1

    @classmethod
    def of(cls, type: TensorType) -> Sample:
        """A sample of that type; what is free there is not known here."""
        return cls(_known(type.shape), type.dtype)

    @classmethod
    def unseen(cls, input: TensorType) -> Sample:
        """What may become `input`: an image of any size, or a vector of that input's own."""
        return cls((None,) * 3 if input.rank == 3 else _known(input.shape), DType.UINT8)

    def as_float(self) -> Sample:
        """The same shape in float32."""
        return replace(self, dtype=DType.FLOAT32)

    def resized(self, channels: int | None, height: int | None, width: int | None) -> Sample:
        """An image of another size."""
        return replace(self, shape=(channels, height, width))

    def seen(self, views: int, step: str) -> Sample:
        """The same sample in several views.

        Raises:
            StepError: it has several already.
        """
        if self.views != 1:
            raise StepError(f"`{step}` makes {views} views of an image that has {self.views} already")
        return replace(self, views=views)

    def require_image(self, step: str) -> tuple[int | None, int | None, int | None]:
        """Channels, height and width of what must be a uint8 image.

        Raises:
            StepError: it is not.
        """
        if len(self.shape) != 3:
            raise StepError(f"`{step}` works on images [channels, height, width], got {self}")
        if self.dtype is not DType.UINT8:
            raise StepError(f"`{step}` works on uint8 images; it must stand before `scale` and `normalize`")
        channels, height, width = self.shape
        return channels, height, width

    def fits(self, input: TensorType) -> bool:
        """Whether it can be `input`: no known size differs."""
        if len(self.shape) != input.rank or self.dtype is not input.dtype:
            return False
        sizes = zip(self.shape, input.shape, strict=True)
        return all(have is None or isinstance(want, Dim) or have == want for have, want in sizes)

    def __str__(self) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.dtype} [{sizes}]"


def _known(shape: Sizes) -> tuple[int | None, ...]:
    return tuple(size if isinstance(size, int) else None for size in shape)
