"""mnist_convnet to 99 %: test accuracy and CPU seconds of `netspec train` for three seeds, start-up included.

Bars: at least 99.0 % with every seed, in at most 60 CPU seconds each. The peer, in the same run, is one epoch of the
network written by hand, with a DataLoader and a transform per sample as in most tutorials; ours is the shipped
recipe's CPU time per epoch, its evaluations included.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.by_hand import MnistConvnet
from benchmarks.harness import command_cpu_seconds, cpu_seconds, report
from netspec.data.readers.mnist import Mnist
from netspec.lang.folder import Folder

SEEDS = (0, 1, 2)


class Digits(Dataset[tuple[torch.Tensor, int]]):
    """Training digits, each made a tensor and normalised when it is asked for."""

    def __init__(self) -> None:
        arrays = Mnist().load(Folder(Path())).arrays
        self.images, self.labels = arrays["image"], arrays["label"]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = torch.from_numpy(self.images[index].astype(np.float32)) / 255
        return (image - 0.1307) / 0.3081, int(self.labels[index])


def epoch_by_hand() -> None:
    torch.manual_seed(0)
    module = MnistConvnet()
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3)
    for images, labels in DataLoader(Digits(), batch_size=128, shuffle=True):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(images), labels).backward()
        optimizer.step()


def main() -> None:
    torch.set_num_threads(1)
    program = [sys.executable, "-m", "netspec"]
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            run = str(Path(folder, str(seed)))
            seconds = command_cpu_seconds([*program, "train", "mnist_convnet", "--seed", str(seed), "-o", run])
            said = subprocess.run([*program, "eval", run, "--format", "json"], check=True, capture_output=True).stdout
            epochs = len(Path(run, "metrics.jsonl").read_text().splitlines())
            rows[seed] = {"accuracy": json.loads(said)["metrics"]["accuracy"], "cpu_seconds": round(seconds, 1)}
    peer = cpu_seconds(epoch_by_hand)
    ours = sum(row["cpu_seconds"] for row in rows.values()) / len(rows) / epochs
    report(
        "mnist", seeds=rows, epochs=epochs, netspec_epoch_seconds=ours, by_hand_epoch_seconds=peer, ratio=peer / ours
    )


if __name__ == "__main__":
    main()
