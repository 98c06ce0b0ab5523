"""Building mnist_convnet's module from its graph against the constructor of the network written by hand."""

from __future__ import annotations

from benchmarks.by_hand import MnistConvnet
from benchmarks.harness import compare, report
from netspec import load
from netspec.backends.torch import build


def main() -> None:
    graph = load("mnist_convnet").graph
    for initialize in (True, False):
        found = compare(lambda initialize=initialize: build(graph, initialize=initialize), MnistConvnet)
        report(
            "build",
            initialize=initialize,
            netspec_ms=found.ours_seconds * 1e3,
            by_hand_ms=found.peer_seconds * 1e3,
            times_by_hand=1 / found.ratio,
            by_hand_against_itself=[round(found.same_low, 3), round(found.same_high, 3)],
        )


if __name__ == "__main__":
    main()
