"""What no count of parameters shows, held to the papers: normalised responses, dropped shares, figures of recipes."""

from __future__ import annotations

import pytest
import torch

import netspec
from netspec.diagnostics import Report
from netspec.ops.regularize import Dropout
from netspec.training.planner import plan

PAPER, CAFFE = (2.0, 1e-4), (1.0, 1e-4 / 5)


def normalised(x: torch.Tensor, k: float, alpha: float) -> torch.Tensor:
    """AlexNet, section 3.3: a / (k + alpha * the sum of a^2 over five maps)^0.75."""
    squares = torch.stack([(x[:, max(0, i - 2) : i + 3] ** 2).sum(1) for i in range(x.shape[1])], 1)
    return x / (k + alpha * squares) ** 0.75


@pytest.mark.parametrize(
    ("name", "settings", "layers", "numbers"),
    [
        ("alexnet", (), ("norm1", "norm2"), PAPER),
        ("alexnet", ("alpha=1e-4", "k=1"), ("norm1", "norm2"), CAFFE),
        ("zfnet", (), ("cnorm1", "cnorm2"), PAPER),
        ("googlenet_2014", (), ("norm1", "norm2"), CAFFE),
    ],
)
def test_responses_are_normalised_by_the_formula(
    name: str, settings: tuple[str, ...], layers: tuple[str, ...], numbers: tuple[float, float]
) -> None:
    module = netspec.build(netspec.load(name, settings=settings), initialize=False)
    x = 100 * torch.randn(1, 9, 2, 2)
    for layer in layers:
        torch.testing.assert_close(module.get_submodule(layer)(x), normalised(x, *numbers))


@pytest.mark.parametrize(
    ("name", "shares"),
    [
        ("alexnet", [0.5, 0.5]),
        ("zfnet", [0.5, 0.5]),
        ("vgg16", [0.5, 0.5]),
        ("alexnet_torchvision", [0.5, 0.5]),
        ("googlenet_2014", [0.7, 0.7, 0.4]),
        ("googlenet", [0.7, 0.7, 0.2]),
        ("resnet50", []),
    ],
)
def test_shares_that_are_dropped(name: str, shares: list[float]) -> None:
    assert [node.op.p for node in netspec.load(name).graph.walk() if isinstance(node.op, Dropout)] == shares


@pytest.mark.parametrize(
    ("name", "batch", "weight_decay", "lr", "epochs"),
    [
        ("alexnet", 128, 5e-4, 0.01, 90),
        ("zfnet", 128, None, 0.01, 70),
        ("vgg16", 256, 5e-4, 0.01, 74),
        ("resnet50", 256, 1e-4, 0.1, 120),  # 600,000 batches of 1,281,167 images
        ("googlenet_2014", 32, 2e-4, 0.01, 60),  # Caffe's
        ("resnet20", 128, 1e-4, 0.1, None),
    ],
)
def test_figures_of_the_recipes(
    name: str, batch: int, weight_decay: float | None, lr: float, epochs: float | None
) -> None:
    stages = plan(netspec.load(name), Report())
    assert stages is not None
    settings, [update] = stages.final.settings, stages.final.updates
    [group] = update.groups
    assert settings.batch_size == batch and epochs in (None, settings.epochs)
    assert group.optimizer.name == "sgd" and group.optimizer.momentum == 0.9 and group.optimizer.lr == lr
    assert weight_decay in (None, group.optimizer.weight_decay)
    heads = [0.3, 0.3] if name == "googlenet_2014" else []
    assert [term.weight for term in update.terms] == [1.0, *heads]
