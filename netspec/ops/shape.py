"""Ops that rearrange elements and compute nothing. Axes count as in PyTorch; the batch, axis 0, stays in front."""

from abc import abstractmethod

from netspec.ir import Dim, DimError, Size, Sizes, TensorType, product
from netspec.ir.quotient import exact
from netspec.ops.attributes import Axes, Axis, Permutation, Shape
from netspec.ops.axes import resolve_axis, torch_axis
from netspec.ops.base import ANY_DTYPE, Example, Main, Op, OpError
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import NEW, POINTWISE, Reads
from netspec.ops.sizes import axis_of, proof, require_readable, resolve_sizes, torch_sizes


class Identity(Op):
    """The input itself.   input: (*) -> (*)."""

    name = "identity"
    dtypes = ANY_DTYPE
    moves_only = True
    monotone = True
    examples = [Example("identity", (3, 4))]

    def infer(self, input: TensorType) -> TensorType:
        return input

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return t.nn.Identity()

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Identity(input)


class Rearrangement(Op):
    """Base of the shape ops. From `sources` follow the reads, and the shape where no axis is merged or split."""

    dtypes = ANY_DTYPE
    moves_only = True

    @abstractmethod
    def sources(self, input: TensorType) -> tuple[int | None, ...]:
        """For each axis of the output, the input's axis that stands there; None for one that is new, merged or split.

        Raises:
            OpError: an attribute names an axis that is not there.
        """

    def infer(self, input: TensorType) -> TensorType:
        return input.with_shape(*(1 if axis is None else input.shape[axis - 1] for axis in self.sources(input)))

    def reads(self, dim: int, input: TensorType) -> Reads:
        return NEW if self.source(dim, input) is None else POINTWISE

    def source(self, dim: int, input: TensorType) -> int | None:
        return self.sources(input)[dim - 1]


class Resize(Rearrangement):
    """Base of the shape ops that keep the order of the elements: in ONNX one Reshape to the inferred shape."""

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        sizes = [0, *copied(self.infer(input.type).shape, input.shape)]
        return g.Reshape(input, g.sizes(sizes, input))


class Flatten(Resize):
    """The axes from start_dim to end_dim as one.   input: (*, first, ..., last, *) -> (*, first*...*last, *)."""

    name = "flatten"
    start_dim: Axis = Main(1)
    end_dim: Axis = -1
    examples = [
        Example("flatten", (20, 4, 4)),
        Example("flatten: 2", (2, 3, 4)),
        Example("flatten: {start_dim: -3, end_dim: -2}", (5, 2, 3, 4)),
        Example("flatten", (7,)),
    ]

    def merged(self, input: TensorType) -> tuple[int, int]:
        """The first axis and the last one that are merged."""
        first = resolve_axis("start_dim", self.start_dim, input.shape)
        last = resolve_axis("end_dim", self.end_dim, input.shape)
        if first > last:
            raise OpError(f"start_dim {self.start_dim} comes after end_dim {self.end_dim}", attr="start_dim")
        return first, last

    def sources(self, input: TensorType) -> tuple[int | None, ...]:
        first, last = self.merged(input)
        return (*range(1, first), first if first == last else None, *range(last + 1, input.rank + 1))

    def infer(self, input: TensorType) -> TensorType:
        first, last = self.merged(input)
        return input.with_shape(*input.shape[: first - 1], product(input.shape[first - 1 : last]), *input.shape[last:])

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        axes = dict(zip(("start_dim", "end_dim"), self.merged(input.type), strict=True))
        options = {name: torch_axis(dim, axes[name]) for name, dim in self.given(*axes).items()}
        return t.nn.Flatten(*[options.pop(name) for name in ("start_dim",) if name in options], **options)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        if self.merged(input.type) == (1, input.type.rank):
            return g.Flatten(input, axis=1)
        return super().to_onnx(g, input, p)


class Unflatten(Resize):
    """One axis as several; one size may be -1, what is left.   input: (*, size, *) -> (*, *unflattened_size, *)."""

    name = "unflatten"
    dim: Axis
    unflattened_size: Shape
    examples = [
        Example("unflatten: {dim: 1, unflattened_size: [2, 3]}", (6, 4)),
        Example("unflatten: {dim: -1, unflattened_size: [2, -1, 2]}", (3, 8)),
    ]

    def axis(self, input: TensorType) -> int:
        """The axis that is split, counted from 1."""
        return resolve_axis("dim", self.dim, input.shape)

    def sizes(self, input: TensorType) -> Sizes:
        """The sizes of the new axes, with -1 worked out."""
        size = input.shape[self.axis(input) - 1]
        wanted = resolve_sizes("unflattened_size", self.unflattened_size, input.shape)
        return fill(wanted, size, "unflattened_size", f"size {size}")

    def sources(self, input: TensorType) -> tuple[int | None, ...]:
        axis = self.axis(input)
        split = (axis,) if len(self.unflattened_size) == 1 else (None,) * len(self.unflattened_size)
        return (*range(1, axis), *split, *range(axis + 1, input.rank + 1))

    def infer(self, input: TensorType) -> TensorType:
        axis, sizes = self.axis(input), self.sizes(input)
        require_readable("unflattened_size", free(sizes), input.shape)
        return input.with_shape(*input.shape[: axis - 1], *sizes, *input.shape[axis:])

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        dim = torch_axis(self.dim, self.axis(input.type))
        sizes = free(self.sizes(input.type))
        if not any(isinstance(size, str) for size in self.unflattened_size):
            return t.nn.Unflatten(dim, self.unflattened_size)
        if not any(isinstance(size, Dim) for size in sizes):
            return t.nn.Unflatten(dim, sizes)
        return input.unflatten(dim, tuple(torch_sizes(input, sizes)))


class Reshape(Resize):
    """The elements, in their order, in another shape; one size may be -1, what is left.   input: (*) -> shape."""

    name = "reshape"
    shape: Shape = Main()
    examples = [Example("reshape: [4, 3]", (2, 6)), Example("reshape: [2, -1]", (2, 3, 4)), Example("reshape: [1]", ())]

    def sources(self, input: TensorType) -> tuple[int | None, ...]:
        sizes = self.infer(input).shape
        differs = (i for i, (new, old) in enumerate(zip(sizes, input.shape, strict=False)) if new != old)
        kept = next(differs, min(len(sizes), input.rank))
        return (*range(1, kept + 1), *(None,) * (len(sizes) - kept))

    def infer(self, input: TensorType) -> TensorType:
        wanted = resolve_sizes("shape", self.shape, input.shape)
        sizes = fill(wanted, input.numel, "shape", f"an input of {list(input.shape)}")
        require_readable("shape", free(sizes, input.shape), input.shape)
        return input.with_shape(*sizes)

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        sizes = free(self.infer(input.type).shape, input.shape)
        batch = input.size(0) if -1 in sizes else -1
        return input.reshape(batch, *torch_sizes(input, sizes))


class Squeeze(Rearrangement):
    """Without those of the named axes (by default all) that have size 1.   input: (*, 1, *) -> (*, *)."""

    name = "squeeze"
    dim: Axes = Main(None)
    examples = [Example("squeeze", (3, 1, 4, 1)), Example("squeeze: -1", (1, 1)), Example("squeeze: [1, 2]", (1, 3, 1))]

    def gone(self, input: TensorType) -> tuple[int, ...]:
        """The axes that go."""
        dims = self.dim if isinstance(self.dim, tuple) else (self.dim,)
        every = range(1, input.rank + 1)
        axes = every if self.dim is None else [resolve_axis("dim", dim, input.shape) for dim in dims if dim is not None]
        if len(set(axes)) < len(axes):
            raise OpError(f"dim {list(dims)} names an axis twice", attr="dim")
        return tuple(axis for axis in sorted(axes) if input.shape[axis - 1] == 1)

    def sources(self, input: TensorType) -> tuple[int | None, ...]:
        gone = self.gone(input)
        return tuple(axis for axis in range(1, input.rank + 1) if axis not in gone)

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        gone = self.gone(input.type)
        return input.squeeze(gone[0] if len(gone) == 1 else gone)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        gone = self.gone(input.type)
        return g.Squeeze(input, g.ints(gone)) if gone else g.Identity(input)


class Unsqueeze(Rearrangement):
    """With a new axis of size 1 that stands at `dim`.   input: (*) -> (*, 1, *)."""

    name = "unsqueeze"
    dim: Axis = Main()
    examples = [Example("unsqueeze: 1", (3, 4)), Example("unsqueeze: -1", (3,)), Example("unsqueeze: 1", ())]

    def sources(self, input: TensorType) -> tuple[int | None, ...]:
        axis = self.axis(input)
        return (*range(1, axis), None, *range(axis, input.rank + 1))

    def axis(self, input: TensorType) -> int:
        """Where the new axis stands, counted from 1."""
        return resolve_axis("dim", self.dim, input.rank + 1)

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return input.unsqueeze(self.dim)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Unsqueeze(input, g.ints([self.axis(input.type)]))


class Permute(Rearrangement):
    """The axes in another order; the batch is not named: `permute: [2, 1]`.   input: (*) -> (*)."""

    name = "permute"
    dims: Permutation = Main()
    examples = [
        Example("permute: [2, 1]", (3, 4)),
        Example("permute: [-1, 1, 2]", (2, 3, 4)),
        Example("permute: [1]", (3,)),
    ]

    def sources(self, input: TensorType) -> tuple[int, ...]:
        axes = tuple(resolve_axis("dims", dim, input.shape) for dim in self.dims)
        if sorted(axes) != list(range(1, input.rank + 1)):
            numbers = ", ".join(map(str, range(1, input.rank + 1)))
            raise OpError(f"dims {list(self.dims)} must name each of a sample's axes ({numbers}) once", attr="dims")
        return axes

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return input.permute(0, *map(torch_axis, self.dims, self.sources(input.type)))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Transpose(input, perm=[0, *self.sources(input.type)])


class Transpose(Rearrangement):
    """Two axes exchanged.   input: (*, a, *, b, *) -> (*, b, *, a, *)."""

    name = "transpose"
    dim0: Axis
    dim1: Axis
    examples = [
        Example("transpose: {dim0: 1, dim1: 2}", (3, 4)),
        Example("transpose: {dim0: -1, dim1: 1}", (2, 3, 4)),
    ]

    def sources(self, input: TensorType) -> tuple[int | None, ...]:
        first, second = self.axes(input)
        exchanged = {first: second, second: first}
        return tuple(exchanged.get(axis, axis) for axis in range(1, input.rank + 1))

    def axes(self, input: TensorType) -> tuple[int, int]:
        """The two axes, counted from 1."""
        return resolve_axis("dim0", self.dim0, input.shape), resolve_axis("dim1", self.dim1, input.shape)

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return input.transpose(*map(torch_axis, (self.dim0, self.dim1), self.axes(input.type)))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Transpose(input, perm=[0, *self.sources(input.type)])


def fill(sizes: Sizes, numel: Size, attr: str, what: str) -> Sizes:
    """The sizes of `numel` elements, with -1 worked out.

    Raises:
        OpError: they do not multiply to `numel`, or are not known to; or -1 stands twice.
    """
    if sizes.count(-1) > 1:
        raise OpError(f"{attr} {list(sizes)} has more than one -1", attr=attr)
    known = product(size for size in sizes if size != -1)
    left = _quotient(numel, known)
    if left is None or (-1 not in sizes and left != 1):
        help = proof(numel % known, 0) if isinstance(known, int) else None
        raise OpError(f"{attr} {list(sizes)} does not fit {what}: {numel} elements", attr=attr, help=help)
    return tuple(left if size == -1 else size for size in sizes)


def _quotient(numel: Size, known: Size) -> Size | None:
    try:
        return exact(numel, known)
    except DimError:
        return None


def free(sizes: Sizes, shape: Sizes = ()) -> Sizes:
    """The sizes with -1 for the one that is a formula and no axis of the input, if it is only one."""
    formulas = [size for size in sizes if isinstance(size, Dim) and axis_of(size, shape) is None]
    return tuple(-1 if size in formulas else size for size in sizes) if len(formulas) == 1 else sizes


def copied(sizes: Sizes, shape: Sizes) -> Sizes:
    """The sizes as ONNX's Reshape takes them: 0 for the input's axis at that place, -1 for one that is left."""
    pairs = zip(sizes, (*shape, *[None] * len(sizes)), strict=False)
    return free(tuple(0 if isinstance(size, Dim) and size == there else size for size, there in pairs))
