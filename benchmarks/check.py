"""Checking chains of 10,000 and 50,000 layers against PyYAML's own reading of the same text (C loader).

Bars: 10,000 layers in at most 2 CPU seconds, 50,000 in at most 6 times that.
"""

from __future__ import annotations

import yaml

from benchmarks.harness import cpu_seconds, report
from netspec.compiler import compile_source
from netspec.diagnostics import Source


def chain(layers: int) -> str:
    """A spec of that many layers."""
    return "netspec: 1\ninputs: {x: [100]}\nlayers:\n" + "  - linear: 100\n  - relu\n" * (layers // 2)


def main() -> None:
    seconds = {}
    for layers in (10_000, 50_000):
        text = chain(layers)
        runs = [cpu_seconds(lambda text=text: compile_source(Source("chain.yaml", text))) for _ in range(3)]
        seconds[layers] = min(runs)
        peer = min(cpu_seconds(lambda text=text: yaml.load(text, yaml.CSafeLoader)) for _ in range(3))
        report("check", layers=layers, netspec_seconds=seconds[layers], yaml_load_seconds=peer)
    report("check", growth=seconds[50_000] / seconds[10_000])


if __name__ == "__main__":
    main()
