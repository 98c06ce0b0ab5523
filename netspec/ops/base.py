"""What an op is: its class declares it once, and everything else in netspec follows from that declaration.

The class is the op, an instance is its validated attributes, the graph's node holds it. Members in this order:
docstring with shapes, `name`, attributes (pydantic fields with PyTorch's names and defaults), `examples`, `infer`,
`params`, `macs`, `reads`, `explain`, `to_torch`, `to_onnx`. The parameter names of `infer` are the op's ports;
`*inputs` makes it variadic.
"""

import inspect
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from math import prod
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from netspec.ir import DimError, Distribution, DType, Size, TensorType, Undecided
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import NEW, POINTWISE, Reads

FLOATING = frozenset({DType.FLOAT32, DType.FLOAT64, DType.FLOAT16, DType.BFLOAT16})
ANY_DTYPE = frozenset(DType)


class OpError(Exception):
    """An op refuses its inputs or attributes. It knows no position: `elaborate` adds the span and the producers.

    `attr` names the attribute at fault, if one is; `code` is one of `bad-shape`, `shape-mismatch`, `bad-attribute`.
    """

    def __init__(self, message: str, *, attr: str | None = None, code: str | None = None, help: str | None = None):
        super().__init__(message)
        self.attr = attr
        self.code = code or ("bad-attribute" if attr else "bad-shape")
        self.help = help


@dataclass(frozen=True, slots=True)
class Param:
    """A tensor that an op owns; its state-dict key is the node's path and its name. A buffer is not trained."""

    shape: tuple[int, ...]
    buffer: bool = False
    dtype: DType = DType.FLOAT32

    @property
    def numel(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Masked:
    """An op in another's place whose further inputs are lengths or masks: of which port, along which axis.

    `fill` says whether it wants its inputs filled; one that never touches padding does not.
    """

    op: "Op"
    lengths: tuple[tuple[int, int], ...] = ()
    masks: tuple[tuple[int, int], ...] = ()
    fill: bool = True


@dataclass(frozen=True, slots=True)
class Example:
    """A use of an op that the conformance suite runs: the layer as it stands in a file, and its inputs' shapes.

    They have elements of `dtype`, whole numbers smaller than `below`.
    """

    layer: str
    shapes: tuple[tuple[int, ...], ...] = field(default=())
    dtype: DType = DType.FLOAT32
    below: int | None = None

    def __init__(
        self, layer: str, *shapes: tuple[int, ...], dtype: DType = DType.FLOAT32, below: int | None = None
    ) -> None:
        object.__setattr__(self, "layer", layer)
        object.__setattr__(self, "shapes", shapes)
        object.__setattr__(self, "dtype", dtype)
        object.__setattr__(self, "below", below)

    @property
    def types(self) -> tuple[TensorType, ...]:
        """Its inputs' types."""
        return tuple(TensorType(shape, self.dtype, below=self.below) for shape in self.shapes)


def Main(default: Any = ..., **constraints: Any) -> Any:
    """The attribute that a scalar (or a list) after the op's name sets: `linear: 100`."""
    return Field(default, json_schema_extra={"main": True}, **constraints)


class Op(BaseModel):
    """Base of all ops; see the module's docstring. Frozen, strict, no unknown attributes, no infinities."""

    # defer_build: validators of sixty ops cost half a second; each is built when a spec first uses its op.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True, allow_inf_nan=False)

    name: ClassVar[str]
    examples: ClassVar[list[Example]] = []
    #: Element types that its inputs may have.
    dtypes: ClassVar[frozenset[DType]] = FLOATING
    #: a <= b implies f(a) <= f(b), elementwise: then max-pooling commutes with it.
    monotone: ClassVar[bool] = False
    #: Draws random numbers, or uses batch statistics, while training.
    train_differs: ClassVar[bool] = False
    #: Each sample's numbers are drawn anew from this distribution, in evaluation too.
    draws: ClassVar[Distribution | None] = None
    #: Every element of an output is an element of an input: none is computed.
    moves_only: ClassVar[bool] = False
    #: Elementwise, with infinite values or slopes at some numbers: padding must hold none of them.
    steep: ClassVar[bool] = False
    #: Gives the batch another number of elements a sample (`each`).
    changes_batch: ClassVar[bool] = False
    #: Of its inputs only the sizes matter: the output is the same for every sample.
    sizes_only: ClassVar[bool] = False
    #: The names of its outputs, where it always has these; those of others that have several are called 0, 1, ...
    output_names: ClassVar[tuple[str, ...]] = ()
    #: What stands behind the name of the layer in the `call` that makes it.
    call_suffix: ClassVar[str] = ""

    def infer(self, *inputs: Any) -> TensorType | tuple[TensorType, ...]:
        """The output's type (or types) from the inputs'.

        Raises:
            OpError: the op cannot take these inputs.
        """
        # Every op has one; not abstract, as mixins call it by `super`.
        raise NotImplementedError(type(self).__name__)

    def params(self, *inputs: Any) -> Mapping[str, Param]:
        """Parameters and buffers by name, in PyTorch's order."""
        return {}

    def below(self, *inputs: Any) -> int | None:
        """What the output's whole numbers are smaller than (`TensorType.below`): kept where elements only move."""
        bounds = [each.below for each in inputs if each.below is not None]
        return max(bounds) if self.moves_only and bounds and len(bounds) == len(inputs) else None

    def macs(self, *inputs: Any) -> Size:
        """Multiply-accumulates of one sample (convolutions, linear maps, attention, `@`; nothing else)."""
        return 0

    def reads(self, dim: int, *inputs: Any) -> Reads:
        """How the output depends on the input along an axis of the output, counted as in PyTorch, from 1.

        Exact for windows, and for one position by one; where no such pattern fits, `ALL` is the bound.
        """
        return POINTWISE

    def source(self, dim: int, *inputs: Any) -> int | None:
        """The input's axis that `reads` speaks of, the one that stands at the output's `dim`; None where it is new.

        Where inputs have different numbers of axes, it is counted in those that have the most.
        """
        return dim

    def reads_of(self, port: int, dim: int, *inputs: Any) -> tuple[Reads, int | None]:
        """`reads` and `source` for one of several inputs; matrix products and attention read each in another way."""
        source = self.source(dim, *inputs)
        # Fewer axes line up from the last one.
        axis = 0 if source is None else source - max(each.rank for each in inputs) + inputs[port].rank
        return (self.reads(dim, *inputs), axis) if axis >= 1 else (NEW, None)

    def times(self, *inputs: Any) -> Size:
        """How often a sample stands in the batch of the output: as in that of the inputs.

        Raises:
            OpError: some of them are of a sample, others of each of its elements.
        """
        found = {each.times for each in inputs if each.batched}
        if len(found) > 1:
            message = f"`{self.name}` reads values of a sample and values of each of its elements"
            raise OpError(message, code="wrong-inputs", help="in a layer with `each`, read through its `from`")
        return found.pop() if found else 1

    def filler(self, port: int, *inputs: Any) -> float | None:
        """What stands beyond a sample's length where positions of the output read several of this input, or all.

        It must be without influence there: zero for a sum, minus infinity for a maximum. None where that is not known:
        then the op refuses inputs with lengths along such an axis.
        """
        return None

    def masked(self, *inputs: Any) -> Masked | None:
        """The op in its place that reads lengths or masks too, where filling the padding does not suffice."""
        return None

    def carried(self, *inputs: Any) -> tuple[int, ...]:
        """The outputs that are final states where states start at zero, in the order of the ports behind `inputs`."""
        return ()

    def explain(self, *inputs: Any) -> str | None:
        """The arithmetic of its parameters as the lecture writes it: `(3*5*5 + 1) * 20`."""
        return None

    def explain_size(self, *inputs: Any) -> str | None:
        """The arithmetic of the sizes that it computes, by axis: `(28 - 5)/1 + 1 = 24`; None where it keeps them."""
        return None

    @abstractmethod
    def to_torch(self, t: TorchBuilder, *inputs: Any) -> TorchResult:
        """A module, `t.nn.Linear(...)`, or an expression over the inputs, `t.torch.cat([a, b], dim=1)`."""

    def to_onnx(self, g: OnnxBuilder, *inputs_then_params: Any) -> OnnxValue | tuple[OnnxValue, ...]:
        """ONNX nodes: `g.Gemm(input, p.weight, p.bias, transB=1)`; the last argument `p` holds the parameters."""
        # Not abstract: what draws is an input of an exported model, and has none.
        raise NotImplementedError(type(self).__name__)

    def infer_all(self, *inputs: TensorType) -> tuple[TensorType, ...]:
        """`infer`, always as a tuple; what is computed from nothing that is batched is not batched either.

        Raises:
            OpError: the op cannot take these inputs; a rule depends on what is not known of a symbol; padding along an
            axis with lengths would have influence.
        """
        try:
            types = self.infer(*inputs)
        except Undecided as error:
            raise OpError(f"`{self.name}` needs to know more of a size: {error}", help="bound it in `dims`") from None
        except DimError as error:
            raise OpError(str(error), code="too-large") from None
        batched = any(each.batched for each in inputs) and not self.sizes_only
        below = self.below(*inputs)
        every = types if isinstance(types, tuple) else (types,)
        if any(each.valid for each in inputs):
            from netspec.ops.padding import with_valid  # most networks have no lengths, and need none of it

            every = with_valid(self, inputs, every)
        if any(each.times != 1 for each in inputs) or every[0].times != 1 or self.changes_batch:
            every = tuple(replace(each, times=self.times(*inputs)) for each in every)
        # Most ops hand on what their input's type says already; types are made by the thousand.
        return tuple(
            each if each.batched is batched and each.below == below else replace(each, batched=batched, below=below)
            for each in every
        )

    def owned_as(self, *inputs: Any) -> tuple["Op", tuple[int, ...]]:
        """What all uses of one layer's parameters have in common: the op, and the numbers of its inputs' axes."""
        return self, tuple(each.rank for each in inputs)

    def attributes(self) -> dict[str, Any]:
        """The attributes that differ from their defaults, in the order of their declaration."""
        return self.given(*self.defaults())

    def given(self, *names: str) -> dict[str, Any]:
        """Those of the named attributes that differ from their defaults: keyword arguments for torch's constructor."""
        defaults = self.defaults()
        return {name: value for name in names if name in defaults and (value := getattr(self, name)) != defaults[name]}

    @classmethod
    @cache
    def defaults(cls) -> dict[str, Any]:
        """Attributes in the order of their declaration; the default of one that must be given equals nothing."""
        return {name: ... if field.is_required() else field.default for name, field in cls.model_fields.items()}

    @classmethod
    @cache
    def ports(cls) -> tuple[str, ...]:
        """Names of its inputs, in order: the parameters of `infer`. A variadic op has none."""
        parameters = list(inspect.signature(cls.infer).parameters.values())[1:]
        return tuple(p.name for p in parameters if p.kind is not inspect.Parameter.VAR_POSITIONAL)

    @classmethod
    @cache
    def required_ports(cls) -> tuple[str, ...]:
        """The ports that must be read; those after them have a default in `infer`."""
        parameters = inspect.signature(cls.infer).parameters
        return tuple(name for name in cls.ports() if parameters[name].default is inspect.Parameter.empty)

    @classmethod
    @cache
    def is_variadic(cls) -> bool:
        """Whether it takes a list of inputs of any length (`add`, `concat`)."""
        parameters = inspect.signature(cls.infer).parameters.values()
        return any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)

    @classmethod
    @cache
    def is_source(cls) -> bool:
        """Whether it can stand without inputs: then it reads what `from` names, and never the layer before it."""
        return not cls.required_ports() and not cls.is_variadic()

    @classmethod
    @cache
    def main(cls) -> str | None:
        """Name of its main attribute, if it has one."""
        for key, info in cls.model_fields.items():
            extra = info.json_schema_extra
            if isinstance(extra, dict) and extra.get("main"):
                return key
        return None


def trainable(params: Mapping[str, Param]) -> int:
    """Number of trained elements."""
    return sum(param.numel for param in params.values() if not param.buffer)


__all__ = [
    "ANY_DTYPE",
    "FLOATING",
    "Example",
    "Main",
    "Masked",
    "OnnxParams",
    "Op",
    "OpError",
    "Param",
    "TorchValue",
    "trainable",
]
