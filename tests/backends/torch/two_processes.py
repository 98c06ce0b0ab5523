"""What each of two processes does on gloo: whole batches are compared with halves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import distributed, nn

import netspec
from netspec.backends.onnx.parity import random_inputs
from netspec.backends.torch import build
from netspec.compiler.admissible import admissible


@contextmanager
def _group(rank: int, port: int) -> Iterator[None]:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"tcp://localhost:{port}", rank=rank, world_size=2)
    try:
        yield
    finally:
        distributed.destroy_process_group()


def _network(name: str) -> tuple[nn.Module, list[torch.Tensor]]:
    """The same weights and the same batch of four in each process; without noise and batch statistics."""
    torch.manual_seed(0)
    graph = netspec.load(name).graph
    inputs = random_inputs(graph, 4, admissible(graph)[1])
    return build(graph).eval(), [torch.from_numpy(each) for each in inputs.values()]


def _loss(outputs: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor:
    every = outputs if isinstance(outputs, tuple) else (outputs,)
    return torch.stack([each.square().mean() for each in every]).sum()


def averaged_gradients(rank: int, name: str, port: int) -> None:
    """Gradients of halves, averaged by DistributedDataParallel, are those of the whole batch."""
    with _group(rank, port):
        module, inputs = _network(name)
        _loss(module(*inputs)).backward()
        expected = [parameter.grad.clone() for parameter in module.parameters() if parameter.grad is not None]
        module.zero_grad()
        parallel = nn.parallel.DistributedDataParallel(module)
        _loss(parallel(*(each[2 * rank : 2 * rank + 2] for each in inputs))).backward()
        found = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
        for a, b in zip(found, expected, strict=True):
            torch.testing.assert_close(a, b)


def sharded_outputs(rank: int, name: str, port: int) -> None:
    """A network whose parameters are halved by `fully_shard` computes the same, and has the same gradients."""
    from torch.distributed.fsdp import fully_shard

    with _group(rank, port):
        module, inputs = _network(name)
        expected = module(*inputs).detach()
        _loss(module(*inputs)).backward()
        gradients = {
            key: parameter.grad.clone() for key, parameter in module.named_parameters() if parameter.grad is not None
        }
        module.zero_grad()
        mesh = distributed.init_device_mesh("cpu", (2,))
        for child in module.children():
            if any(True for _ in child.parameters()):
                fully_shard(child, mesh=mesh)
        fully_shard(module, mesh=mesh)
        mine = sum(parameter.to_local().numel() for parameter in module.parameters())
        assert mine < sum(parameter.numel() for parameter in module.parameters())
        outputs = module(*inputs)
        torch.testing.assert_close(outputs.detach(), expected)
        _loss(outputs).backward()
        for key, parameter in module.named_parameters():
            assert parameter.grad is not None
            torch.testing.assert_close(parameter.grad.full_tensor(), gradients[key])
