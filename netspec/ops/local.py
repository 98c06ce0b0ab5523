"""Convolutions without shared weights."""

from collections.abc import Mapping
from math import prod
from typing import Any

from netspec.ir import DType, TensorType
from netspec.ops.attributes import Margin, PositiveInt, Size
from netspec.ops.base import Example, Main, Param
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import ALL, Reads
from netspec.ops.sizes import known
from netspec.ops.sliding import SlidingOp, SlidingWindow


class LocallyConnected(SlidingOp):
    """A convolution whose kernel and bias are others at every position: local receptive fields, nothing shared.

    input: (in_channels, *space) -> (out_channels, *out), out = (size + 2*padding - kernel_size)//stride + 1.
    `weight` is [positions*out_channels, in_channels*kernel], a row for each position and, within it, each output
    channel; `bias` has a number for each row. Every size must be known.
    Source: LeCun 1989; Taigman et al. 2014 (DeepFace).
    """

    name = "locally_connected"
    out_channels: PositiveInt = Main()
    kernel_size: Size
    stride: Size = 1
    padding: Margin = 0
    bias: bool = True
    examples = [
        Example("locally_connected: {out_channels: 1, kernel_size: 5}", (1, 28, 28)),
        Example(
            "locally_connected: {out_channels: 3, kernel_size: [3, 2], stride: [2, 1], padding: [1, 0]}", (2, 5, 4)
        ),
        Example("locally_connected: {out_channels: 4, kernel_size: 3, stride: 2, bias: false}", (3, 9)),
        Example("locally_connected: {out_channels: 2, kernel_size: 2, padding: 1}", (2, 2, 3, 2)),
    ]

    def windows(self, input: TensorType) -> tuple[SlidingWindow, ...]:
        space = self.space(input)
        per_axis = (self.per_axis(name, len(space)) for name in ("kernel_size", "stride", "padding"))
        return tuple(SlidingWindow(size, k, s, p, p) for size, k, s, p in zip(space, *per_axis, strict=True))

    def positions(self, input: TensorType) -> tuple[int, ...]:
        """Sizes of the output's space axes; each position has weights of its own."""
        return tuple(known(size, f"a size of {self.name}") for size in self.out_space(input))

    def fan_in(self, input: TensorType) -> tuple[int, ...]:
        """What one output element reads: channels, and the kernel's sizes."""
        return known(input.shape[0], f"in_channels of {self.name}"), *self.per_axis("kernel_size", input.rank - 1)

    def infer(self, input: TensorType) -> TensorType:
        positions = self.positions(input)
        self.fan_in(input)
        return input.with_shape(self.out_channels, *positions)

    def rows(self, input: TensorType) -> int:
        """How many kernels there are."""
        return prod(self.positions(input)) * self.out_channels

    def params(self, input: TensorType) -> Mapping[str, Param]:
        weight = Param((self.rows(input), prod(self.fan_in(input))), dtype=input.dtype)
        return {"weight": weight} | ({"bias": Param((self.rows(input),), dtype=input.dtype)} if self.bias else {})

    def macs(self, input: TensorType) -> int:
        return self.rows(input) * prod(self.fan_in(input))

    def reads(self, dim: int, input: TensorType) -> Reads:
        return ALL if dim == 1 else super().reads(dim, input)

    def explain(self, input: TensorType) -> str:
        fan_in, positions = ("*".join(map(str, each)) for each in (self.fan_in(input), self.positions(input)))
        per_kernel = f"({fan_in} + 1)" if self.bias else fan_in
        per_position = f"{per_kernel} * {self.out_channels}" if self.out_channels > 1 else per_kernel
        return f"{positions} * {per_position}"

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        """The weights of an nn.Linear, whose fan-in and so whose initial values are these, as a matrix a position."""
        type = input.type
        positions, fan_in = prod(self.positions(type)), prod(self.fan_in(type))
        patches = self._patches(t, input)
        options = {} if self.bias else {"bias": False}

        def use(own: TorchValue) -> TorchResult:
            weight = own.weight.view(positions, self.out_channels, fan_in)
            product = t.torch.bmm(weight, patches)
            if self.bias:
                product = t.torch.baddbmm(own.bias.view(positions, self.out_channels, 1), weight, patches)
            return product.permute(2, 1, 0).reshape(-1, self.out_channels, *self.positions(type))

        return t.module(t.nn.Linear(fan_in, positions * self.out_channels, **options), use)

    def _patches(self, t: TorchBuilder, input: TorchValue) -> Any:
        """What each position reads: [positions, fan_in, N]."""
        type, windows = input.type, self.windows(input.type)
        axes = range(2, 2 + len(windows))
        patches: Any = input
        if any(window.before for window in windows):
            patches = t.F.pad(input, tuple(pad for each in reversed(windows) for pad in (each.before, each.after)))
        for axis, window in zip(axes, windows, strict=True):
            patches = patches.unfold(axis, window.kernel, window.stride)
        moved = patches.permute(*axes, 1, *(axis + len(windows) for axis in axes), 0)
        return moved.reshape(prod(self.positions(type)), prod(self.fan_in(type)), -1)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        positions = self.positions(input.type)
        count = prod(positions)
        weight = g.Reshape(p.weight, g.ints([count, self.out_channels, -1]))
        product = g.MatMul(weight, self._gathered(g, input))
        if self.bias:
            product = g.Add(product, g.Reshape(p.bias, g.ints([count, self.out_channels, 1])))
        return g.Reshape(g.Transpose(product, perm=[2, 1, 0]), g.ints([-1, self.out_channels, *positions]))

    def _gathered(self, g: OnnxBuilder, input: OnnxValue) -> OnnxValue:
        """The same patches: ONNX has no operator for them, but Gather makes two axes of one."""
        windows, positions = self.windows(input.type), self.positions(input.type)
        axes = len(windows)
        patches = input
        if any(window.before for window in windows):
            pads = [window.before for window in windows]
            patches = g.Pad(input, g.ints([0, 0, *pads, 0, 0, *pads]))
        for i, (window, count) in enumerate(zip(windows, positions, strict=True)):
            rows = [[at * window.stride + offset for offset in range(window.kernel)] for at in range(count)]
            patches = g.Gather(patches, g.constant(rows, DType.INT64), axis=2 + 2 * i)
        where, inside = range(2, 2 + 2 * axes, 2), range(3, 3 + 2 * axes, 2)
        moved = g.Transpose(patches, perm=[*where, 1, *inside, 0])
        return g.Reshape(moved, g.ints([prod(positions), prod(self.fan_in(input.type)), -1]))
