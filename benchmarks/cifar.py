"""resnet20 on CIFAR-10 for two epochs: test accuracy and CPU seconds of the shipped recipe, with one thread.

`python -m benchmarks.cifar DATA RUN`: DATA is a folder that the reader `cifar10` reads, RUN the run directory.
The bar: at least 50 % of the 10,000 test images.
"""

from __future__ import annotations

import sys
from pathlib import Path

import netspec
from benchmarks.harness import report
from netspec.training.evaluate import evaluate
from netspec.training.run import train


def main(data: Path, directory: Path) -> None:
    spec = netspec.load("resnet20", settings=[f"data={data}"], allowed=[data])
    run = train(spec, device="cpu", threads=1, directory=directory, progress=False, allowed=(data,))
    test = evaluate(spec, run.weights, device="cpu", allowed=(data,))
    report("cifar", history=run.history, test=test, cpu_seconds=run.cpu_seconds, seconds=run.seconds)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
