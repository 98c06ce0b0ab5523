"""Attention inside of windows of a feature map."""

from collections.abc import Mapping
from math import prod, sqrt
from typing import Any

from netspec.ir import DType, Size, TensorType, is_at_most, is_less
from netspec.ops.attention import attend_in_onnx, linear_in_onnx
from netspec.ops.attributes import Margin, PositiveInt, Probability
from netspec.ops.attributes import Size as Sizes
from netspec.ops.base import Example, Op, OpError, Param
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import ALL, POINTWISE, Reads
from netspec.ops.sizes import known

#: What is added to the scores of positions that the shift has brought into one window from opposite sides.
_APART = -100


class ShiftedWindowAttention(Op):
    """Self-attention in each window of a feature map, windows being shifted; parameters and values as torchvision's.

    input: (height, width, channels), channels last -> the same. Sizes that windows do not divide are padded with zeros,
    which take part. A shift moves rows and columns around the edges; what meets in a window so does not attend to each
    other, and an axis of one window is not shifted. `relative_position_bias_table` has a number for each offset in a
    window and each head. Source: Liu et al. 2021 (Swin), section 3.2.
    """

    name = "shifted_window_attention"
    train_differs = True
    window_size: Sizes
    shift_size: Margin = 0
    num_heads: PositiveInt
    qkv_bias: bool = True
    proj_bias: bool = True
    attention_dropout: Probability = 0.0
    dropout: Probability = 0.0
    examples = [
        Example("shifted_window_attention: {window_size: 2, num_heads: 2}", (4, 4, 6)),
        Example("shifted_window_attention: {window_size: [2, 3], shift_size: [1, 1], num_heads: 1}", (5, 7, 4)),
        Example("shifted_window_attention: {window_size: 3, shift_size: [0, 2], num_heads: 2}", (3, 6, 4)),
        Example("shifted_window_attention: {window_size: 4, shift_size: 2, num_heads: 1, qkv_bias: false}", (3, 8, 2)),
        Example("shifted_window_attention: {window_size: 2, num_heads: 1, proj_bias: false, dropout: 0.5}", (2, 2, 2)),
        Example("shifted_window_attention: {window_size: [1, 2], num_heads: 1, attention_dropout: 0.5}", (3, 4, 2)),
    ]

    def infer(self, input: TensorType) -> TensorType:
        if input.rank != 3:
            raise OpError(f"{self.name} needs [height, width, channels], got {list(input.shape)}")
        window, shift = self._pair("window_size"), self._pair("shift_size")
        for size, by in zip(window, shift, strict=True):
            if by >= size:
                raise OpError(f"shift_size {by} must be smaller than window_size {size}", attr="shift_size")
        if known(input.shape[-1], "the number of channels") % self.num_heads:
            message = f"{input.shape[-1]} channels are not divisible by num_heads {self.num_heads}"
            raise OpError(message, attr="num_heads")
        self.shifts(input)
        return input

    def _pair(self, attr: str) -> tuple[int, int]:
        value = getattr(self, attr)
        found = value if isinstance(value, tuple) else (value, value)
        if len(found) != 2:
            raise OpError(f"{attr} has {len(found)} entries for the 2 axes of space", attr=attr)
        return found

    def shifts(self, input: TensorType) -> tuple[int, int]:
        """By how much windows are shifted along both axes; not at all where there is one window.

        Raises:
            OpError: a size may be that of one window, or of several.
        """
        pairs = zip(self._pair("window_size"), self._pair("shift_size"), input.shape, strict=False)
        first, second = (self._shift(*each) for each in pairs)
        return first, second

    def _shift(self, window: int, shift: int, size: Size) -> int:
        if shift == 0 or is_at_most(size, window):
            return 0
        if not is_less(window, size):
            message = f"whether windows of {window} are shifted depends on whether the size {size} is larger"
            raise OpError(message, attr="shift_size", help="bound it in `dims`")
        return shift

    def counts(self, input: TensorType) -> tuple[Size, Size]:
        """How many windows there are along both axes, padding included."""
        first, second = self._pair("window_size")
        height, width, _ = input.shape
        return (height + first - 1) // first, (width + second - 1) // second

    def params(self, input: TensorType) -> Mapping[str, Param]:
        (rows, columns), width, dtype = self._pair("window_size"), known(input.shape[-1], "channels"), input.dtype
        found = {
            "relative_position_bias_table": Param(((2 * rows - 1) * (2 * columns - 1), self.num_heads), dtype=dtype),
            "relative_position_index": Param(((rows * columns) ** 2,), buffer=True, dtype=DType.INT64),
            "qkv.weight": Param((3 * width, width), dtype=dtype),
            "qkv.bias": Param((3 * width,), dtype=dtype),
            "proj.weight": Param((width, width), dtype=dtype),
            "proj.bias": Param((width,), dtype=dtype),
        }
        absent = {"qkv.bias": not self.qkv_bias, "proj.bias": not self.proj_bias}
        return {name: param for name, param in found.items() if not absent.get(name)}

    def macs(self, input: TensorType) -> Size:
        window, width = self._pair("window_size"), input.shape[-1]
        positions = self.counts(input)[0] * window[0] * self.counts(input)[1] * window[1]
        return positions * (4 * width * width + 2 * prod(window) * width)

    def reads(self, dim: int, input: TensorType) -> Reads:
        alone = dim < 3 and self._pair("window_size")[dim - 1] == 1
        return POINTWISE if alone else ALL

    def explain(self, input: TensorType) -> str:
        (rows, columns), width = self._pair("window_size"), input.shape[-1]
        table = f"{2 * rows - 1}*{2 * columns - 1} * {self.num_heads}"
        qkv = f"({width} + 1) * {3 * width}" if self.qkv_bias else f"{width} * {3 * width}"
        proj = f"({width} + 1) * {width}" if self.proj_bias else f"{width} * {width}"
        return f"{table} + {qkv} + {proj}"

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        width = known(input.shape[-1], "channels")
        table = t.torch.zeros(*self.params(input.type)["relative_position_bias_table"].shape)
        members = {
            "relative_position_bias_table": t.parameter(t.torch.nn.init.trunc_normal_(table, std=0.02), lambda x: x),
            "relative_position_index": t.buffer(self._index(t), lambda x: x),
            "qkv": t.nn.Linear(width, 3 * width, **({} if self.qkv_bias else {"bias": False})),
            "proj": t.nn.Linear(width, width, **({} if self.proj_bias else {"bias": False})),
        }
        return t.module(t.holder(members), lambda own: self._attended(t, own, input))

    def _index(self, t: TorchBuilder) -> Any:
        """For each pair of positions of a window the row of the table that is for their offset."""
        rows, columns = self._pair("window_size")
        offsets = t.torch.arange((2 * rows - 1) * (2 * columns - 1)).view(2 * rows - 1, 2 * columns - 1)
        return offsets.unfold(0, rows, 1).unfold(1, columns, 1).flip(2, 3).flatten()

    def _attended(self, t: TorchBuilder, own: Any, input: TorchValue) -> Any:
        windows = t.let("windows", self._windows_in_torch(t, input))
        split = own.qkv(windows).unflatten(3, (3, self.num_heads, -1))
        qkv = t.let("qkv", split.permute(3, 0, 1, 4, 2, 5))  # each is [N, windows, heads, positions, channels]
        options: dict[str, Any] = {"attn_mask": self._bias_in_torch(t, own, input)}
        if self.attention_dropout:
            options["dropout_p"] = t.choose(own.training, self.attention_dropout, 0.0)
        heads = t.let("heads", t.F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], **options))
        windows = own.proj(heads.transpose(2, 3).flatten(3, 4))
        if self.dropout:
            windows = t.F.dropout(windows, self.dropout, own.training)
        return self._map_in_torch(t, input, t.let("mixed", windows))

    def _split(self, map: Any, axis: int) -> Any:
        """(*, height, width, *) -> (*, windows, positions, *), `axis` being that of the height."""
        rows, columns = self._pair("window_size")
        split = map.unflatten(axis, (-1, rows)).unflatten(axis + 2, (-1, columns))
        return split.transpose(axis + 1, axis + 2).flatten(axis + 2, axis + 3).flatten(axis, axis + 1)

    def _windows_in_torch(self, t: TorchBuilder, input: TorchValue) -> Any:
        """[N, height, width, channels] -> [N, windows, positions, channels]."""
        pads = [-size % window for size, window in zip(self._sizes(input), self._pair("window_size"), strict=True)]
        map: Any = input
        if any(not isinstance(pad, int) or pad for pad in pads):
            map = t.let("padded", t.F.pad(map, (0, 0, 0, pads[1], 0, pads[0])))
        shifts = self.shifts(input.type)
        if any(shifts):
            map = t.let("shifted", map.roll(tuple(-shift for shift in shifts), (1, 2)))
        return self._split(map, 1)

    def _map_in_torch(self, t: TorchBuilder, input: TorchValue, windows: Any) -> Any:
        """[N, windows, positions, channels] -> [N, height, width, channels]."""
        (rows, columns), sizes, shifts = self._pair("window_size"), self._sizes(input), self.shifts(input.type)
        split = windows.unflatten(2, (rows, columns)).unflatten(1, (-1, -(-sizes[1] // columns)))
        map = split.transpose(2, 3).flatten(3, 4).flatten(1, 2)
        if any(shifts):
            map = t.let("joined", map).roll(shifts, (1, 2))
        is_whole = all(isinstance(s, int) and s % w == 0 for s, w in zip(sizes, (rows, columns), strict=True))
        return map if is_whole else t.let("whole", map)[:, : sizes[0], : sizes[1]]

    def _sizes(self, input: TorchValue) -> list[Any]:
        """Height and width: numbers, or expressions."""
        sizes = enumerate(input.shape[:2], start=1)
        return [size if isinstance(size, int) else input.size(axis) for axis, size in sizes]

    def _bias_in_torch(self, t: TorchBuilder, own: Any, input: TorchValue) -> Any:
        """[heads, positions, positions], or that for each window: what is added to the scores."""
        length = prod(self._pair("window_size"))
        table = t.let("table", own.relative_position_bias_table[own.relative_position_index])
        bias = t.let("bias", table.view(length, length, -1).permute(2, 0, 1))
        if not any(self.shifts(input.type)):
            return bias
        sizes = zip(self._sizes(input), self._pair("window_size"), self.shifts(input.type), strict=True)
        padded = [(-(-size // window) * window, shift) for size, window, shift in sizes]
        rows, columns = (t.torch.arange(size, device=input.device) >= size - shift for size, shift in padded)
        around = t.let("around", t.let("rows", rows).unsqueeze(1) * 2 + t.let("columns", columns))
        sides = t.let("sides", self._split(around, 0))  # [windows, positions]
        apart = t.let("apart", sides.unsqueeze(2).ne(sides.unsqueeze(1)).unsqueeze(1))
        return bias.add(apart, alpha=_APART)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        width, length = known(input.shape[-1], "channels"), prod(self._pair("window_size"))
        windows = g.Reshape(self._windows_in_onnx(g, input), g.ints([0, -1, length, width]))
        mapped = linear_in_onnx(g, windows, getattr(p, "qkv.weight"), getattr(p, "qkv.bias"))
        parts = g.call("Split", mapped, g.ints([width] * 3), outputs=3, axis=3)
        heads = (g.Reshape(part, g.ints([0, 0, length, self.num_heads, -1])) for part in parts)
        query, key, value = (g.Transpose(each, perm=[0, 1, 3, 2, 4]) for each in heads)
        table = g.Gather(p.relative_position_bias_table, p.relative_position_index, axis=0)
        bias = g.Transpose(g.Reshape(table, g.ints([length, length, self.num_heads])), perm=[2, 0, 1])
        if any(self.shifts(input.type)):
            bias = g.Add(bias, self._apart(g, input))
        scale = g.scalar(1 / sqrt(width // self.num_heads), like=input)
        attended = attend_in_onnx(g, query, key, value, rank=4, scale=scale, mask=bias)
        joined = g.Reshape(g.Transpose(attended, perm=[0, 1, 3, 2, 4]), g.ints([0, 0, length, width]))
        mapped = linear_in_onnx(g, joined, getattr(p, "proj.weight"), getattr(p, "proj.bias"))
        return self._map_in_onnx(g, input, mapped)

    def _windows_in_onnx(self, g: OnnxBuilder, input: OnnxValue) -> OnnxValue:
        """[N, height, width, channels] -> [N, rows, columns, of a window, of a window, channels]."""
        (rows, columns), (high, wide) = self._pair("window_size"), self.counts(input.type)
        height, width, channels = input.shape
        map = input
        if (high * rows, wide * columns) != (height, width):
            pads = [0, 0, 0, 0, 0, high * rows - height, wide * columns - width, 0]
            map = g.Pad(map, g.sizes(pads, input))
        map = _rolled(g, map, self.shifts(input.type))
        split = g.Reshape(map, g.sizes([0, high, rows, wide, columns, channels], input))
        return g.Transpose(split, perm=[0, 1, 3, 2, 4, 5])

    def _map_in_onnx(self, g: OnnxBuilder, input: OnnxValue, windows: OnnxValue) -> OnnxValue:
        """[N, windows, positions, channels] -> [N, height, width, channels]."""
        (rows, columns), (high, wide) = self._pair("window_size"), self.counts(input.type)
        height, width, channels = input.shape
        split = g.Reshape(windows, g.sizes([0, high, wide, rows, columns, channels], input))
        together = g.sizes([0, high * rows, wide * columns, channels], input)
        map = g.Reshape(g.Transpose(split, perm=[0, 1, 3, 2, 4, 5]), together)
        first, second = self.shifts(input.type)
        map = _rolled(g, map, (-first, -second))
        if (high * rows, wide * columns) == (height, width):
            return map
        return g.Slice(map, g.ints([0, 0]), g.sizes([height, width], input), g.ints([1, 2]))

    def _apart(self, g: OnnxBuilder, input: OnnxValue) -> OnnxValue:
        """[windows, 1, positions, positions]: what is added to the scores."""
        (rows, columns), (high, wide) = self._pair("window_size"), self.counts(input.type)
        first, second = self.shifts(input.type)
        down = _around_in_onnx(g, input, high * rows, first)
        across = _around_in_onnx(g, input, wide * columns, second)
        sides = g.Add(g.Unsqueeze(g.Mul(down, g.ints([2])), g.ints([1])), across)
        split = g.Transpose(g.Reshape(sides, g.sizes([high, rows, wide, columns], input)), perm=[0, 2, 1, 3])
        sides = g.Reshape(split, g.ints([-1, rows * columns]))
        same = g.Equal(g.Unsqueeze(sides, g.ints([1, 3])), g.Unsqueeze(sides, g.ints([1, 2])))
        return g.Where(same, g.scalar(0, like=input), g.scalar(_APART, like=input))


def _rolled(g: OnnxBuilder, map: OnnxValue, shifts: tuple[int, int]) -> OnnxValue:
    """Rows and columns moved towards the start by so many, those that leave coming in at the end."""
    for axis, shift in enumerate(shifts, start=1):
        if shift:
            at, ends = g.ints([shift]), (g.ints([0]), g.ints([2**62]))
            parts = g.Slice(map, at, ends[1], g.ints([axis])), g.Slice(map, ends[0], at, g.ints([axis]))
            map = g.Concat(*parts, axis=axis)
    return map


def _around_in_onnx(g: OnnxBuilder, input: OnnxValue, size: Size, shift: int) -> OnnxValue:
    """1 for the last positions, so many as the shift, and 0 for those before."""
    zero, one = (g.constant(number, DType.INT64) for number in (0, 1))
    places = g.Range(zero, g.Squeeze(g.sizes([size], input)), one)
    return g.cast(g.GreaterOrEqual(places, g.sizes([size - shift], input)), DType.INT64)
