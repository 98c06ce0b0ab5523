"""The element type that a forward pass computes in: float32, or a shorter one by autocast."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, optim

from netspec.diagnostics import UnavailableError
from netspec.training.parts import State

DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
#: By element type, the name of oneDNN's answer whether this CPU computes with it.
_CPU_CAN = {"bfloat16": "_is_mkldnn_bf16_supported", "float16": "_is_mkldnn_fp16_supported"}


class Precision:
    """Autocast, and the scaling of losses that float16 needs so that small gradients do not vanish.

    Raises:
        UnavailableError: `unavailable`: the device cannot compute with that type.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        self._device = device
        self._dtype = DTYPES.get(name)
        check_precision(name, device)
        self._scaler = torch.amp.GradScaler(device.type) if name == "float16" else None

    def forward(self) -> AbstractContextManager[object]:
        """The context of a forward pass."""
        if self._dtype is None:
            return nullcontext()
        return torch.autocast(self._device.type, self._dtype)

    def full(self, outputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Outputs as losses take them: in float32."""
        return outputs if self._dtype is None else tuple(map(_full, outputs))

    def backward(self, loss: Tensor) -> None:
        """Gradients of a loss."""
        scaled = loss if self._scaler is None else self._scaler.scale(loss)
        scaled.backward()  # type: ignore[no-untyped-call]  # torch has no annotation here

    def step(self, optimizer: optim.Optimizer, clip: Callable[[], object] | None) -> None:
        """Clip, and move the parameters; a step whose scaled gradients overflowed is left out."""
        if self._scaler is not None and clip is not None:
            self._scaler.unscale_(optimizer)
        if clip is not None:
            clip()
        if self._scaler is None:
            optimizer.step()
            return
        self._scaler.step(optimizer)
        self._scaler.update()

    def state(self) -> State:
        return self._scaler.state_dict() if self._scaler is not None else {}

    def restore(self, state: Mapping[str, Any]) -> None:
        if self._scaler is not None:
            self._scaler.load_state_dict(dict(state))


def check_precision(name: str, device: torch.device) -> None:
    """See that a device computes with a type.

    Raises:
        UnavailableError: `unavailable`: it does not.
    """
    if name not in DTYPES:
        return
    if device.type == "cuda":
        can = name == "float16" or torch.cuda.is_bf16_supported()
    else:
        can = bool(getattr(torch.ops.mkldnn, _CPU_CAN[name], lambda: False)())
    if not can:
        what = "this GPU" if device.type == "cuda" else "this CPU"
        help = "set `precision: float32`, or train on a device that can"
        raise UnavailableError.at("precision", "unavailable", f"{what} does not compute in {name}", help=help)


def _full(output: Tensor) -> Tensor:
    return output.float() if output.dtype in (torch.bfloat16, torch.float16) else output
