"""The closed table of preprocessing steps. Images are uint8 as in PIL up to `scale`, float32 tensors from there on."""

from netspec.data.preprocess.step import AffineStep, ImageStep, Step
from netspec.lang.families import Families

STEPS: Families[Step] = Families(__package__, ("colour", "geometry", "affine"), Step)

#: Steps of the language that this release does not have yet.
LATER = frozenset({"lowercase", "tokenize"})

__all__ = ["LATER", "STEPS", "AffineStep", "ImageStep", "Step"]
