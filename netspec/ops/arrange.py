"""Ops that move, repeat or add elements along axes and compute nothing."""

from typing import Literal

from netspec.ir import Dim, DType, TensorType, is_less
from netspec.ops.attributes import Axis, Float, Integers, NormalizedAxes, Pairs, PositiveInt, Size
from netspec.ops.axes import resolve_axes, resolve_axis, torch_axes
from netspec.ops.base import ANY_DTYPE, FLOATING, Example, Main, Masked, Op, OpError
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.padding import zero
from netspec.ops.reads import ALL, POINTWISE, REVERSE, Reads, Window

_ONNX_PAD_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


class Pad(Op):
    """More elements at the ends of axes, or fewer where a number is negative (`constant` only).

    input: (*, size, *) -> (*, before + size + after, *). `pad` is a pair for each axis, from the last one backward:
    `pad: [1, 2]` puts one before and two behind on the last axis. The other modes take the last one to three axes.
    """

    name = "pad"
    dtypes = FLOATING | {DType.INT64}
    pad: Pairs = Main()
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant"
    value: Float = 0.0
    examples = [
        Example("pad: [1, 2]", (3, 4)),
        Example("pad: {pad: [1, -1, 0, 2], value: 0.5}", (2, 3, 4)),
        Example("pad: {pad: [2, 1], mode: reflect}", (3, 4)),
        Example("pad: {pad: [2, 1, 0, 1], mode: replicate}", (2, 3, 4)),
        Example("pad: {pad: [0, 3], mode: circular}", (2, 4)),
        Example("pad: [1, 0]", (4,), dtype=DType.INT64),
    ]

    def pairs(self, input: TensorType) -> list[tuple[int, int]]:
        """What stands before and behind on each axis, in order.

        Raises:
            OpError: the numbers do not fit the axes.
        """
        if len(self.pad) % 2 or len(self.pad) > 2 * input.rank:
            message = f"pad {list(self.pad)} is no pair for each of some last axes of {list(input.shape)}"
            raise OpError(message, attr="pad")
        last = [(self.pad[i], self.pad[i + 1]) for i in range(len(self.pad) - 2, -1, -2)]
        return [(0, 0)] * (input.rank - len(last)) + last

    def infer(self, input: TensorType) -> TensorType:
        pairs = self.pairs(input)
        self._check_mode(input, pairs)
        if input.dtype is DType.INT64 and self.value != int(self.value):
            raise OpError(f"value {self.value:g} is no integer, but the input is int64", attr="value")
        sizes = [before + size + after for (before, after), size in zip(pairs, input.shape, strict=True)]
        if any(is_less(size, 1) for size in sizes):
            raise OpError(f"pad {list(self.pad)} leaves nothing of {list(input.shape)}", attr="pad")
        return input.with_shape(*sizes)

    def _check_mode(self, input: TensorType, pairs: list[tuple[int, int]]) -> None:
        if self.mode == "constant":
            return
        if self.value:
            raise OpError(f"mode {self.mode} takes no value", attr="value")
        axes = len(self.pad) // 2
        ranks = [axes + 1] if self.mode == "circular" else [axes, axes + 1]
        if axes > 3 or input.rank not in ranks:
            message = f"mode {self.mode} pads the last one to three axes of [channels, *space], all of the space"
            raise OpError(f"{message}; got {axes} of {list(input.shape)}", attr="pad")
        margin = {"reflect": 1, "circular": 0}.get(self.mode)
        for (before, after), size in zip(pairs, input.shape, strict=True):
            if min(before, after) < 0:
                raise OpError(f"mode {self.mode} takes no negative numbers", attr="pad")
            if margin is not None and is_less(size - margin, max(before, after)):
                rule = "must be smaller than" if margin else "must not exceed"
                raise OpError(f"{self.mode} padding {max(before, after)} {rule} the size {size}", attr="pad")

    def reads(self, dim: int, input: TensorType) -> Reads:
        before, after = self.pairs(input)[dim - 1]
        if before == after == 0:
            return POINTWISE
        return Window(1, -before, -before) if self.mode == "constant" else ALL

    def filler(self, port: int, input: TensorType) -> float | None:
        if self.mode != "constant":
            return None
        return int(self.value) if input.dtype is DType.INT64 else self.value

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return t.F.pad(input, self.pad, **self.given("mode", "value"))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        before, after = zip(*self.pairs(input.type), strict=True)
        value = g.scalar(self.value, like=input) if self.mode == "constant" else None
        return g.Pad(input, g.ints([0, *before, 0, *after]), value, mode=_ONNX_PAD_MODES[self.mode])


class Flip(Op):
    """Axes in reverse.   input: (*) -> the same."""

    name = "flip"
    dtypes = ANY_DTYPE
    moves_only = True
    dims: NormalizedAxes = Main()
    examples = [Example("flip: 1", (4, 3)), Example("flip: [1, -1]", (2, 3, 4))]

    def infer(self, input: TensorType) -> TensorType:
        resolve_axes("dims", self.dims, input.shape)
        return input

    def reads(self, dim: int, input: TensorType) -> Reads:
        return REVERSE if dim in resolve_axes("dims", self.dims, input.shape) else POINTWISE

    def filler(self, port: int, input: TensorType) -> float:
        return zero(input.dtype)

    def masked(self, input: TensorType) -> Masked | None:
        from netspec.ops.of_valid import FlipValid

        axes = [axis for axis in resolve_axes("dims", self.dims, input.shape) if axis in input.valid]
        op = FlipValid(dims=resolve_axes("dims", self.dims, input.shape))
        return Masked(op, lengths=tuple((0, axis) for axis in axes)) if axes else None

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return input.flip(torch_axes(self.dims, input.shape))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        axes = resolve_axes("dims", self.dims, input.type.shape)
        last, backward = g.ints([-1] * len(axes)), g.ints([-1] * len(axes))
        return g.Slice(input, last, g.ints([-(2**63) + 1] * len(axes)), g.ints(axes), backward)


class Roll(Op):
    """Axes shifted; what leaves at one end comes in at the other.   input: (*) -> the same.

    One number of `shifts` for each of `dims`. Swin's shifted windows are `roll: {shifts: [-3, -3], dims: [1, 2]}`.
    """

    name = "roll"
    dtypes = ANY_DTYPE
    moves_only = True
    shifts: Integers
    dims: NormalizedAxes
    examples = [
        Example("roll: {shifts: 1, dims: 1}", (4, 3)),
        Example("roll: {shifts: [-2, 7], dims: [-1, 1]}", (3, 4, 5)),
    ]

    def moves(self, input: TensorType) -> dict[int, int]:
        """By axis, by how much it moves (less than its size).

        Raises:
            OpError: shifts and dims differ in number, or an axis is not there.
        """
        shifts = self.shifts if isinstance(self.shifts, tuple) else (self.shifts,)
        dims = self.dims if isinstance(self.dims, tuple) else (self.dims,)
        if len(shifts) != len(dims):
            raise OpError(f"{len(shifts)} shifts for {len(dims)} dims", attr="shifts")
        resolve_axes("dims", dims, input.shape)
        axes = [resolve_axis("dims", dim, input.shape) for dim in dims]
        return {axis: _shift(shift, input.shape[axis - 1]) for axis, shift in zip(axes, shifts, strict=True)}

    def infer(self, input: TensorType) -> TensorType:
        self.moves(input)
        return input

    def reads(self, dim: int, input: TensorType) -> Reads:
        return ALL if self.moves(input).get(dim) else POINTWISE

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return input.roll(self.shifts, torch_axes(self.dims, input.shape))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        for axis, shift in self.moves(input.type).items():
            if shift:
                at, end = g.ints([-shift]), g.ints([2**63 - 1])
                tail = g.Slice(input, at, end, g.ints([axis]))
                input = g.Concat(tail, g.Slice(input, g.ints([0]), at, g.ints([axis])), axis=axis)
        return input


class RepeatInterleave(Op):
    """Each position of an axis `repeats` times in a row.   input: (*, size, *) -> (*, repeats*size, *)."""

    name = "repeat_interleave"
    dtypes = FLOATING | {DType.INT64}
    moves_only = True
    repeats: PositiveInt = Main()
    dim: Axis = 1
    examples = [
        Example("repeat_interleave: 2", (3, 4)),
        Example("repeat_interleave: {repeats: 3, dim: -1}", (2, 3)),
    ]

    def infer(self, input: TensorType) -> TensorType:
        axis = resolve_axis("dim", self.dim, input.shape)
        return input.with_shape(*input.shape[: axis - 1], self.repeats * input.shape[axis - 1], *input.shape[axis:])

    def reads(self, dim: int, input: TensorType) -> Reads:
        repeated = dim == resolve_axis("dim", self.dim, input.shape) and self.repeats > 1
        return ALL if repeated else POINTWISE

    def filler(self, port: int, input: TensorType) -> float:
        return zero(input.dtype)

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return input.repeat_interleave(self.repeats, dim=torch_axes(self.dim, input.shape))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        axis, rank = resolve_axis("dim", self.dim, input.shape), input.type.rank
        beside = g.Unsqueeze(input, g.ints([axis + 1]))
        repeats = [1] * (axis + 1) + [self.repeats] + [1] * (rank - axis)
        return g.Reshape(g.Expand(beside, g.ints(repeats)), g.sizes([0] * axis + [-1, *input.shape[axis:]], input))


class Tile(Op):
    """The whole tensor `dims` times along its last axes, one number for each.   input: (*, size, *) -> (*, n*size, *).

    Of fewer numbers than axes the last one belongs to the last axis.
    """

    name = "tile"
    dtypes = FLOATING | {DType.INT64}
    moves_only = True
    dims: Size = Main()
    examples = [Example("tile: 2", (3, 4)), Example("tile: [2, 1, 3]", (2, 3, 2))]

    def repeats(self, input: TensorType) -> tuple[int, ...]:
        """How often, for each axis.

        Raises:
            OpError: there are more numbers than axes.
        """
        given: tuple[int, ...] = self.dims if isinstance(self.dims, tuple) else (self.dims,)
        if len(given) > input.rank:
            raise OpError(f"dims {list(given)} has more entries than {list(input.shape)} has axes", attr="dims")
        return (*(1,) * (input.rank - len(given)), *given)

    def infer(self, input: TensorType) -> TensorType:
        return input.with_shape(*(n * size for n, size in zip(self.repeats(input), input.shape, strict=True)))

    def reads(self, dim: int, input: TensorType) -> Reads:
        return POINTWISE if self.repeats(input)[dim - 1] == 1 else ALL

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return input.tile(self.dims if isinstance(self.dims, tuple) else (self.dims,))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Tile(input, g.ints([1, *self.repeats(input.type)]))


def _shift(shift: int, size: int | Dim) -> int:
    """The shift less whole turns; one along a free axis is taken as it is, and must not turn it once."""
    if isinstance(size, int):
        return shift % size
    if not abs(shift) < size:
        raise OpError(f"the shift {shift} exceeds the size {size}", attr="shifts")
    return shift
