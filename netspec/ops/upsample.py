"""Ops that make maps larger (or smaller): transposed convolution and interpolation."""

from collections.abc import Mapping
from math import floor
from typing import Any, Literal

from netspec.ir import Dim, DType, Sizes, TensorType, is_less, product
from netspec.ops.attributes import Margin, OptionalScale, OptionalSizesOrSymbols, PositiveInt, Size
from netspec.ops.base import Example, Main, OpError, Param
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import ALL, NEW, POINTWISE, Reads, Window
from netspec.ops.sizes import known, require_readable, resolve_sizes, torch_sizes
from netspec.ops.sliding import SpaceOp, joined

Mode = Literal["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear"]
_SPACE_AXES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}


class ConvTranspose(SpaceOp):
    """The transpose of a convolution's map: each input element adds its kernel to the output.

    input: (in_channels, *space) -> (out_channels, *out), with one to three space axes,
    out = (size - 1)*stride - 2*padding + dilation*(kernel_size - 1) + output_padding + 1.
    Source: Zeiler et al. 2010; Dumoulin and Visin 2016.
    """

    name = "conv_transpose"
    out_channels: PositiveInt = Main()
    kernel_size: Size
    stride: Size = 1
    padding: Margin = 0
    output_padding: Margin = 0
    groups: PositiveInt = 1
    bias: bool = True
    dilation: Size = 1
    examples = [
        Example("conv_transpose: {out_channels: 3, kernel_size: 2, stride: 2}", (4, 5, 3)),
        Example("conv_transpose: {out_channels: 4, kernel_size: 3, padding: 1, groups: 2, bias: false}", (2, 7)),
        Example("conv_transpose: {out_channels: 2, kernel_size: 3, stride: 2, padding: 1, output_padding: 1}", (3, 4)),
        Example("conv_transpose: {out_channels: 2, kernel_size: [1, 2, 3], dilation: [1, 1, 2]}", (2, 2, 3, 4)),
        Example("conv_transpose: {out_channels: 3, kernel_size: 3, groups: 3}", (3, 4, 4)),
    ]

    def geometry(self, input: TensorType) -> list[tuple[int | Dim, int, int, int, int, int]]:
        """For each space axis: size, kernel, stride, padding, output padding, dilation."""
        space = self.space(input)
        names = ("kernel_size", "stride", "padding", "output_padding", "dilation")
        return list(zip(space, *(self.per_axis(name, len(space)) for name in names), strict=True))

    def infer(self, input: TensorType) -> TensorType:
        geometry = self.geometry(input)
        for role, channels in (("in_channels", input.shape[0]), ("out_channels", self.out_channels)):
            if known(channels, f"{role} of conv_transpose") % self.groups:
                raise OpError(f"{role} {channels} is not divisible by groups {self.groups}", attr="groups")
        for _, _, stride, _, extra, dilation in geometry:
            if extra >= max(stride, dilation):
                message = f"output_padding {extra} must be smaller than the stride {stride} or the dilation {dilation}"
                raise OpError(message, attr="output_padding")
        out = [(size - 1) * s - 2 * pad + d * (k - 1) + extra + 1 for size, k, s, pad, extra, d in geometry]
        if any(is_less(size, 1) for size in out):
            raise OpError(f"the padding leaves nothing: the output would be {joined(out)}", attr="padding")
        return input.with_shape(self.out_channels, *out)

    def params(self, input: TensorType) -> Mapping[str, Param]:
        kernel = self.per_axis("kernel_size", input.rank - 1)
        in_channels = known(input.shape[0], "in_channels of conv_transpose")
        weight = Param((in_channels, self.out_channels // self.groups, *kernel), dtype=input.dtype)
        return {"weight": weight} | ({"bias": Param((self.out_channels,), dtype=input.dtype)} if self.bias else {})

    def macs(self, input: TensorType) -> int | Dim:
        return self.params(input)["weight"].numel * product(input.shape[1:])

    def reads(self, dim: int, input: TensorType) -> Reads:
        if dim == 1:
            return POINTWISE if self.groups == input.shape[0] == self.out_channels else ALL
        _, kernel, stride, pad, extra, dilation = self.geometry(input)[dim - 2]
        if kernel == stride == 1 and pad == extra == 0:
            return POINTWISE
        # With a stride, a position reads every stride-th kernel element: no window has that form.
        return Window(1, pad - dilation * (kernel - 1), pad) if stride == 1 else ALL

    def filler(self, port: int, input: TensorType) -> float:
        return 0.0

    def explain(self, input: TensorType) -> str:
        product = "*".join(map(str, self.params(input)["weight"].shape))
        return f"{product} + {self.out_channels}" if self.bias else product

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        build = self.by_rank(t, "ConvTranspose", input.type)
        options = self.given("stride", "padding", "output_padding", "groups", "bias", "dilation")
        return build(input.shape[0], self.out_channels, kernel_size=self.kernel_size, **options)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        _, kernel, stride, pad, extra, dilation = map(list, zip(*self.geometry(input.type), strict=True))
        return g.ConvTranspose(
            input, p.weight, p.bias, kernel_shape=kernel, strides=stride, pads=pad + pad, output_padding=extra,
            dilations=dilation, group=self.groups,
        )  # fmt: skip


class Interpolate(SpaceOp):
    """The space axes at another size, given as `size` or as `scale_factor` (then rounded down).

    input: (channels, *space) with one to three space axes -> (channels, *size). `linear` takes one space axis,
    `bilinear` and `bicubic` two, `trilinear` three. Where `size` names symbols that the input does not have, they are
    those of `like`, of which nothing but sizes is read; left out, it is the network's input that has them.
    """

    name = "interpolate"
    size: OptionalSizesOrSymbols = None
    scale_factor: OptionalScale = None
    mode: Mode = "nearest"
    align_corners: bool = False
    examples = [
        Example("interpolate: {scale_factor: 2}", (3, 4, 5)),
        Example("interpolate: {size: [7, 3], mode: bilinear}", (2, 4, 5)),
        Example("interpolate: {size: 9, mode: linear, align_corners: true}", (2, 4)),
        Example("interpolate: {scale_factor: [1.5, 2], mode: bicubic}", (2, 4, 5)),
        Example("interpolate: {scale_factor: 2, mode: trilinear}", (1, 2, 3, 2)),
        Example("interpolate: {size: 6, mode: nearest-exact}", (2, 3)),
        Example("interpolate: {size: [8, 6], mode: bilinear}", (2, 4, 3), (3, 8, 6)),
    ]

    def out_space(self, input: TensorType, like: TensorType | None = None) -> Sizes:
        """Sizes of the output's space axes.

        Raises:
            OpError: neither size nor scale_factor is given, or both are; a mode for other numbers of axes.
        """
        space = self.space(input)
        if (self.size is None) == (self.scale_factor is None):
            raise OpError("interpolate needs either `size` or `scale_factor`")
        if self.size is not None:
            shape = input.shape if like is None else like.shape
            sizes = resolve_sizes("size", self.per_axis("size", len(space)), shape)
            require_readable("size", tuple(size for size in sizes if isinstance(size, Dim)), shape)
            return sizes
        scales = self.per_axis("scale_factor", len(space))
        return tuple(
            size * int(scale) if scale == int(scale) else floor(known(size, "a size that a fraction scales") * scale)
            for size, scale in zip(space, scales, strict=True)
        )

    def infer(self, input: TensorType, like: TensorType | None = None) -> TensorType:
        out, axes = self.out_space(input, like), _SPACE_AXES.get(self.mode, input.rank - 1)
        if axes != input.rank - 1:
            plural = "axis" if axes == 1 else "axes"
            message = f"mode {self.mode} takes {axes} space {plural}, but the input has {input.rank - 1}"
            raise OpError(message, attr="mode")
        if self.align_corners and self.mode not in _SPACE_AXES:
            raise OpError(f"mode {self.mode} has no align_corners", attr="align_corners")
        if any(is_less(size, 1) for size in out):
            raise OpError(f"the output would be {joined(out)}", attr="scale_factor")
        return input.with_shape(input.shape[0], *out)

    def reads(self, dim: int, input: TensorType, like: TensorType | None = None) -> Reads:
        same = self.out_space(input, like) == input.shape[1:] and self.scale_factor is None
        return POINTWISE if dim == 1 or same else ALL

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        """Of `like` only sizes are read."""
        return (NEW, None) if port == 1 else (self.reads(dim, *inputs), dim)

    def to_torch(self, t: TorchBuilder, input: TorchValue, like: TorchValue | None = None) -> TorchResult:
        sizes = self.out_space(input.type, like.type if like is not None else None)
        if like is None and all(isinstance(size, int) or self.scale_factor for size in sizes):
            return t.nn.Upsample(**self.given("size", "scale_factor", "mode", "align_corners"))
        options = self.given("mode", "align_corners")
        return t.F.interpolate(input, size=tuple(torch_sizes(like or input, sizes)), **options)

    def to_onnx(self, g: OnnxBuilder, *inputs_then_params: Any) -> OnnxValue:
        input, *rest, _ = inputs_then_params
        like = rest[0] if rest else None
        axes = list(range(2, input.type.rank + 1))
        scales = sizes = None
        if self.scale_factor is None:
            sizes = g.sizes(self.out_space(input.type, like.type if like else None), like or input)
        else:
            scales = g.constant(list(self.per_axis("scale_factor", len(axes))), DType.FLOAT32)
        return g.Resize(input, None, scales, sizes, axes=axes, **self._onnx_mode())

    def _onnx_mode(self) -> dict[str, Any]:
        if self.mode == "nearest":
            return {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        if self.mode == "nearest-exact":
            transform = {"coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_ceil"}
            return {"mode": "nearest", **transform}
        transform = {"coordinate_transformation_mode": "align_corners" if self.align_corners else "half_pixel"}
        return {"mode": "cubic", "cubic_coeff_a": -0.75, **transform} if self.mode == "bicubic" else {
            "mode": "linear", **transform
        }  # fmt: skip
