"""What netspec's loop costs over a bare loop written by hand: the same module, data, optimiser and steps.

The bare loop gathers each batch, normalises it, and does forward, loss, backward and step; it measures nothing and
watches nothing. Ours is `Loop.run` without evaluations: it also watches every loss, counts accuracy, and asks its
observers. A network of one layer of ten shows the overhead, the lecture's ConvNet what it means.

Bars: the median ratio of 21 alternating pairs at most 1.10 for mnist_convnet, and at most 150 microseconds a step.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

import netspec
from benchmarks.harness import compare, report
from netspec.backends.torch import build
from netspec.compiler.passes import rewrite
from netspec.training.interrupt import Stop
from netspec.training.journal import Journal
from netspec.training.loop import Loop, Splits
from netspec.training.plan import TrainPlan
from netspec.training.progress import Silent
from netspec.training.run import planned
from netspec.training.splits import load_parts

#: Steps of one side of a pair.
STEPS = {"one layer": 200, "mnist_convnet": 40}
CPU = torch.device("cpu")
SMALL = """\
netspec: 1
name: small
inputs: {image: {shape: [1, 28, 28], preprocess: [{scale: =1/255}, {normalize: {mean: [0.1307], std: [0.3081]}}]}}
layers: [flatten, {linear: 10}]
train:
  data: {mnist: {take: 25600}}
  batch_size: 128
  loss: cross_entropy
  metrics: accuracy
  optimizer: {sgd: 0.01}
  epochs: 1
"""


class _Unwritten(Loop):
    """A loop whose last evaluation is left out: only steps are compared."""

    def _evaluate(self, moment: object) -> dict[str, object]:
        return {"epoch": 0}


def ours(plan: TrainPlan, folder: Path, steps: int) -> Callable[[], None]:
    torch.manual_seed(0)
    module = build(rewrite(plan.graph))
    splits = Splits.of(load_parts(plan)[0], None, plan, CPU)

    def run() -> None:
        loop = _Unwritten(plan, module, splits, CPU, Journal(folder), seed=0, place="bench")
        loop.order._steps = steps
        loop.run(Silent(), Stop())

    return run


def by_hand(plan: TrainPlan, steps: int) -> Callable[[], None]:
    torch.manual_seed(0)
    module = build(rewrite(plan.graph))
    samples = load_parts(plan)[0].arrays
    images, labels = torch.from_numpy(samples["image"]), torch.from_numpy(samples["label"])
    mean, std = 0.1307, 0.3081

    def run() -> None:
        module.train()
        optimizer = optimizer_of(plan, module)
        order = torch.randperm(len(images))
        for places in order[: steps * 128].split(128):
            x = images[places].float().mul_(1 / 255 / std).add_(-mean / std)
            loss = nn.functional.cross_entropy(module(x), labels[places])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    return run


def optimizer_of(plan: TrainPlan, module: nn.Module) -> torch.optim.Optimizer:
    chosen = plan.updates[0].groups[0].optimizer
    return getattr(torch.optim, chosen.torch_name)(module.parameters(), **chosen.arguments(), fused=True)


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "small.yaml").write_text(SMALL)
        for name, ref in (("one layer", folder / "small.yaml"), ("mnist_convnet", "mnist_convnet")):
            settings = [] if name == "one layer" else ["train.loss=cross_entropy", "train.validation=none"]
            plan = planned(netspec.load(ref, settings=settings)).final
            steps = STEPS[name]
            found = compare(ours(plan, folder, steps), by_hand(plan, steps))
            report(
                "loop",
                network=name,
                ratio=1 / found.ratio,
                overhead_us_per_step=(found.ours_seconds - found.peer_seconds) / steps * 1e6,
                netspec_us_per_step=found.ours_seconds / steps * 1e6,
                by_hand_against_itself=[round(found.same_low, 3), round(found.same_high, 3)],
            )


if __name__ == "__main__":
    main()
