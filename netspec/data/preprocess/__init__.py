"""How a stored sample becomes an input: the steps, their check against types, and JSON. Imports no numpy.

`netspec.data.preprocess.arrays` runs them; `bind` reads them from a spec.
"""

from netspec.data.preprocess.pipeline import Affine, as_json, check, from_json, split, views
from netspec.data.preprocess.sample import Sample, StepError
from netspec.data.preprocess.steps import STEPS, ImageStep, Step

__all__ = [
    "STEPS",
    "Affine",
    "ImageStep",
    "Sample",
    "Step",
    "StepError",
    "as_json",
    "check",
    "from_json",
    "split",
    "views",
]
