"""A training step of lstm_from_gates, a cell that is recognised, against torch.nn.LSTM: one thread, 50 steps, batch 32.

Bar: at most 1.10 x the time of torch's module. Without the rewrite it is the loop, which has no bar.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.harness import compare, report
from netspec import build

LENGTH, BATCH, SIZE = 50, 32, 128


def step(module: nn.Module) -> Callable[[], None]:
    """A training step on one fixed batch."""
    torch.manual_seed(0)
    x = torch.randn(BATCH, LENGTH, SIZE)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)

    def run() -> None:
        optimizer.zero_grad()
        found = module(x)
        (found[0] if isinstance(found, tuple) else found).square().mean().backward()
        optimizer.step()

    return run


def main() -> None:
    torch.set_num_threads(1)
    for rewrite in (True, False):
        peer = nn.LSTM(SIZE, SIZE, batch_first=True)
        found = compare(step(build("lstm_from_gates", rewrite=rewrite)), step(peer))
        report(
            "recurrent",
            rewrite=rewrite,
            netspec_ms=found.ours_seconds * 1e3,
            torch_ms=found.peer_seconds * 1e3,
            times_the_time=1 / found.ratio,
            torch_against_itself=[round(found.same_low, 3), round(found.same_high, 3)],
        )


if __name__ == "__main__":
    main()
