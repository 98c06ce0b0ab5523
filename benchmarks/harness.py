"""Alternating pairs in one process: on a machine that is never quiet, only ratios inside one run can be trusted."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """Medians of process CPU seconds, and of the ratios peer / ours pair by pair (above 1: ours is faster)."""

    ours_seconds: float
    peer_seconds: float
    ratio: float
    #: The same measured with the peer against itself: what a ratio of 1 looks like in this run.
    same_low: float
    same_high: float


def compare(ours: Callable[[], object], peer: Callable[[], object], *, pairs: int = 21, warmup: int = 3) -> Comparison:
    """Run peer, ours, peer in turn; CPU seconds of all threads."""
    for _ in range(warmup):
        ours()
        peer()
    rows = [(cpu_seconds(peer), cpu_seconds(ours), cpu_seconds(peer)) for _ in range(pairs)]
    same = sorted(first / second for first, _, second in rows)
    return Comparison(
        ours_seconds=statistics.median(row[1] for row in rows),
        peer_seconds=statistics.median(row[0] for row in rows),
        ratio=statistics.median((first + second) / 2 / mine for first, mine, second in rows),
        same_low=same[len(same) // 10],
        same_high=same[-1 - len(same) // 10],
    )


def cpu_seconds(work: Callable[[], object]) -> float:
    """Process CPU time of one call, all threads."""
    started = time.process_time()
    work()
    return time.process_time() - started


def command_cpu_seconds(words: list[str], environment: Mapping[str, str] | None = None) -> float:
    """User and system CPU time of a command; `environment` takes the place of this process's."""
    import resource

    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def report(name: str, **values: object) -> None:
    """One JSON line."""
    rounded = {key: round(value, 5) if isinstance(value, float) else value for key, value in values.items()}
    sys.stdout.write(json.dumps({"benchmark": name, **rounded}) + "\n")
