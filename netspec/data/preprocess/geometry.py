"""Steps on the size of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from netspec.data.preprocess.sample import Sample, StepError
from netspec.data.preprocess.step import SIZE, ImageStep, pair
from netspec.ops.attributes import integer, one_or_list

if TYPE_CHECKING:
    from netspec.data.preprocess.step import Array

_BORDER = one_or_list(
    integer(0, "an integer that is not negative"),
    "an integer, [left and right, top and bottom] or [left, top, right, bottom]",
)
_BYTE = integer(0, "a number from 0 to 255", high=255)
_FILL = one_or_list(_BYTE, "a number from 0 to 255, or one for each channel")

Size = Annotated[int | tuple[int, ...], SIZE]
Border = Annotated[int | tuple[int, ...], _BORDER]
Fill = Annotated[int | tuple[int, ...], _FILL]


class Resize(ImageStep):
    """PIL's resize. One number is the shorter side, the other follows (torchvision's Resize); or [height, width]."""

    name = "resize"
    main = "size"
    size: Size
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"

    def infer(self, x: Sample) -> Sample:
        channels, height, width = x.require_image(self.name)
        if height is None or width is None:
            wanted = pair(self.size, self.name) if isinstance(self.size, tuple) else (None, None)
            return x.resized(channels, *wanted)
        return x.resized(channels, *self.target(height, width))

    def target(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after the step."""
        if isinstance(self.size, tuple):
            return pair(self.size, self.name)
        longer = int(self.size * max(height, width) / min(height, width))
        return (self.size, longer) if height <= width else (longer, self.size)

    def apply(self, images: Array) -> Array:
        import numpy as np
        from PIL import Image

        height, width = self.target(*images.shape[-2:])
        method = Image.Resampling[self.interpolation.upper()]
        planes = images.reshape(-1, *images.shape[-2:])
        # Pillow resamples each band by itself, so a plane at a time is the same.
        resized = [np.asarray(Image.fromarray(plane).resize((width, height), method)) for plane in planes]
        return np.stack(resized).reshape(*images.shape[:-2], height, width)


class CenterCrop(ImageStep):
    """The middle of an image (torchvision's CenterCrop); one number is both sides."""

    name = "center_crop"
    main = "size"
    size: Size

    def infer(self, x: Sample) -> Sample:
        return _cropped(x, self.size, self.name)

    def corner(self, height: int, width: int) -> tuple[int, int]:
        """Top and left of the crop; halves go to the even number, as in torchvision."""
        high, wide = pair(self.size, self.name)
        return round((height - high) / 2), round((width - wide) / 2)

    def apply(self, images: Array) -> Array:
        top, left = self.corner(*images.shape[-2:])
        height, width = pair(self.size, self.name)
        return images[..., top : top + height, left : left + width]


class FiveCrop(ImageStep):
    """The four corners and the middle, five views of one sample whose predictions are averaged.

    In the order of torchvision's FiveCrop: top left, top right, bottom left, bottom right, middle.
    """

    name = "five_crop"
    main = "size"
    views = 5
    size: Size

    def infer(self, x: Sample) -> Sample:
        return _cropped(x, self.size, self.name).seen(self.views, self.name)

    def apply(self, images: Array) -> Array:
        return _views(images, self.size, self.name)


class TenCrop(ImageStep):
    """The five crops of `five_crop` and their mirror images (AlexNet's; torchvision's TenCrop), averaged.

    `vertical_flip` turns them upside down in place of mirroring.
    """

    name = "ten_crop"
    main = "size"
    views = 10
    size: Size
    vertical_flip: bool = False

    def infer(self, x: Sample) -> Sample:
        return _cropped(x, self.size, self.name).seen(self.views, self.name)

    def apply(self, images: Array) -> Array:
        import numpy as np

        turned = images[..., ::-1, :] if self.vertical_flip else images[..., ::-1]
        both = [_views(each, self.size, self.name) for each in (images, turned)]
        return np.concatenate(both, axis=-4)


class Pad(ImageStep):
    """A border around an image (torchvision's Pad): of one colour, or of what lies at the edge.

    `padding` is one number, [left and right, top and bottom] or [left, top, right, bottom].
    """

    name = "pad"
    main = "padding"
    padding: Border
    fill: Fill = 0
    padding_mode: Literal["constant", "edge", "reflect", "symmetric"] = "constant"

    def infer(self, x: Sample) -> Sample:
        channels, height, width = x.require_image(self.name)
        left, top, right, bottom = borders(self.padding, self.name)
        if isinstance(self.fill, tuple) and channels is not None and len(self.fill) != channels:
            raise StepError(f"`fill` of pad has {len(self.fill)} numbers for {channels} channels")
        for size, edges in ((height, (top, bottom)), (width, (left, right))):
            if self.padding_mode == "reflect" and size is not None and max(edges) >= size:
                raise StepError(f"`pad` by {max(edges)} reflects more than the image has, {x}")
        return x.resized(channels, height and height + top + bottom, width and width + left + right)

    def apply(self, images: Array) -> Array:
        import numpy as np

        left, top, right, bottom = borders(self.padding, self.name)
        edges = [(0, 0)] * (images.ndim - 2) + [(top, bottom), (left, right)]
        if self.padding_mode != "constant":
            return np.pad(images, edges, self.padding_mode)
        found = np.empty(tuple(size + sum(each) for size, each in zip(images.shape, edges, strict=True)), images.dtype)
        found[:] = np.asarray(self.fill, images.dtype).reshape(-1, 1, 1)
        found[..., top : top + images.shape[-2], left : left + images.shape[-1]] = images
        return found


def borders(padding: int | tuple[int, ...], step: str) -> tuple[int, int, int, int]:
    """Left, top, right and bottom.

    Raises:
        StepError: it is a list of another length than two or four.
    """
    if isinstance(padding, int):
        return (padding,) * 4
    if len(padding) == 2:
        return (*padding, *padding)
    if len(padding) != 4:
        raise StepError(f"`padding` of {step} has {len(padding)} numbers, expected 1, 2 or 4")
    left, top, right, bottom = padding
    return left, top, right, bottom


def _cropped(x: Sample, size: int | tuple[int, ...], step: str) -> Sample:
    channels, height, width = x.require_image(step)
    wanted = pair(size, step)
    if any(have is not None and have < want for have, want in zip((height, width), wanted, strict=True)):
        raise StepError(f"`{step}` to {wanted[0]} x {wanted[1]} is larger than the image, {x}")
    return x.resized(channels, *wanted)


def _views(images: Array, size: int | tuple[int, ...], step: str) -> Array:
    """Corners and middle, `[*, 5, channels, height, width]`."""
    import numpy as np

    height, width = pair(size, step)
    bottom, right = images.shape[-2] - height, images.shape[-1] - width
    middle = CenterCrop(size=size).corner(*images.shape[-2:])
    places = [(0, 0), (0, right), (bottom, 0), (bottom, right), middle]
    return np.stack([images[..., top : top + height, left : left + width] for top, left in places], axis=-4)
