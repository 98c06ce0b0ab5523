"""`init:` rules: torch.nn.init's functions by name, for a layer, a group, or by selector."""

from collections.abc import Mapping as MappingOf
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from netspec.diagnostics import Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Init
from netspec.lang import form
from netspec.lang.bind import Names, bind
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, describe, shorten

Std = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Number = Annotated[float, Field(allow_inf_nan=False)]
FanMode = Literal["fan_in", "fan_out"]
Nonlinearity = Literal[
    "linear", "conv1d", "conv2d", "conv3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"
]  # fmt: skip


class Initializer(BaseModel):
    """A function of torch.nn.init: its arguments, with torch's defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, defer_build=True)


class Zeros(Initializer):
    """All zero."""


class Ones(Initializer):
    """All one."""


class Constant(Initializer):
    """All one value."""

    val: Number


class Uniform(Initializer):
    """Uniform between a and b."""

    a: Number = 0.0
    b: Number = 1.0


class Normal(Initializer):
    """Normal."""

    mean: Number = 0.0
    std: Std = 1.0


class TruncNormal(Initializer):
    """Normal, drawn again outside of [a, b]."""

    mean: Number = 0.0
    std: Std = 1.0
    a: Number = -2.0
    b: Number = 2.0


class XavierUniform(Initializer):
    """Glorot and Bengio 2010, uniform."""

    gain: Number = 1.0


class XavierNormal(XavierUniform):
    """Glorot and Bengio 2010, normal."""


class KaimingUniform(Initializer):
    """He et al. 2015, uniform."""

    a: Number = 0.0
    mode: FanMode = "fan_in"
    nonlinearity: Nonlinearity = "leaky_relu"


class KaimingNormal(KaimingUniform):
    """He et al. 2015, normal."""


class Orthogonal(Initializer):
    """Saxe et al. 2013."""

    gain: Number = 1.0


class Eye(Initializer):
    """The identity matrix."""


class Dirac(Initializer):
    """The convolution that is the identity."""

    groups: Annotated[int, Field(ge=1)] = 1


INITIALIZERS: MappingOf[str, type[Initializer]] = {
    "zeros": Zeros, "ones": Ones, "constant": Constant, "uniform": Uniform, "normal": Normal,
    "trunc_normal": TruncNormal, "xavier_uniform": XavierUniform, "xavier_normal": XavierNormal,
    "kaiming_uniform": KaimingUniform, "kaiming_normal": KaimingNormal, "orthogonal": Orthogonal, "eye": Eye,
    "dirac": Dirac,
}  # fmt: skip
#: The least number of axes that a parameter needs, where that is more than none, and the most.
AXES: MappingOf[str, tuple[int, int]] = {
    "xavier_uniform": (2, 8), "xavier_normal": (2, 8), "kaiming_uniform": (2, 8), "kaiming_normal": (2, 8),
    "orthogonal": (2, 8), "eye": (2, 2), "dirac": (3, 5),
}  # fmt: skip

Rules = tuple[Init, ...]


def is_rule(node: Node) -> bool:
    """Whether a node is one rule, rather than rules by parameter."""
    if isinstance(node, Scalar):
        return True
    return isinstance(node, Mapping) and len(node) == 1 and next(iter(node))[0].text in (*INITIALIZERS, "chunks")


def rules(node: Node, names: Names, report: Report) -> Rules | None:
    """The rule of one parameter: `zeros`, `{normal: {std: 0.01}}`, or `{chunks: [...]}`; None if it failed."""
    if isinstance(node, Mapping) and len(node) == 1 and "chunks" in node:
        chunks = node.get("chunks")
        if not isinstance(chunks, Sequence) or len(chunks) == 0:
            report.error("wrong-type", "`chunks` is a list of rules, one for each equal part", node.span)
            return None
        found = [_rule(item, names, report) for item in chunks]
    else:
        found = [_rule(node, names, report)]
    return None if None in found else tuple(rule for rule in found if rule is not None)


def _rule(node: Node, names: Names, report: Report) -> Init | None:
    key, argument = form.named(node)
    if key is None:
        message = f"a rule is a function of torch.nn.init, as in {{normal: {{std: 0.01}}}}, got {describe(node)}"
        report.error("wrong-type", message, node.span)
        return None
    model = INITIALIZERS.get(key.text)
    if model is None:
        message = f"no initialiser is called `{shorten(key.text)}`"
        report.error("wrong-value", message, key.span, help=did_you_mean(key.text, INITIALIZERS))
        return None
    main = "val" if model is Constant else None
    bound = bind(model, argument, report, span=key.span, what=f"`{key.text}`", main=main, names=names)
    if bound is None:
        return None
    return Init(
        key.text, {name: getattr(bound, name) for name in type(bound).model_fields if name in bound.model_fields_set}
    )
