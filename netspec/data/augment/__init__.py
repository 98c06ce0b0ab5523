"""The closed table of augmentations: random changes of training samples. Imports neither torch nor numpy."""

from netspec.data.augment.augmentation import Augmentation, Cropping, Mixing
from netspec.data.augment.colour import ColorJitter, PcaNoise
from netspec.data.augment.crop import RandomCrop, RandomHorizontalFlip, RandomResizedCrop
from netspec.data.augment.erase import RandomErasing
from netspec.data.augment.mix import CutMix, Mixup
from netspec.data.augment.warp import Affine, Elastic, RandomAffine

_IMAGES = (
    RandomCrop, RandomResizedCrop, RandomHorizontalFlip, RandomAffine, Affine, Elastic, ColorJitter, PcaNoise,
    RandomErasing,
)  # fmt: skip

AUGMENTATIONS: dict[str, type[Augmentation | Mixing]] = {each.name: each for each in (*_IMAGES, Mixup, CutMix)}

__all__ = [
    "AUGMENTATIONS", "Affine", "Augmentation", "ColorJitter", "Cropping", "CutMix", "Elastic", "Mixing", "Mixup",
    "PcaNoise", "RandomAffine", "RandomCrop", "RandomErasing", "RandomHorizontalFlip", "RandomResizedCrop",
]  # fmt: skip
