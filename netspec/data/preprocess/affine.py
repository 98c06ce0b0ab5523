"""Steps that make float32 numbers of pixels."""

from dataclasses import replace
from typing import Annotated

from netspec.data.preprocess.sample import Sample, StepError
from netspec.data.preprocess.step import AffineStep
from netspec.ops.attributes import MAX_FLOAT, Float, list_of, number

_NUMBER = number(-MAX_FLOAT, "a finite number")
_POSITIVE = number(0, "a positive finite number", above=True)


class Scale(AffineStep):
    """y = factor * x, in float32."""

    name = "scale"
    main = "factor"
    factor: Float

    def affine(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return (self.factor,), (0.0,)


class ToTensor(AffineStep):
    """Bytes from 0 to 255 become float32 from 0 to 1: `scale: =1/255` (torchvision's ToTensor)."""

    name = "to_tensor"

    def affine(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return (1 / 255,), (0.0,)


class Normalize(AffineStep):
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

    def affine(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        channels = max(len(self.mean), len(self.std))
        mean, std = (values * (channels // len(values)) for values in (self.mean, self.std))
        offset = tuple(-middle / width for middle, width in zip(mean, std, strict=True))
        return tuple(1 / width for width in std), offset
