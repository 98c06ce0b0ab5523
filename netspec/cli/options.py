"""What options of several commands have in common: numbers that a machine can mean, and devices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

#: Sizes have 64 bits, and one more than a limit must still be one.
LARGEST = 2**62


class _Count(click.IntRange):
    """A whole number from 1."""

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number; a usage error where no machine has so many."""
        number: int = super().convert(value, param, ctx)
        if number > LARGEST:
            self.fail(f"{number} is more than 2**62.", param, ctx)
        return number


class Amount(click.FloatRange):
    """A finite number."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number; a usage error for `nan` and `inf`, which a range takes."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not finite.", param, ctx)
        return number


COUNT = _Count()


def device_option(default: Literal["auto", "cpu"]) -> Callable[[F], F]:
    """`--device`; CUDA where there is none is an error and never the CPU."""
    return click.option(
        "--device",
        type=click.Choice(["auto", "cpu", "cuda"]),
        default=default,
        envvar="NETSPEC_DEVICE",
        show_envvar=True,
        help="auto: CUDA where it is there.",
    )
