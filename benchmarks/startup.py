"""CPU time of `netspec check` against that of importing torch, which a check in PyTorch would pay first.

Bars: at most 1/5 for mnist_convnet and 1/4 for others, the median of 7 alternating runs; `best_share` is that of the
least times, which other work on the machine hardly touches. Both have their bytecode, as pip installs it: under
PYTHONDONTWRITEBYTECODE a checkout would be compiled anew in every run, and torch not.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Mapping

from benchmarks.harness import command_cpu_seconds, report

ROUNDS = 7
TORCH = [sys.executable, "-c", "import torch"]


def main(specs: list[str]) -> None:
    """Measure the check of each spec."""
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as bytecode:
        for spec in specs:
            _measure(spec, {**kept, "PYTHONPYCACHEPREFIX": bytecode})


def _measure(spec: str, environment: Mapping[str, str]) -> None:
    check = [sys.executable, "-m", "netspec", "check", spec]
    for words in (check, TORCH):  # writes the bytecode
        command_cpu_seconds(words, environment)
    rows = [(command_cpu_seconds(check, environment), command_cpu_seconds(TORCH, environment)) for _ in range(ROUNDS)]
    ours, peer = zip(*rows, strict=True)
    report(
        "startup",
        spec=spec,
        check_seconds=statistics.median(ours),
        import_torch_seconds=statistics.median(peer),
        share=statistics.median(check / torch for check, torch in rows),
        best_share=min(ours) / min(peer),
    )


if __name__ == "__main__":
    main(sys.argv[1:] or ["mnist_convnet"])
