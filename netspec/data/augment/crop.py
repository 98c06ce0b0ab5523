"""Random windows and mirror images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from netspec.data.augment.augmentation import Augmentation, Cropping, on_device, require_planes, to_dtype_of
from netspec.data.augment.domains import RATIOS, SHARES
from netspec.data.augment.rectangle import first, sides
from netspec.data.preprocess.geometry import Border, Fill, Pad, Size, borders
from netspec.data.preprocess.sample import Sample, StepError
from netspec.data.preprocess.step import pair
from netspec.ops.attributes import Probability

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from netspec.data.augment.draws import Draws, Floats, Ints


class RandomCrop(Cropping):
    """A window at a random place (torchvision's RandomCrop), of the image or of the image in a border.

    The usual one of CIFAR-10 is `random_crop: {size: 32, padding: 4}`.
    """

    name = "random_crop"
    main = "size"
    size: Size
    padding: Border = 0
    fill: Fill = 0
    padding_mode: Literal["constant", "edge", "reflect", "symmetric"] = "constant"

    def infer(self, x: Sample) -> Sample:
        channels, height, width = require_planes(x, self.name)
        left, top, right, bottom = borders(self.padding, self.name)
        high, wide = pair(self.size, self.name)
        if isinstance(self.fill, tuple) and channels is not None and len(self.fill) != channels:
            raise StepError(f"`fill` of random_crop has {len(self.fill)} numbers for {channels} channels")
        for size, edges, wanted in ((height, (top, bottom), high), (width, (left, right), wide)):
            if size is not None and size + sum(edges) < wanted:
                raise StepError(f"`random_crop` to {high} x {wide} is larger than the image, {x}")
            if self.padding_mode == "reflect" and size is not None and max(edges) >= size:
                raise StepError(f"`random_crop` reflects {max(edges)} pixels, more than the image has, {x}")
        return x.resized(channels, high, wide)

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        import torch

        high, wide = pair(self.size, self.name)
        padded = self._padded(images)
        places = [draws.below(have - want + 1) for have, want in zip(padded.shape[-2:], (high, wide), strict=True)]
        top, left = (torch.from_numpy(each).to(images.device) for each in places)
        windows = padded.unfold(2, high, 1).unfold(3, wide, 1)
        return windows[torch.arange(len(images), device=images.device), :, top, left]

    def apply_one(self, image: NDArray[np.uint8], draws: Draws) -> NDArray[np.uint8]:
        high, wide = pair(self.size, self.name)
        padded = Pad(padding=self.padding, fill=self.fill, padding_mode=self.padding_mode).apply(image)
        top, left = (
            int(draws.below(have - want + 1)[0]) for have, want in zip(padded.shape[1:], (high, wide), strict=True)
        )
        return padded[:, top : top + high, left : left + wide]

    def _padded(self, images: Tensor) -> Tensor:
        import torch

        if not any(borders(self.padding, self.name)):
            return images
        rows, columns = (each.to(images.device) for each in self._sources(*images.shape[-2:]))
        padded = images.index_select(-2, rows.clamp(0)).index_select(-1, columns.clamp(0))
        outside = (rows < 0)[:, None] | (columns < 0)
        fill = torch.tensor(self.fill, dtype=images.dtype, device=images.device).reshape(-1, 1, 1)
        return torch.where(outside, fill, padded)

    def _sources(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Which row and column each one of the padded image is; -1 is the border's colour."""
        import numpy as np
        import torch

        left, top, right, bottom = borders(self.padding, self.name)
        options = {"constant_values": -1} if self.padding_mode == "constant" else {}
        rows, columns = (
            torch.from_numpy(np.pad(np.arange(size), edges, self.padding_mode, **options))  # type: ignore[call-overload]
            for size, edges in ((height, (top, bottom)), (width, (left, right)))
        )
        return rows, columns


class RandomResizedCrop(Cropping):
    """A window of random area and shape, brought to a size (Szegedy 2014; torchvision's RandomResizedCrop).

    `scale` bounds the share of the image's area, `ratio` width by height. Bilinear, with the filter as wide as the
    reduction, as Pillow's.
    """

    name = "random_resized_crop"
    main = "size"
    size: Size
    scale: Annotated[tuple[float, float], SHARES] = (0.08, 1.0)
    ratio: Annotated[tuple[float, float], RATIOS] = (3 / 4, 4 / 3)

    def infer(self, x: Sample) -> Sample:
        channels, _, _ = require_planes(x, self.name)
        return x.resized(channels, *pair(self.size, self.name))

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        top, left, height, width = self.windows(draws, *images.shape[-2:])
        high, wide = pair(self.size, self.name)
        rows = on_device(_weights(top, height, images.shape[-2], high), images)[:, None].squeeze(-1)
        columns = on_device(_weights(left, width, images.shape[-1], wide), images)[:, None].squeeze(-1)
        return to_dtype_of(rows @ images.float() @ columns.transpose(-1, -2), images)

    def apply_one(self, image: NDArray[np.uint8], draws: Draws) -> NDArray[np.uint8]:
        import numpy as np
        from PIL import Image

        top, left, height, width = (int(each[0]) for each in self.windows(draws, *image.shape[-2:]))
        high, wide = pair(self.size, self.name)
        window = np.ascontiguousarray(image[:, top : top + height, left : left + width])
        planes = [Image.fromarray(plane).resize((wide, high), Image.Resampling.BILINEAR) for plane in window]
        return np.stack([np.asarray(plane) for plane in planes])

    def windows(self, draws: Draws, height: int, width: int) -> tuple[Ints, Ints, Ints, Ints]:
        """Top, left, height and width of each sample's window: the first of ten that fits, else the middle."""
        import numpy as np

        wide, high = sides(draws, height * width, self.scale, self.ratio)
        fits = (wide > 0) & (wide <= width) & (high > 0) & (high <= height)
        found, (highest, widest) = fits.any(axis=1), self._middle(height, width)
        highs, wides = np.where(found, first(fits, high), highest), np.where(found, first(fits, wide), widest)
        top, left = draws.below(height - highs + 1), draws.below(width - wides + 1)
        top, left = np.where(found, top, (height - highs) // 2), np.where(found, left, (width - wides) // 2)
        return top, left, highs, wides

    def _middle(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the largest window in the middle whose shape is allowed."""
        low, high = self.ratio
        if width / height < low:
            return round(width / low), width
        return (height, round(height * high)) if width / height > high else (height, width)


class RandomHorizontalFlip(Augmentation):
    """The mirror image, with probability `p` (torchvision's RandomHorizontalFlip)."""

    name = "random_horizontal_flip"
    main = "p"
    p: Probability = 0.5

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        import torch

        flipped = torch.from_numpy(draws.chance(self.p)).to(images.device)[:, None, None, None]
        return torch.where(flipped, images.flip(-1), images)


def _weights(first: Ints, size: Ints, length: int, wanted: int) -> Floats:
    """How each of `wanted` pixels is made of those of a window, `[N, wanted, length]`: Pillow's triangle filter."""
    import numpy as np

    step = (size / wanted)[:, None, None]
    middle = (np.arange(wanted) + 0.5)[:, None] * step
    place = np.arange(length) + 0.5 - first[:, None, None]
    inside = (place > 0) & (place < size[:, None, None])
    found = np.maximum(0, 1 - np.abs(place - middle) / np.maximum(step, 1)) * inside
    weights: Floats = found / found.sum(axis=-1, keepdims=True)
    return weights
