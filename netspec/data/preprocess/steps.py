"""The closed table of preprocessing steps. Images are uint8 as in PIL up to `scale`, float32 tensors from there on."""

from netspec.data.preprocess.affine import Normalize, Scale, ToTensor
from netspec.data.preprocess.colour import Decode, FlipChannels, Grayscale
from netspec.data.preprocess.geometry import CenterCrop, FiveCrop, Pad, Resize, TenCrop
from netspec.data.preprocess.step import AffineStep, ImageStep, Step

_IMAGES = (Decode, Grayscale, Resize, CenterCrop, FiveCrop, TenCrop, Pad, FlipChannels)
_NUMBERS = (ToTensor, Scale, Normalize)

STEPS: dict[str, type[Step]] = {step.name: step for step in (*_IMAGES, *_NUMBERS)}

#: Steps of the language that this release does not have yet.
LATER = frozenset({"lowercase", "tokenize"})

__all__ = [
    "LATER", "STEPS", "AffineStep", "CenterCrop", "Decode", "FiveCrop", "FlipChannels", "Grayscale", "ImageStep",
    "Normalize", "Pad", "Resize", "Scale", "Step", "TenCrop", "ToTensor",
]  # fmt: skip
