"""`netspec diff`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from netspec.cli.output import format_option, print_diagnostics, print_json, shape_text, table
from netspec.cli.reading import Reading, check_settings, reading_options
from netspec.compiler.diff import Diff, LayerDiff, Status, WeightDiff
from netspec.compiler.diff import diff as compare
from netspec.ir import Size

_SIGNS: dict[Status, str] = {"same": "", "changed": "~", "renamed": ">", "added": "+", "removed": "-"}
# Keys of a kind that are printed; the JSON document has all.
MAX_KEYS = 8


@click.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--all", "show_all", is_flag=True, help="Show the layers that are the same, too.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 where the networks differ.")
@click.option(
    "--set-a", metavar="NAME=VALUE", multiple=True, callback=check_settings, help="Set it in A alone; --set: in both."
)
@click.option("--set-b", metavar="NAME=VALUE", multiple=True, callback=check_settings, help="Set it in B alone.")
@reading_options
@format_option
def command(
    before: str,
    after: str,
    show_all: bool,
    exit_code: bool,
    set_a: tuple[str, ...],
    set_b: tuple[str, ...],
    reading: Reading,
    format_: str,
) -> int:
    """Compare the networks of two specs: layers, shapes, parameters, and which weights of A fit B.

    Example: netspec diff resnet18 resnet34
    """
    specs = [reading.load(before, set_a), reading.load(after, set_b)]
    for spec in specs:
        print_diagnostics(spec.warnings)
    found = compare(specs[0].graph, specs[1].graph)
    if format_ == "json":
        print_json(_facts(found) | {"settings": [list(spec.settings) for spec in specs]})
    else:
        click.echo(_text(found, show_all))
    return 1 if exit_code and not found.is_same else 0


def _text(found: Diff, show_all: bool) -> str:
    rows = [row for row in found.layers if show_all or row.status != "same"]
    parts = (
        [table([("", "path", "op", "output", "parameters", "changes"), *map(_cells, rows)], right=(4,))] if rows else []
    )
    parts += [f"{key}: {old or 'none'} -> {new or 'none'}" for key, (old, new) in found.ends.items()]
    return "\n".join([*parts, *([""] if parts else []), _counts(found), *_sums(found), *_weights(found.weights)])


def _cells(row: LayerDiff) -> tuple[str, ...]:
    layer = row.after or row.before
    assert layer is not None
    changes = ", ".join(f"{key} {_plain(old)} -> {_plain(new)}" for key, (old, new) in row.changes.items())
    params = f"{layer.num_params:,}" if layer.num_params else ""
    return (_SIGNS[row.status], row.path, layer.op, shape_text(layer.output.shape), params, changes)


def _counts(found: Diff) -> str:
    counts = Counter(row.status for row in found.layers)
    if found.is_same:
        return f"the networks have the same {counts['same']:,} layers"
    return ", ".join(f"{counts[status]:,} {status}" for status in _SIGNS if counts[status])


def _sums(found: Diff) -> Sequence[str]:
    old, new = found.before, found.after
    return (
        f"parameters: {_step(old.num_params, new.num_params)}",
        f"MACs a sample: {_step(old.macs, new.macs)}",
    )


def _step(old: Size, new: Size) -> str:
    """Before, after and, of numbers, the difference."""
    more = new - old
    return f"{old:,} -> {new:,}" + (f" ({more:+,})" if isinstance(more, int) else "")


def _weights(weights: WeightDiff) -> list[str]:
    lines = [f"weights: {len(weights.transferable):,} tensors of A fit B ({weights.num_transferable:,} elements)"]
    shapes = [f"{key} {list(old)} -> {list(new)}" for key, (old, new) in weights.other_shape.items()]
    kinds = (("of another shape", shapes), ("only in A", weights.only_before), ("only in B", weights.only_after))
    return lines + [f"  {len(keys):,} {what}: {_some(keys)}" for what, keys in kinds if keys]


def _some(keys: Sequence[str]) -> str:
    more = len(keys) - MAX_KEYS
    return ", ".join(keys[:MAX_KEYS]) + (f" and {more:,} more" if more > 0 else "")


def _facts(found: Diff) -> dict[str, object]:
    return {
        "same": found.is_same,
        "layers": [_layer_facts(row) for row in found.layers],
        "ends": {key: list(pair) for key, pair in found.ends.items()},
        "params": [found.before.num_params, found.after.num_params],
        "macs": [found.before.macs, found.after.macs],
        "weights": {
            "transferable": list(found.weights.transferable),
            "transferable_elements": found.weights.num_transferable,
            "other_shape": {key: [list(each) for each in pair] for key, pair in found.weights.other_shape.items()},
            "only_in_a": list(found.weights.only_before),
            "only_in_b": list(found.weights.only_after),
        },
    }


def _layer_facts(row: LayerDiff) -> dict[str, object]:
    return {
        "status": row.status,
        "a": row.before.path if row.before else None,
        "b": row.after.path if row.after else None,
        "op": (row.after or row.before).op,  # type: ignore[union-attr]  # one of them is there
        "changes": {key: [_data(old), _data(new)] for key, (old, new) in row.changes.items()},
    }


def _data(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "default" if value is None else str(_data(value))
