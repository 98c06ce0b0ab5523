"""The options of every command that reads a SPEC: what is set in it, how large it may be, where it may look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

import netspec
from netspec.cli.options import COUNT
from netspec.compiler import Spec
from netspec.lang.reader import Limits

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Reading:
    """How specs are read."""

    settings: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    allowed: tuple[Path, ...] = ()

    def load(self, ref: str | Path, more: Sequence[str] = ()) -> Spec:
        """The checked spec of a reference; `more` are settings of its own.

        Raises:
            SpecError, NetspecError: as `netspec.load`.
        """
        return netspec.load(ref, settings=(*self.settings, *more), limits=self.limits, allowed=self.allowed)


def check_settings(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Settings that have the form of one; what they set is checked with the spec.

    Raises:
        BadParameter: one has not.
    """
    for value in values:
        name, equals, _ = value.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"{value!r} is not NAME=VALUE, as in depth=101 or train.epochs=3", ctx, parameter)
    return values


_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_OPTIONS = (
    click.option(
        "--set", "settings", metavar="NAME=VALUE", multiple=True, callback=check_settings,
        help="Set an argument or a key, depth=101 or train.epochs=3; may be repeated.",
    ),
    click.option("--max-layers", type=COUNT, metavar="N", help="Take networks of up to so many layers."),
    click.option("--max-params", type=COUNT, metavar="N", help="Take networks of up to so many parameters."),
    click.option("--max-bytes", type=COUNT, metavar="N", help="Read specs of up to this size."),
    click.option(
        "--allow", "allowed", type=_FOLDER, metavar="DIR", multiple=True,
        help="Read files from this folder too; may be repeated.",
    ),
)  # fmt: skip


workers_option: Callable[[F], F] = click.option(
    "--workers",
    type=click.IntRange(min=0, max=64),
    help="Processes that decode images which do not fit into memory.",
)


def reading_options(command: F) -> F:
    """Give a command the options, and `reading`, which they make."""

    @wraps(command)
    def with_reading(
        *args: Any,
        settings: tuple[str, ...],
        max_layers: int | None,
        max_params: int | None,
        max_bytes: int | None,
        allowed: tuple[Path, ...],
        **others: Any,
    ) -> Any:
        limits = _limits(graph_nodes=max_layers, params=max_params, size_bytes=max_bytes)
        return command(*args, reading=Reading(settings, limits, allowed), **others)

    found: Any = with_reading
    for option in reversed(_OPTIONS):
        found = option(found)
    return cast(F, found)


def _limits(**wanted: int | None) -> Limits:
    return replace(Limits(), **{name: limit for name, limit in wanted.items() if limit is not None})
