"""A training step of mnist_convnet against the same network written by hand: one thread, batch 128, SGD.

Each side of a pair is ten steps in a row, as in training: the first step after the other network finds cold caches and
an allocator in another state, and would be measured with it.

Bars: with rewrites at least 1.8 x faster; without, a ratio of at most 1.10 the other way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.by_hand import MnistConvnet
from benchmarks.harness import compare, report
from netspec import build

STEPS = 10


def steps(module: nn.Module) -> Callable[[], None]:
    """Training steps on one fixed batch."""
    torch.manual_seed(0)
    images, labels = torch.randn(128, 1, 28, 28), torch.randint(0, 10, (128,))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)

    def run() -> None:
        for _ in range(STEPS):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(images), labels).backward()
            optimizer.step()

    return run


class _Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.ops: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.ops[str(func)] += 1
        return func(*args, **(kwargs or {}))


def ops_of_a_step(module: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> Counter[str]:
    """How often each aten op runs in a step of training."""
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with _Recorder() as recorder:
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(images), labels).backward()
        optimizer.step()
    return recorder.ops


def main() -> None:
    torch.set_num_threads(1)
    for rewrite in (True, False):
        found = compare(steps(build("mnist_convnet", rewrite=rewrite)), steps(MnistConvnet()))
        report(
            "step",
            rewrite=rewrite,
            netspec_ms=found.ours_seconds / STEPS * 1e3,
            by_hand_ms=found.peer_seconds / STEPS * 1e3,
            times_faster=found.ratio,
            by_hand_against_itself=[round(found.same_low, 3), round(found.same_high, 3)],
        )


if __name__ == "__main__":
    main()
