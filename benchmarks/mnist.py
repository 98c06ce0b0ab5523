"""mnist_convnet to 99 % test accuracy by its shipped recipe, with seeds 0, 1 and 2.

Bars: at least 99.0 % with each seed, in at most 60 CPU seconds each, start-up and evaluations included.

The peer is the same network and recipe as everyone writes it by hand: the usual Dataset that transforms one sample at a
time, a DataLoader without workers, contiguous layout. It trains one epoch, as it would take too long to run to the end;
times are compared by the epoch, on one thread each.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, random_split

from benchmarks.by_hand import MnistConvnet
from benchmarks.harness import command_cpu_seconds, cpu_seconds, report
from netspec import load
from netspec.data.folder import Folder
from netspec.data.readers import Mnist
from netspec.training.evaluate import evaluate

EPOCHS = 8


class Digits(Dataset[tuple[torch.Tensor, int]]):
    """MNIST as torchvision has it: ToTensor and Normalize for each sample."""

    def __init__(self) -> None:
        arrays = Mnist().load(Folder(Path())).arrays
        self.images, self.labels = torch.from_numpy(arrays["image"]), arrays["label"].tolist()

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        image = self.images[index].to(torch.float32).div(255)
        return image.sub_(0.1307).div_(0.3081), self.labels[index]


def train_by_hand(epochs: int = EPOCHS, *, stop_after: int = 1) -> None:
    """The first epochs of the shipped recipe."""
    digits, _ = random_split(Digits(), [54_000, 6_000])
    loader = DataLoader(digits, batch_size=128, shuffle=True)
    network, loss_fn = MnistConvnet(), nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.006, weight_decay=0.1)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.006, total_steps=epochs * len(loader))
    for _ in range(stop_after):
        for images, labels in loader:
            optimizer.zero_grad()
            loss_fn(network(images), labels).backward()
            optimizer.step()
            scheduler.step()


def train_with_netspec(seed: int, directory: Path) -> tuple[float, float, float]:
    """Test accuracy, CPU seconds of the command, and CPU seconds of an epoch with its evaluation."""
    command = [sys.executable, "-m", "netspec", "train", "mnist_convnet", "--seed", str(seed), "-o", str(directory)]
    spent = command_cpu_seconds(command)
    rows = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    epoch = (rows[-1]["cpu_seconds"] - rows[0]["cpu_seconds"]) / (len(rows) - 1)
    return evaluate(load("mnist_convnet"), directory / "best.safetensors")["accuracy"], spent, epoch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        rows = [train_with_netspec(seed, Path(folder, str(seed))) for seed in seeds]
    by_hand = cpu_seconds(train_by_hand)
    ours = sorted(row[2] for row in rows)[len(rows) // 2]
    report(
        "mnist",
        seeds=seeds,
        test_accuracy=[round(row[0], 4) for row in rows],
        cpu_seconds=[round(row[1], 1) for row in rows],
        netspec_epoch_cpu_seconds=ours,
        by_hand_epoch_cpu_seconds=by_hand,
        times_faster=by_hand / ours,
    )


if __name__ == "__main__":
    main()
