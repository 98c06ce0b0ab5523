"""Building a module from its graph against the constructor of the network written by hand.

Bars for ResNet-152: at most 1.1 x with the same initial values drawn, at most 0.25 x where they are skipped because
weights are loaded next.
"""

from __future__ import annotations

from functools import partial

from benchmarks.by_hand import MnistConvnet, resnet152
from benchmarks.harness import compare, report
from netspec import load
from netspec.backends.torch import build


def main() -> None:
    for name, peer, pairs in (("mnist_convnet", MnistConvnet, 21), ("resnet152", resnet152, 7)):
        graph = load(name).graph
        for initialize in (True, False):
            found = compare(partial(build, graph, initialize=initialize), peer, pairs=pairs, warmup=1)
            report(
                "build",
                network=name,
                initialize=initialize,
                netspec_ms=found.ours_seconds * 1e3,
                by_hand_ms=found.peer_seconds * 1e3,
                times_by_hand=1 / found.ratio,
                by_hand_against_itself=[round(found.same_low, 3), round(found.same_high, 3)],
            )


if __name__ == "__main__":
    main()
