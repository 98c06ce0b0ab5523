"""LeNet-5 as published against the same written with torch's own layers, with no table, no block, no equation."""

from __future__ import annotations

import torch
from torch.nn import functional as F

import netspec
from tests.oracles.compare import filled
from tests.oracles.filling import batch

#: Table I of the paper: which maps of S2 each map of C3 reads.
TABLE = [
    [0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5], [0, 4, 5], [0, 1, 5],
    [0, 1, 2, 3], [1, 2, 3, 4], [2, 3, 4, 5], [0, 3, 4, 5], [0, 1, 4, 5], [0, 1, 2, 5],
    [0, 1, 3, 4], [1, 2, 4, 5], [0, 2, 3, 5], [0, 1, 2, 3, 4, 5],
]  # fmt: skip


def squash(x: torch.Tensor) -> torch.Tensor:
    return 1.7159 * torch.tanh(x * 2 / 3)


def test_the_table_of_connections_is_the_papers() -> None:
    module = filled("lenet5", torch.float64)
    x = torch.from_numpy(batch((2, 6, 14, 14))).double()
    found = module.C3(x)
    for unit, maps in enumerate(TABLE):
        for source in range(6):
            moved = x.clone()
            moved[:, source] += 1
            changed = bool((module.C3(moved)[:, unit] != found[:, unit]).any())
            assert changed == (source in maps), (unit, source)


def test_subsampling_and_squashing_are_the_papers() -> None:
    module = filled("lenet5", torch.float64)
    x = torch.from_numpy(batch((2, 6, 28, 28))).double()
    sums = F.avg_pool2d(x, 2) * 4
    torch.testing.assert_close(module.S2(x), sums * module.S2.coefficient + module.S2.bias)


def test_the_output_is_the_squared_distance_to_each_code() -> None:
    graph = netspec.load("lenet5").graph
    module = filled("lenet5", torch.float64)
    [bitmaps] = [node for node in graph.walk() if node.path == "bitmaps"]
    codes = torch.tensor(bitmaps.op.value, dtype=torch.float64).reshape(10, 84)
    assert set(codes.flatten().tolist()) == {1.0, -1.0}
    features: list[torch.Tensor] = []
    module.F6.register_forward_hook(lambda _, __, found: features.append(squash(found)))
    scores = module(torch.from_numpy(batch((3, 1, 32, 32))).double())
    distances = (features[0][:, None, :] - codes).square().sum(-1)
    torch.testing.assert_close(scores, -distances)


def test_the_codes_are_far_apart() -> None:
    [bitmaps] = [node for node in netspec.load("lenet5").graph.walk() if node.path == "bitmaps"]
    codes = torch.tensor(bitmaps.op.value).reshape(10, 84)
    apart = (codes[:, None] != codes[None]).sum(-1) + 84 * torch.eye(10, dtype=torch.int64)
    assert int(apart.min()) >= 10
