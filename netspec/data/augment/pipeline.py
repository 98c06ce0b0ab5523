"""What happens to a training sample, in order, and its check against types. Imports neither torch nor numpy.

The augmentations of an input come first, then its `preprocess`. A random crop makes the size itself: `resize`, `pad`
and the crops of `preprocess` are then for evaluation only, as in everybody's recipes for ImageNet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netspec.data.augment.augmentation import Augmentation, Cropping, Mixing
from netspec.data.preprocess import Affine, Step, split
from netspec.data.preprocess.geometry import CenterCrop, FiveCrop, Pad, Resize, TenCrop
from netspec.data.preprocess.sample import Sample, StepError
from netspec.data.preprocess.step import ImageStep
from netspec.ir import DType, TensorType

#: What may stand in a list of augmentations.
Listed = Augmentation | ImageStep | Mixing
#: What changes one image.
Change = Augmentation | ImageStep

_SIZING = (Resize, Pad, CenterCrop, FiveCrop, TenCrop)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The changes of an image in order, the affine map after them, and what mixes finished inputs."""

    changes: tuple[Change, ...] = ()
    affine: Affine | None = None
    mixing: tuple[Mixing, ...] = ()

    @classmethod
    def of(cls, listed: Sequence[Listed], steps: Sequence[Step]) -> Pipeline:
        """Augmentations, then `preprocess`; without any of them what evaluation does."""
        images, affine = split(steps)
        if any(isinstance(each, Cropping) for each in listed):
            images = tuple(step for step in images if not isinstance(step, _SIZING))
        changes = tuple(each for each in listed if not isinstance(each, Mixing))
        return cls((*changes, *images), affine, tuple(each for each in listed if isinstance(each, Mixing)))

    @property
    def settled(self) -> int:
        """How many changes are the same in every epoch: those before the first augmentation."""
        return next((n for n, each in enumerate(self.changes) if isinstance(each, Augmentation)), len(self.changes))

    def sizing(self, sample: Sample) -> int:
        """How many changes it takes until the sizes of all images are known, from files of any sizes."""
        for number, change in enumerate(self.changes):
            if None not in sample.shape:
                return number
            sample = change.infer(sample)
        return len(self.changes)


def check_training(listed: Sequence[Listed], steps: Sequence[Step], input: TensorType, stored: TensorType) -> None:
    """Prove that a stored sample becomes the input in training.

    Raises:
        StepError: a change cannot take what it gets, or the result is of another type.
    """
    pipeline = Pipeline.of(listed, steps)
    sample = Sample.of(stored)
    for change in pipeline.changes:
        sample = change.infer(sample)
    if sample.views != 1:
        message = f"training has no use for {sample.views} views of a sample"
        raise StepError(f"{message}; a random crop in `augment` stands for them")
    if pipeline.affine is not None:
        sample = sample.as_float()
    if not sample.fits(input):
        raise StepError(f"in training the sample becomes {sample}, the input is {Sample.of(input)}")
    for each in pipeline.mixing:
        each.check(Sample.of(input))


def largest_bytes(pipeline: Sequence[Change], sample: Sample) -> int | None:
    """Bytes of one sample after some changes; None where its size is not known."""
    for change in pipeline:
        sample = change.infer(sample)
    total = sample.views * (4 if sample.dtype is DType.FLOAT32 else 1)
    for size in sample.shape:
        if size is None:
            return None
        total *= size
    return total
