"""What no count of parameters shows: normalised responses, and which shares are dropped, as the papers have them."""

from __future__ import annotations

import pytest
import torch

import netspec
from netspec.ops.regularize import Dropout

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
