"""What every preprocessing step is."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from netspec.data.preprocess.sample import Sample, StepError
from netspec.ops.attributes import integer, one_or_list

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

SIZE = one_or_list(integer(1, "a positive integer"), "a positive integer, or [height, width]")


class Step(BaseModel):
    """One step. `main` is the attribute that a bare value sets: `scale: 0.5`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=False, defer_build=True
    )

    name: ClassVar[str]
    main: ClassVar[str | None] = None
    #: How many it makes of one image (`ten_crop`).
    views: ClassVar[int] = 1

    @abstractmethod
    def infer(self, x: Sample) -> Sample:
        """The sample after this step.

        Raises:
            StepError: the step cannot take it.
        """


class ImageStep(Step):
    """A step on uint8 images, before `scale` and `normalize`."""

    @abstractmethod
    def apply(self, images: "Array") -> "Array":
        """The images `[*, channels, height, width]` after this step; they were seen to fit it."""


class AffineStep(Step):
    """A step y = gain * x + offset, in float32."""

    @abstractmethod
    def affine(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Gains and offsets, a number for each channel or one for all."""

    def infer(self, x: Sample) -> Sample:
        return x.as_float()


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
