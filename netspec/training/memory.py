"""Memory: what a run needs at least, how much there is, and what is said where it runs out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from torch import nn

from netspec.compiler.memory import training_bytes
from netspec.diagnostics import Diagnostic, Severity, TrainingError
from netspec.diagnostics.errors import says_memory_ran_out
from netspec.ir import Graph, bounds
from netspec.training.plan import TrainPlan
from netspec.training.settings import Settings

CODE = "out-of-memory"
# What torch's allocator of the CPU says.
_REFUSED = re.compile(r"can't allocate memory: you tried to allocate (\d+) bytes")
_ROOT = Path("/")


@contextmanager
def memory_for(plan: TrainPlan, module: nn.Module | None = None) -> Iterator[None]:
    """Turn what Python, NumPy and torch raise where memory runs out into a diagnostic.

    Args:
        plan: The stage.
        module: Its network, if there is one yet.

    Raises:
        TrainingError: `out-of-memory`, naming the layer where it is one.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not says_memory_ran_out(error):
            raise
        raise _explained(error, plan, module) from None


def too_little(plan: TrainPlan, *, root: Path = _ROOT) -> list[Diagnostic]:
    """A warning where a step is estimated to need more than there is, which a kernel ends without a word."""
    needed, free = needed_bytes(plan.graph, plan.settings.batch_size), free_bytes(root)
    if free is None or needed <= free:
        return []
    message = f"a step may need {needed:,} bytes of memory, {free:,} are free"
    return [
        Diagnostic(CODE, message, severity=Severity.WARNING, place=plan.spec.source.name, help=_help(plan.settings))
    ]


def needed_bytes(graph: Graph, batch: int) -> int:
    """The values of a forward pass that are kept for the backward pass, where all sizes are known, else the least."""
    return bounds(training_bytes(graph, batch))[0] or 0


def free_bytes(root: Path = _ROOT) -> int | None:
    """What this process can have: of the machine, and of the control group that it runs in. None: nobody says."""
    found = []
    with suppress(OSError, ValueError, IndexError):
        lines = (root / "proc/meminfo").read_text().splitlines()
        found += [1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    with suppress(OSError, ValueError):  # "max" is no number
        group = root / "sys/fs/cgroup"
        found.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    return max(0, min(found)) if found else None


def _explained(error: BaseException, plan: TrainPlan, module: nn.Module | None) -> TrainingError:
    layer = _layer(error.__traceback__, module) if module is not None else None
    node = next((each for each in plan.graph.walk() if each.path == layer), None)
    where = f" in `{layer}`" + (f" ({node.op.name})" if node is not None else "") if layer else ""
    refused = _REFUSED.search(str(error))
    asked = f": {int(refused[1]):,} bytes more were refused" if refused else ""
    settings = plan.settings
    needed = needed_bytes(plan.graph, settings.batch_size)
    note = f"the values of a forward pass take {needed:,} bytes at `batch_size: {settings.batch_size}`"
    message = f"memory ran out{where}{asked}"
    span = node.span if node is not None else None
    return TrainingError(
        [Diagnostic(CODE, message, span, place=plan.spec.source.name, notes=(note,), help=_help(settings))]
    )


def _help(settings: Settings) -> str:
    size = settings.batch_size
    if size == 1:
        return "a smaller network needs less"
    half = f"`batch_size: {size // 2}` with `accumulate: {2 * settings.accumulate}`"
    return f"{half} makes steps of about the same size and needs half as much for them"


def _layer(traceback: TracebackType | None, module: nn.Module) -> str | None:
    """The path of the innermost layer that was at work."""
    paths = {layer: path for path, layer in module.named_modules()}
    found = None
    while traceback is not None:
        layer = traceback.tb_frame.f_locals.get("self")
        found = paths.get(layer, found) if isinstance(layer, nn.Module) else found
        traceback = traceback.tb_next
    return found
