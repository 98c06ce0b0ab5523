"""The shipped specs as parameters of tests: those of the largest networks run with `-m slow`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import pytest

from netspec.compiler.shipped import shipped

#: Networks whose modules take seconds to fill and to run. Each has a smaller sibling, or is checked without torch.
LARGE = frozenset(
    """
    alexnet alexnet_torchvision googlenet googlenet_2014 resnet18 resnet34 resnet50 resnet101 resnet152
    vgg vgg11 vgg13 vgg16 vgg16_c vgg19 zf_faster_rcnn zfnet
    """.split()
)


def each(also_slow: Collection[str] = ()) -> Callable[[Any], Any]:
    """Run a test once for each spec, as its argument `name`; with `-m slow` for the largest and for those named."""
    slow = LARGE.union(also_slow)
    return pytest.mark.parametrize(
        "name", [pytest.param(name, marks=pytest.mark.slow) if name in slow else name for name in shipped()]
    )
