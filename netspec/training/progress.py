"""Progress on a terminal's stderr, drawn by rich; nothing elsewhere."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Reporter(Protocol):
    """Takes what there is to show."""

    def step(self, done: int) -> None:
        """This many steps are done."""

    def evaluated(self, text: str) -> None:
        """An evaluation, as one line."""


class Silent:
    """Shows nothing."""

    def step(self, done: int) -> None:
        pass

    def evaluated(self, text: str) -> None:
        pass


class Bar:
    """A bar, with a line above it for each evaluation."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def step(self, done: int) -> None:
        # Rich redraws by itself; every tenth step is more than the eye sees.
        if done % 10 == 0:
            self._progress.update(self._task, completed=done)

    def evaluated(self, text: str) -> None:
        self._progress.console.print(text, highlight=False)


def reporter(steps: int, wanted: bool) -> tuple[Reporter, AbstractContextManager[object]]:
    """A reporter, and the context in which it draws."""
    if not wanted:
        return Silent(), nullcontext()
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    return Bar(progress, progress.add_task("training", total=steps)), progress


def line(row: dict[str, Any]) -> str:
    """`epoch 1: train loss 0.5 accuracy 0.9, validation loss 0.4 accuracy 0.9`."""
    parts = []
    for split in ("train", "validation"):
        prefix = f"{split}_"
        numbers = [f"{key.removeprefix(prefix)} {value:.4f}" for key, value in row.items() if key.startswith(prefix)]
        parts += [f"{split} {' '.join(numbers)}"] if numbers else []
    stage = f"{row['stage']}, " if "stage" in row else ""
    return f"{stage}epoch {row['epoch']:g}: {', '.join(parts)}"
