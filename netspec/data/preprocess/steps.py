"""The closed table of preprocessing steps. Images are uint8 as in PIL up to `scale`, float32 tensors from there on."""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from netspec.data.preprocess.sample import Sample, StepError
from netspec.ops.attributes import MAX_FLOAT, Float, integer, list_of, number, one_or_list

_NUMBER = number(-MAX_FLOAT, "a finite number")
_POSITIVE = number(0, "a positive finite number", above=True)
_SIZE = one_or_list(integer(1, "a positive integer"), "a positive integer, or [height, width]")


class Step(BaseModel):
    """One step. `main` is the attribute that a bare value sets: `scale: 0.5`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=False)

    name: ClassVar[str]
    main: ClassVar[str | None] = None

    def infer(self, x: Sample) -> Sample:
        """The sample after this step.

        Raises:
            StepError: the step cannot take it.
        """
        raise NotImplementedError(type(self).__name__)


class Scale(Step):
    """y = factor * x, in float32."""

    name = "scale"
    main = "factor"
    factor: Float

    def infer(self, x: Sample) -> Sample:
        return x.as_float()


class Normalize(Step):
    """y = (x - mean) / std, a number for each channel or one for all (torchvision's Normalize)."""

    name = "normalize"
    mean: Annotated[tuple[float, ...], list_of(_NUMBER, "a list of finite numbers, one for each channel")]
    std: Annotated[tuple[float, ...], list_of(_POSITIVE, "a list of positive numbers, one for each channel")]

    def infer(self, x: Sample) -> Sample:
        channels = x.shape[0] if x.shape else 1
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != 1 and channels is not None and len(values) != channels:
                raise StepError(f"`{name}` of normalize has {len(values)} numbers for {channels} channels")
        lengths = {len(self.mean), len(self.std)} - {1}
        if len(lengths) > 1:
            raise StepError("`mean` and `std` of normalize have different lengths")
        if channels is None and lengths:
            x = replace(x, shape=(lengths.pop(), *x.shape[1:]))
        return x.as_float()


class Grayscale(Step):
    """Luma as PIL's convert("L"): ITU-R 601-2, L = 0.299 R + 0.587 G + 0.114 B, in fixed point."""

    name = "grayscale"

    def infer(self, x: Sample) -> Sample:
        channels, height, width = x.require_image(self.name)
        if channels not in (None, 1, 3):
            raise StepError(f"`grayscale` takes images of 3 channels, got {x}")
        return Sample((1, height, width), x.dtype)


class Resize(Step):
    """PIL's resize. One number is the shorter side, the other follows (torchvision's Resize); or [height, width]."""

    name = "resize"
    main = "size"
    size: Annotated[int | tuple[int, ...], _SIZE]
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"

    def infer(self, x: Sample) -> Sample:
        channels, height, width = x.require_image(self.name)
        if height is None or width is None:
            wanted = pair(self.size, self.name) if isinstance(self.size, tuple) else (None, None)
            return Sample((channels, *wanted), x.dtype)
        return Sample((channels, *self.target(height, width)), x.dtype)

    def target(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after the step."""
        if isinstance(self.size, tuple):
            return pair(self.size, self.name)
        longer = int(self.size * max(height, width) / min(height, width))
        return (self.size, longer) if height <= width else (longer, self.size)


class CenterCrop(Step):
    """The middle of an image (torchvision's CenterCrop); one number is both sides."""

    name = "center_crop"
    main = "size"
    size: Annotated[int | tuple[int, ...], _SIZE]

    def infer(self, x: Sample) -> Sample:
        channels, height, width = x.require_image(self.name)
        wanted = pair(self.size, self.name)
        if any(have is not None and have < want for have, want in zip((height, width), wanted, strict=True)):
            raise StepError(f"`center_crop` to {wanted[0]} x {wanted[1]} is larger than the image, {x}")
        return Sample((channels, *wanted), x.dtype)

    def corner(self, height: int, width: int) -> tuple[int, int]:
        """Top and left of the crop; halves go to the even number, as in torchvision."""
        high, wide = pair(self.size, self.name)
        return round((height - high) / 2), round((width - wide) / 2)


def pair(size: int | tuple[int, ...], step: str) -> tuple[int, int]:
    """Height and width.

    Raises:
        StepError: it is a list of another length.
    """
    if isinstance(size, int):
        return size, size
    if len(size) != 2:
        raise StepError(f"`size` of {step} is one number or [height, width], got {len(size)} numbers")
    return size[0], size[1]


STEPS: dict[str, type[Step]] = {step.name: step for step in (Scale, Normalize, Grayscale, Resize, CenterCrop)}

#: Steps of the language that this release does not have yet.
LATER = frozenset({"decode", "five_crop", "ten_crop", "pad", "flip_channels", "to_tensor", "lowercase", "tokenize"})
