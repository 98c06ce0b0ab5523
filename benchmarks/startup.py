"""CPU time of `netspec check mnist_convnet` against that of importing torch, which a check in PyTorch would pay first.

Bar: at most 1/5, the median of 7 alternating runs.
"""

from __future__ import annotations

import statistics
import sys

from benchmarks.harness import command_cpu_seconds, report


def main() -> None:
    check = [sys.executable, "-m", "netspec", "check", "mnist_convnet"]
    torch = [sys.executable, "-c", "import torch"]
    for words in (check, torch):
        command_cpu_seconds(words)
    rows = [(command_cpu_seconds(check), command_cpu_seconds(torch)) for _ in range(7)]
    report(
        "startup",
        check_seconds=statistics.median(row[0] for row in rows),
        import_torch_seconds=statistics.median(row[1] for row in rows),
        share=statistics.median(ours / peer for ours, peer in rows),
    )


if __name__ == "__main__":
    main()
