"""Convolutions."""

from collections.abc import Mapping
from typing import Literal

from netspec.ir import Dim, TensorType, is_less, product
from netspec.ops.attributes import Padding, PositiveInt, Size
from netspec.ops.base import Example, Main, OpError, Param
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import ALL, POINTWISE, Reads
from netspec.ops.sizes import known
from netspec.ops.sliding import SlidingOp, SlidingWindow, joined, onnx_window

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]
# By how much a margin may exceed the input, at most.
_PAD_LIMITS = {"reflect": (-1, "must be smaller than"), "circular": (0, "must not exceed")}
_ONNX_PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}  # wrap: from opset 19


class Conv(SlidingOp):
    """Cross-correlation with learned kernels over one to three space axes.

    input: (in_channels, *space) -> (out_channels, *out),
    out = (size + 2*padding - dilation*(kernel_size - 1) - 1)//stride + 1.
    `padding: same` keeps the size (stride 1 only; where its sum is odd, one more at the end), `valid` means none.
    Source: LeCun et al. 1989; groups as in Krizhevsky et al. 2012.
    """

    name = "conv"
    out_channels: PositiveInt = Main()
    kernel_size: Size
    stride: Size = 1
    padding: Padding = 0
    dilation: Size = 1
    groups: PositiveInt = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"
    examples = [
        Example("conv: {out_channels: 20, kernel_size: 5}", (1, 28, 28)),
        Example("conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 1, bias: false}", (3, 9)),
        Example("conv: {out_channels: 6, kernel_size: [3, 2], stride: [1, 2], padding: [2, 0], groups: 2}", (4, 7, 8)),
        Example("conv: {out_channels: 4, kernel_size: 3, padding: 1, groups: 4}", (4, 6, 6)),
        Example("conv: {out_channels: 2, kernel_size: [2, 3, 3], dilation: [1, 2, 1]}", (2, 4, 7, 5)),
        Example("conv: {out_channels: 3, kernel_size: 4, dilation: 3, padding: same}", (2, 11)),
        Example("conv: {out_channels: 3, kernel_size: [1, 2], padding: valid}", (2, 3, 4)),
        Example("conv: {out_channels: 2, kernel_size: 3, padding: 2, padding_mode: reflect}", (2, 5, 6)),
        Example("conv: {out_channels: 2, kernel_size: 4, padding: same, padding_mode: circular}", (2, 7, 6)),
        Example("conv: {out_channels: 2, kernel_size: 2, padding: [1, 0, 3], padding_mode: replicate}", (1, 2, 3, 2)),
    ]

    def windows(self, input: TensorType) -> tuple[SlidingWindow, ...]:
        space = self.space(input)
        axes = len(space)
        kernel, stride = self.per_axis("kernel_size", axes), self.per_axis("stride", axes)
        dilation, pads = self.per_axis("dilation", axes), self._pads(axes)
        return tuple(
            SlidingWindow(size, k, s, before, after, d)
            for size, k, s, (before, after), d in zip(space, kernel, stride, pads, dilation, strict=True)
        )

    def _pads(self, axes: int) -> tuple[tuple[int, int], ...]:
        if self.padding == "same":
            pairs = zip(self.per_axis("kernel_size", axes), self.per_axis("dilation", axes), strict=True)
            totals = [dilation * (kernel - 1) for kernel, dilation in pairs]
            return tuple((total // 2, total - total // 2) for total in totals)
        if self.padding == "valid":
            return ((0, 0),) * axes
        return tuple((pad, pad) for pad in self.per_axis("padding", axes))

    def infer(self, input: TensorType) -> TensorType:
        windows = self.windows(input)
        self._check_groups(known(input.shape[0], "in_channels of conv"))
        self._check_padding(windows)
        return input.with_shape(self.out_channels, *self.out_space(input))

    def _check_groups(self, in_channels: int) -> None:
        for role, channels in (("in_channels", in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise OpError(f"{role} {channels} is not divisible by groups {self.groups}", attr="groups")

    def _check_padding(self, windows: tuple[SlidingWindow, ...]) -> None:
        if self.padding == "same" and any(window.stride > 1 for window in windows):
            raise OpError(
                "padding `same` is defined for stride 1 only", attr="stride", help="give the padding as numbers"
            )
        if self.padding_mode not in _PAD_LIMITS:
            return
        limit, rule = _PAD_LIMITS[self.padding_mode]
        if any(is_less(window.size + limit, max(window.before, window.after)) for window in windows):
            pads, sizes = joined(max(w.before, w.after) for w in windows), joined(w.size for w in windows)
            raise OpError(f"{self.padding_mode} padding {pads} {rule} the input {sizes}", attr="padding")

    def params(self, input: TensorType) -> Mapping[str, Param]:
        weight = Param((self.out_channels, *self._fan_in(input)), dtype=input.dtype)
        return {"weight": weight} | ({"bias": Param((self.out_channels,), dtype=input.dtype)} if self.bias else {})

    def _fan_in(self, input: TensorType) -> tuple[int, ...]:
        """What one output element reads: channels of its group, and the kernel's sizes."""
        return known(input.shape[0], "in_channels of conv") // self.groups, *self.per_axis(
            "kernel_size", input.rank - 1
        )

    def macs(self, input: TensorType) -> int | Dim:
        return product((self.out_channels, *self.out_space(input), *self._fan_in(input)))

    def reads(self, dim: int, input: TensorType) -> Reads:
        if dim == 1:
            depthwise = self.groups == input.shape[0] == self.out_channels
            return POINTWISE if depthwise else ALL
        window = self.windows(input)[dim - 2]
        # Reflected or wrapped margins hold elements from elsewhere on the axis.
        elsewhere = self.padding_mode != "zeros" and window.before + window.after > 0
        return ALL if elsewhere else window.reads()

    def filler(self, port: int, input: TensorType) -> float | None:
        return 0.0 if self.padding_mode == "zeros" else None

    def explain(self, input: TensorType) -> str:
        per_filter = "*".join(map(str, self._fan_in(input)))
        return f"({per_filter} + 1) * {self.out_channels}" if self.bias else f"{per_filter} * {self.out_channels}"

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        build = self.by_rank(t, "Conv", input.type)
        options = self.given("stride", "padding", "dilation", "groups", "bias", "padding_mode")
        return build(input.shape[0], self.out_channels, kernel_size=self.kernel_size, **options)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        window = onnx_window(self.windows(input.type))
        if self.padding_mode != "zeros" and any(window["pads"]):
            input, window = self._padded(g, input, window["pads"]), window | {"pads": [0] * len(window["pads"])}
        return g.Conv(input, p.weight, p.bias, group=self.groups, **window)

    def _padded(self, g: OnnxBuilder, input: OnnxValue, pads: list[int]) -> OnnxValue:
        axes = len(pads) // 2
        whole = [0, 0, *pads[:axes], 0, 0, *pads[axes:]]
        return g.Pad(input, g.ints(whole), mode=_ONNX_PAD_MODES[self.padding_mode])
