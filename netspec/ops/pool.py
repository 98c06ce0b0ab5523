"""Pooling over windows that slide. Adaptive pools are in `pool_adaptive`."""

from dataclasses import replace
from math import prod

from netspec.ir import TensorType, is_less
from netspec.ops.attributes import Margin, OptionalPositiveInt, OptionalSize, PositiveFloat, Size
from netspec.ops.base import Example, Main, OpError
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.padding import lowest
from netspec.ops.sliding import SlidingOp, SlidingWindow, joined, onnx_window


class Pool(SlidingOp):
    """Base of the pools: one window for all channels; `stride` left out is the kernel's size."""

    kernel_size: Size = Main()
    stride: OptionalSize = None
    ceil_mode: bool = False

    def windows(self, input: TensorType) -> tuple[SlidingWindow, ...]:
        space = self.space(input)
        axes = len(space)
        kernel = self.per_axis("kernel_size", axes)
        stride = self.per_axis("stride", axes, self.kernel_size)
        pads, dilation = self.margins(axes), self.dilations(axes)
        return tuple(
            SlidingWindow(size, k, s, pad, pad, d, self.ceil_mode)
            for size, k, s, pad, d in zip(space, kernel, stride, pads, dilation, strict=True)
        )

    def margins(self, axes: int) -> tuple[int, ...]:
        """The padding along each axis."""
        return self.per_axis("padding", axes)

    def dilations(self, axes: int) -> tuple[int, ...]:
        """The distance between the elements of a window, along each axis."""
        return (1,) * axes

    def infer(self, input: TensorType) -> TensorType:
        windows = self.windows(input)
        if any(2 * window.before > window.kernel for window in windows):
            pads, kernels = joined(w.before for w in windows), joined(w.kernel for w in windows)
            raise OpError(f"padding {pads} exceeds half of the kernel {kernels}", attr="padding")
        return input.with_shape(input.shape[0], *self.out_space(input))


class MaxPool(Pool):
    """Largest element of each window; the padding is minus infinity.

    input: (channels, *space) -> (channels, *out), out = (size + 2*padding - dilation*(kernel_size - 1) - 1)/stride + 1,
    rounded down, or up with `ceil_mode` (but the last window starts inside the input or its left padding).
    """

    name = "max_pool"
    padding: Margin = 0
    dilation: Size = 1
    examples = [
        Example("max_pool: 2", (20, 24, 24)),
        Example("max_pool: {kernel_size: 3, stride: 2, padding: 1}", (4, 9, 12)),
        Example("max_pool: {kernel_size: 3, stride: 2, ceil_mode: true}", (2, 10)),
        Example("max_pool: {kernel_size: [2, 3], stride: 1, dilation: [3, 2]}", (2, 8, 9)),
        Example("max_pool: {kernel_size: 2, stride: 3, dilation: 4, ceil_mode: true}", (2, 10, 7)),
        Example("max_pool: [1, 2, 2]", (3, 4, 6, 5)),
    ]

    def dilations(self, axes: int) -> tuple[int, ...]:
        return self.per_axis("dilation", axes)

    def filler(self, port: int, input: TensorType) -> float:
        return lowest(input.dtype)

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        options = self.given("stride", "padding", "dilation", "ceil_mode")
        return self.by_rank(t, "MaxPool", input.type)(self.kernel_size, **options)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        lowest = float("-inf")
        value, windows = without_overhang(g, input, self.windows(input.type), lowest)
        window = onnx_window(windows)
        # ONNX Runtime refuses pads that are not smaller than the kernel, which with a dilation they may be.
        if any(pad >= kernel for pad, kernel in zip(window["pads"], window["kernel_shape"] * 2, strict=True)):
            value = g.Pad(value, _all_axes(g, window["pads"]), g.scalar(lowest, like=input))
            window |= {"pads": [0] * len(window["pads"])}
        return g.MaxPool(value, **window)


class MeanPool(Pool):
    """Base of the pools that torch computes by its average pools."""

    def infer(self, input: TensorType) -> TensorType:
        windows = self.windows(input)
        # torch's avg_pool3d, unlike its siblings, counts neither padding nor `ceil_mode` here.
        if len(windows) == 3 and any(is_less(window.size, window.kernel) for window in windows):
            kernels, sizes = joined(w.kernel for w in windows), joined(w.size for w in windows)
            raise OpError(f"kernel {kernels} exceeds the input {sizes}", attr="kernel_size")
        return super().infer(input)


class AvgPool(MeanPool):
    """Mean of each window.

    input: (channels, *space) -> (channels, *out), sizes as those of max_pool without dilation. The zeros of the padding
    count as elements unless `count_include_pad` is false; what hangs over with `ceil_mode` never does.
    `divisor_override` (two and three space axes only) divides the sum by that number.
    """

    name = "avg_pool"
    padding: Margin = 0
    count_include_pad: bool = True
    divisor_override: OptionalPositiveInt = None
    examples = [
        Example("avg_pool: 2", (3, 8, 8)),
        Example("avg_pool: {kernel_size: 3, stride: 2, padding: 1}", (2, 9)),
        Example("avg_pool: {kernel_size: 3, stride: 2, padding: 1, count_include_pad: false}", (2, 9, 8)),
        Example("avg_pool: {kernel_size: [3, 2], stride: 2, padding: 1, ceil_mode: true}", (2, 8, 9)),
        Example("avg_pool: {kernel_size: 3, stride: 2, padding: 1, ceil_mode: true, count_include_pad: false}", (2, 8)),
        Example("avg_pool: {kernel_size: 2, ceil_mode: true, divisor_override: 3}", (2, 5, 4)),
        Example("avg_pool: {kernel_size: [1, 2, 3], stride: 1}", (2, 2, 3, 5)),
    ]

    def infer(self, input: TensorType) -> TensorType:
        if self.divisor_override is not None and input.rank == 2:
            raise OpError(
                "divisor_override needs two or three space axes (torch.nn.AvgPool1d has none)", attr="divisor_override"
            )
        return super().infer(input)

    def filler(self, port: int, input: TensorType) -> float | None:
        # A window at a sample's end must count as many elements as one elsewhere.
        is_whole = self.count_include_pad or not any(window.before for window in self.windows(input))
        return 0.0 if is_whole and not self.ceil_mode else None

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        options = self.given("stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
        return self.by_rank(t, "AvgPool", input.type)(self.kernel_size, **options)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        windows = self.windows(input.type)
        if self.divisor_override is None:
            return onnx_mean(g, input, windows, like=input, count_include_pad=self.count_include_pad)
        padded, fitting = without_overhang(g, input, windows, 0.0)
        mean = g.AveragePool(padded, count_include_pad=1, **onnx_window(fitting))
        factor = prod(window.kernel for window in windows) / self.divisor_override
        return g.Mul(mean, g.scalar(factor, like=input))


class LpPool(MeanPool):
    """Norm of each window, (sum of x^norm_type)^(1/norm_type); for 2 the L2 pooling of Nielsen 2015, chapter 6.

    input: (channels, *space) -> (channels, *out), sizes as those of max_pool without padding and dilation. As in
    PyTorch, a window that hangs over (`ceil_mode`) is scaled up to a whole one, and an odd norm_type gives NaN where
    the sum is negative.
    """

    name = "lp_pool"
    norm_type: PositiveFloat
    examples = [
        Example("lp_pool: {norm_type: 2, kernel_size: 2}", (3, 8, 8)),
        Example("lp_pool: {norm_type: 4, kernel_size: 3, stride: 2, ceil_mode: true}", (2, 8)),
        Example("lp_pool: {norm_type: 2, kernel_size: [2, 1, 2], stride: 1}", (2, 3, 4, 3)),
        Example("lp_pool: {norm_type: 1, kernel_size: [3]}", (2, 7)),
    ]

    def margins(self, axes: int) -> tuple[int, ...]:
        return (0,) * axes

    def filler(self, port: int, input: TensorType) -> float | None:
        return None if self.ceil_mode else 0.0

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        # LPPool1d multiplies by its kernel size, so it takes a number only.
        kernel = self.per_axis("kernel_size", 1)[0] if input.type.rank == 2 else self.kernel_size
        build = self.by_rank(t, "LPPool", input.type)
        return build(self.norm_type, kernel, **self.given("stride", "ceil_mode"))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        windows = self.windows(input.type)
        # ONNX's LpPool takes absolute values, PyTorch does not: they agree for even powers only.
        if self.norm_type % 2 == 0 and all(window.overhang == 0 for window in windows):
            return g.LpPool(input, p=int(self.norm_type), **onnx_window(windows))
        powers = g.Pow(input, g.scalar(self.norm_type, like=input))
        mean = onnx_mean(g, powers, windows, like=input, count_include_pad=False)
        total = g.Mul(mean, g.scalar(float(prod(window.kernel for window in windows)), like=input))
        return g.Pow(total, g.scalar(1.0 / self.norm_type, like=input))


def without_overhang(
    g: OnnxBuilder, input: OnnxValue, windows: tuple[SlidingWindow, ...], filler: float
) -> tuple[OnnxValue, tuple[SlidingWindow, ...]]:
    """The input with the overhangs that are formulas put behind its axes, and the windows on that."""
    beyond = [0 if isinstance(window.overhang, int) else window.overhang for window in windows]
    if not any(each != 0 for each in beyond):
        return input, windows
    padded = g.Pad(input, g.sizes([0] * (4 + len(windows)) + beyond, input), g.scalar(filler, like=input))
    fitting = (
        replace(window, size=window.size + more, ceil=window.ceil if isinstance(more, int) else False)
        for window, more in zip(windows, beyond, strict=True)
    )
    return padded, tuple(fitting)


def _counted_mean(
    g: OnnxBuilder, value: OnnxValue, like: OnnxValue, windows: tuple[SlidingWindow, ...], count_include_pad: bool
) -> OnnxValue:
    """The mean where overhangs are formulas: the mean of all elements, over that of ones where elements count."""
    zero, one = g.scalar(0, like=like), g.scalar(1, like=like)
    margins = _all_axes(g, [w.before for w in windows] + [w.after for w in windows])
    counts = g.Pad(g.Expand(one, g.Shape(value)), margins, one if count_include_pad else zero)
    inner = tuple(replace(w, size=w.padded, before=0, after=0, ceil=False) for w in windows)
    beyond = g.sizes([0] * (4 + len(windows)) + [w.overhang for w in windows], like)
    window = onnx_window(inner)
    means = (g.AveragePool(g.Pad(each, beyond, zero), **window) for each in (g.Pad(value, margins, zero), counts))
    return g.Div(*means)


def onnx_mean(
    g: OnnxBuilder, input: OnnxValue, windows: tuple[SlidingWindow, ...], *, like: OnnxValue, count_include_pad: bool
) -> OnnxValue:
    """AveragePool as PyTorch counts: padding counts as elements if asked for, what hangs over never.

    `like` is an input of the op, of the same shape.
    """
    if not all(isinstance(w.overhang, int) for w in windows):
        return _counted_mean(g, input, like, windows, count_include_pad)
    window = onnx_window(windows)
    counted = count_include_pad and any(w.before for w in windows)
    if counted and any(w.overhang != 0 for w in windows):
        # AveragePool counts all of its pads or none: the counted ones become elements first.
        margins = [w.before for w in windows] + [w.after for w in windows]
        input = g.Pad(input, _all_axes(g, margins))
        window["pads"] = [0] * len(windows) + [w.overhang for w in windows]
        counted = False
    return g.AveragePool(input, count_include_pad=int(counted), **window)


def _all_axes(g: OnnxBuilder, pads: list[int]) -> OnnxValue:
    """Pad's operand from the pads of the space axes: nothing is added to batch and channels."""
    half = len(pads) // 2
    return g.ints([0, 0, *pads[:half], 0, 0, *pads[half:]])
