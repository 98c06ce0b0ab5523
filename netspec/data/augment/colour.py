"""Random light and colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from netspec.data.augment.augmentation import Augmentation, on_device, to_dtype_of
from netspec.data.augment.domains import interval, spread
from netspec.data.preprocess.sample import Sample, StepError
from netspec.ops.attributes import Domain, NonNegativeFloat, list_of, number

if TYPE_CHECKING:
    from torch import Tensor

    from netspec.data.augment.draws import Draws

_FACTORS = interval(0, "", high=100)
_HUES = interval(-0.5, "", high=0.5)
_EXPECTED = "a number that is not negative, or an interval of factors"


def _around_one(most: float) -> tuple[float, float]:
    return max(0.0, 1 - most), 1 + most


_FACTOR = spread(_around_one, number(0, "", high=99), _FACTORS, _EXPECTED)
_HUE = spread(lambda most: (-most, most), number(0, "", high=0.5), _HUES, "a number from 0 to 0.5, or an interval")

Factor = Annotated[tuple[float, float], _FACTOR]
_ROW = list_of(number(-100, "a number"), "a list of three numbers", least=3)


def _matrix(value: object) -> object:
    from netspec.ops.attributes import Refusal

    if not isinstance(value, (list, tuple)) or len(value) != 3:
        return Refusal("wrong-type")
    rows = tuple(map(_ROW.read, value))
    return Refusal("wrong-value") if any(isinstance(row, Refusal) or len(row) != 3 for row in rows) else rows


_MATRIX = Domain(
    "three lists of three numbers", _matrix, {"type": "array", "items": _ROW.schema, "minItems": 3, "maxItems": 3}
)
# torchvision's weights of a grey picture.
_LUMA = (0.2989, 0.587, 0.114)


class ColorJitter(Augmentation):
    """Brightness, contrast, saturation and hue changed by random factors (torchvision's ColorJitter).

    A number `b` stands for the factors from 1 - b to 1 + b, a hue `h` for -h to h turns of the colour circle. The order
    of the four is random. Images of one channel have no saturation and no hue.
    """

    name = "color_jitter"
    main = "brightness"
    brightness: Factor = (1.0, 1.0)
    contrast: Factor = (1.0, 1.0)
    saturation: Factor = (1.0, 1.0)
    hue: Annotated[tuple[float, float], _HUE] = (0.0, 0.0)

    def infer(self, x: Sample) -> Sample:
        channels, _, _ = x.require_image(self.name)
        colours = self.saturation != (1.0, 1.0) or self.hue != (0.0, 0.0)
        if channels not in (None, 1, 3) or (colours and channels == 1):
            wanted = "three channels" if colours else "one channel or three"
            raise StepError(f"`color_jitter` takes images of {wanted}, got {x}")
        return x

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        import torch

        factors = [
            on_device(draws.uniform(*limits), images)
            for limits in (self.brightness, self.contrast, self.saturation, self.hue)
        ]
        rank = torch.from_numpy(draws.uniform(size=(4,)).argsort(axis=1)).to(images.device)
        found = images.float()
        changes = [
            (brightness, self.brightness != (1.0, 1.0)), (contrast, self.contrast != (1.0, 1.0)),
            (saturation, self.saturation != (1.0, 1.0)), (hue, self.hue != (0.0, 0.0)),
        ]  # fmt: skip
        for turn in range(4):
            for index, (change, is_wanted) in enumerate(changes):
                mine = rank[:, turn] == index
                if is_wanted and mine.any():
                    found[mine] = change(found[mine], factors[index][mine])
        return to_dtype_of(found, images)


class PcaNoise(Augmentation):
    """A little of each principal colour, added to all pixels of an image (AlexNet, section 4.1).

    The colour i is added a_i times its eigenvalue, where a_i is drawn from a normal distribution of width `std`. The
    eigenvalues and eigenvectors (each a list, by red, green and blue) are of ImageNet's pixels from 0 to 1.
    """

    name = "pca_noise"
    main = "std"
    std: NonNegativeFloat = 0.1
    eigenvalues: Annotated[tuple[float, ...], _ROW] = (0.2175, 0.0188, 0.0045)
    eigenvectors: Annotated[tuple[tuple[float, ...], ...], _MATRIX] = (
        (-0.5675, -0.5808, -0.5836),
        (0.7192, -0.0045, -0.6948),
        (0.4009, -0.8140, 0.4203),
    )

    def infer(self, x: Sample) -> Sample:
        channels, _, _ = x.require_image(self.name)
        if channels not in (None, 3) or len(self.eigenvalues) != 3:
            raise StepError(f"`pca_noise` takes three eigenvalues and images of three channels, got {x}")
        return x

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        import numpy as np

        amounts = self.std * draws.normal((3,)) * np.asarray(self.eigenvalues)
        return to_dtype_of(images.float() + on_device(255 * amounts @ np.asarray(self.eigenvectors), images), images)


def grey(images: Tensor) -> Tensor:
    """One channel `[N, 1, height, width]`."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images[:, 0:1], images[:, 1:2], images[:, 2:3]
    return _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Between black (0) and the image (1), and beyond; values stay from 0 to 255, as in the other three."""
    return (factor * images).clamp(0, 255)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Between its mean grey (0) and the image (1)."""
    mean = grey(images).mean((1, 2, 3), keepdim=True)
    return (mean + factor * (images - mean)).clamp(0, 255)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Between its grey picture (0) and the image (1)."""
    plain = grey(images)
    return (plain + factor * (images - plain)).clamp(0, 255)


def hue(images: Tensor, turns: Tensor) -> Tensor:
    """Colours turned on the circle: through hue, chroma and value, of which the hue moves (Smith 1978)."""
    import torch

    value, low = images.amax(1, keepdim=True), images.amin(1, keepdim=True)
    chroma = value - low
    red, green, blue = images[:, 0:1], images[:, 1:2], images[:, 2:3]
    safe = torch.where(chroma == 0, torch.ones_like(chroma), chroma)
    sixth = torch.where(
        value == red,
        (green - blue) / safe,
        torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    sixth = (sixth + 6 * turns) % 6
    parts = []
    for offset in (5, 3, 1):  # each channel is value - chroma * max(0, min(k, 4 - k, 1)), k = offset + hue
        k = (offset + sixth) % 6
        parts.append(value - chroma * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.cat(parts, dim=1)
