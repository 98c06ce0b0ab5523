"""Where a run computes, and with how many threads."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from netspec.compiler.analyses import counts
from netspec.diagnostics import UnavailableError
from netspec.ir import Graph, bounds

Device = Literal["auto", "cpu", "cuda"]

# A second thread costs more CPU time than it saves wall time below about this many multiply-accumulates a step: the
# lecture's ConvNet at batch 128 has 7e7, and took 24 CPU seconds with one thread, 32 with two on idle cores, 131 on
# busy ones.
MACS_PER_THREAD = 500_000_000


def select(device: str) -> torch.device:
    """The device of that name; `auto` is CUDA where there is one.

    Raises:
        UnavailableError: `unavailable`: CUDA was asked for, and there is none.
    """
    if device == "cpu" or (device == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        build = "this torch is built for the CPU only" if torch.version.cuda is None else "no CUDA device was found"
        help = "install a CUDA build of torch (https://pytorch.org/get-started), or use `--device cpu`"
        raise UnavailableError.at("--device cuda", "unavailable", f"CUDA is not available: {build}", help=help)
    return torch.device("cuda")


def threads_for(graph: Graph, batch_size: int) -> int:
    """Threads for steps of this size: more only where each has enough to do."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, (bounds(counts(graph).macs)[0] or 0) * batch_size // MACS_PER_THREAD))


@contextmanager
def using_threads(count: int) -> Iterator[None]:
    """Let torch compute with that many threads, and give back its own number at the end."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(device: torch.device, seed: int) -> Iterator[None]:
    """Let torch draw from a seed, on the CPU and that device, and give back its generators as they were."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
