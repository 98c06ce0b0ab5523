"""What the ops ask torch for, spelt as people write it: only what is not the default, the first things by position."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from netspec.ir import TensorType
from netspec.ops.base import Op


class Text(str):
    """A name or a call, spelt; it stands for a builder, a module and an expression alike."""

    type: TensorType

    def __getattr__(self, name: str) -> Any:
        return Text(f"{self}.{name}" if self else name)

    def __call__(self, *args: Any, **kwargs: Any) -> Text:
        spelt = [*map(spell, args), *(f"{key}={spell(value)}" for key, value in kwargs.items())]
        return Text(f"{self}({', '.join(spelt)})")

    def __add__(self, other: str) -> Text:
        return Text(f"{self!s} + {other!s}")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape


def spell(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(spell, value))}]"
    return str(value) if isinstance(value, Text) else repr(value)


@pytest.mark.parametrize(
    ("layer", "shapes", "text"),
    [
        ("conv: {out_channels: 20, kernel_size: 5}", [(1, 28, 28)], "nn.Conv2d(1, 20, kernel_size=5)"),
        (
            "conv: {out_channels: 64, kernel_size: [3], padding: 1, stride: 1, bias: false}",
            [(3, 9)],
            "nn.Conv1d(3, 64, kernel_size=(3,), padding=1, bias=False)",
        ),
        ("max_pool: 2", [(1, 4, 4)], "nn.MaxPool2d(2)"),
        ("max_pool: {kernel_size: 3, stride: 2, padding: 1}", [(1, 4, 4)], "nn.MaxPool2d(3, stride=2, padding=1)"),
        ("adaptive_avg_pool: 1", [(1, 4, 4)], "nn.AdaptiveAvgPool2d(1)"),
        ("batch_norm", [(6, 4, 4)], "nn.BatchNorm2d(6)"),
        ("batch_norm", [(6,)], "nn.BatchNorm1d(6)"),
        ("linear: 10", [(100,)], "nn.Linear(100, 10)"),
        ("relu", [(3,)], "nn.ReLU()"),
        ("leaky_relu: 0.2", [(3,)], "nn.LeakyReLU(0.2)"),
        ("hardtanh: {max_val: 2}", [(3,)], "nn.Hardtanh(max_val=2.0)"),
        ("gelu: {approximate: none}", [(3,)], "nn.GELU()"),
        ("softmax", [(3,)], "nn.Softmax(dim=1)"),
        ("softmax: -1", [(3, 4)], "nn.Softmax(dim=-1)"),
        ("dropout: 0.5", [(3,)], "nn.Dropout(0.5)"),
        ("feature_dropout", [(3, 4, 4)], "nn.Dropout2d(0.5)"),
        ("flatten", [(3, 4)], "nn.Flatten()"),
        ("flatten: {start_dim: 2, end_dim: 3}", [(3, 4, 5, 6)], "nn.Flatten(2, end_dim=3)"),
        ("reshape: [2, -1]", [(3, 4)], "x0.reshape(-1, 2, 6)"),
        ("permute: [2, 1]", [(3, 4)], "x0.permute(0, 2, 1)"),
        ("add", [(3,), (3,)], "x0 + x1"),
        ("add", [(3,), (3,), (3,)], "x0 + x1 + x2"),
        ("maximum", [(3,), (3,)], "torch.maximum(x0, x1)"),
        ("concat", [(3,), (3,)], "torch.cat([x0, x1], dim=1)"),
    ],
)
def test_text(parse: Callable[[str], Op], layer: str, shapes: list[tuple[int, ...]], text: str) -> None:
    inputs = [Text(f"x{i}") for i in range(len(shapes))]
    for each, shape in zip(inputs, shapes, strict=True):
        each.type = TensorType(shape)
    assert parse(layer).to_torch(Text(""), *inputs) == text
