"""What stands in boxes and in their tooltips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netspec.compiler.analyses import Layer, Totals
from netspec.compiler.fold import Run
from netspec.compiler.outline import macs_of, num_layers, params_of
from netspec.ir import Graph, Node, Region, TensorType

_BUILTIN = "netspec.ops."


def shape_text(type: TensorType) -> str:
    """`20 × 24 × 24`, with the element type where it is not float32."""
    shape = " × ".join(map(str, type.shape)) or "one number"
    return shape if type.dtype.value == "float32" else f"{shape} {type.dtype}"


def family(node: Node) -> str:
    """The family file of an op, without what stands after an underscore: `pool` for `pool_adaptive`."""
    module = type(node.op).__module__
    return module.removeprefix(_BUILTIN).split("_")[0] if module.startswith(_BUILTIN) else "other"


def attribute_words(node: Node) -> list[str]:
    """The attributes that differ from their defaults."""
    return [f"{key} {_plain(value)}" for key, value in node.op.attributes().items()]


def argument_words(region: Region) -> list[str]:
    """The arguments of a block's use."""
    return [f"{key} {_plain(value)}" for key, value in region.arguments.items()]


def note(members: Sequence[Node | Region]) -> str:
    """`1,520 parameters`, or nothing where there are none."""
    count = sum(params_of(member) for member in members)
    return f"{count:,} parameters" if count else ""


def layer_facts(row: Layer, count: int = 1) -> str:
    """All that is known of a layer, a fact a line: for tooltips."""
    return "\n".join(_layer_facts(row, count))


def _layer_facts(row: Layer, count: int) -> Iterator[str]:
    attributes = ", ".join(f"{key}: {_plain(value)}" for key, value in row.attributes.items())
    times = f"{count} x " if count > 1 else ""
    yield f"{row.path}: {times}{row.op}" + (f" ({attributes})" if attributes else "")
    reads = ", ".join(map(shape_text, row.inputs))
    yield f"{reads} → {shape_text(row.output)}" if reads else f"gives {shape_text(row.output)}"
    if row.explain_size:
        yield f"size: {row.explain_size}"
    if row.num_params:
        yield f"parameters: {row.explain} = {row.num_params:,}" if row.explain else f"parameters: {row.num_params:,}"
    if row.macs != 0:
        yield f"multiply-accumulates: {row.macs:,}"
    if row.receptive_field:
        yield f"one element sees {' × '.join(map(str, row.receptive_field))} of the input"
    yield from _marks(row)
    if row.line is not None:
        yield f"line {row.line}"


def _marks(row: Layer) -> Iterator[str]:
    if row.owner is not None:
        yield f"uses the parameters of {row.owner}"
    if row.frozen:
        yield "frozen: never trained"
    if row.presence != "always":
        yield "exists in training only"


def region_facts(region: Region, run: Run | None) -> str:
    """What is known of a block or group, a fact a line."""
    return "\n".join(_region_facts(region, run))


def _region_facts(region: Region, run: Run | None) -> Iterator[str]:
    members: Sequence[Node | Region] = run.members if run else (region,)
    times = f"{run.count} x " if run else ""
    arguments = ", ".join(argument_words(region))
    what = f"block {region.definition}" if region.definition else "group"
    yield f"{run.path if run else region.path}: {times}{what}" + (f" ({arguments})" if arguments else "")
    reads = ", ".join(shape_text(value.type) for value in region.inputs)
    gives = ", ".join(shape_text(value.type) for value in members[-1].outputs)
    yield f"{reads} → {gives}"
    yield num_layers(region)
    yield f"parameters: {sum(map(params_of, members)):,}"
    yield f"multiply-accumulates: {sum(map(macs_of, members)):,}"
    if region.owner is not None:
        yield f"uses the parameters of {region.owner}"
    if region.presence != "always":
        yield "exists in training only"
    if region.span is not None:
        yield f"line {region.span.line}"


def totals_text(sums: Totals, graph: Graph) -> str:
    """The line below a picture."""
    count = sum(1 for _ in graph.walk())
    extra = sums.num_params_train - sums.num_params
    training = f" (and {extra:,} in training only)" if extra else ""
    return f"{sums.num_params:,} parameters{training}, {sums.macs:,} multiply-accumulates a sample, {count:,} layers"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(_plain, value))}]"
    return "none" if value is None else str(value)
