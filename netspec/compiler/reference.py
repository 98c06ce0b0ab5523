"""The op reference, docs/ops.md, made from the ops. `python -m netspec.compiler.reference` prints it."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.ops.base import Op
from netspec.ops.registry import FAMILIES, OPS

HEAD = """# Ops

Made from the ops' declarations by `python -m netspec.compiler.reference`; do not edit. Names, attributes and defaults
are PyTorch's. Shapes are per sample: the batch is never written. **Bold** is the main attribute, which a value after
the op's name sets.
"""


def reference() -> str:
    """The page, as Markdown."""
    return HEAD + "".join(map(_family, FAMILIES))


def _family(name: str) -> str:
    summary = (OPS.module(name).__doc__ or "").strip().splitlines()[0]
    return f"\n## {name}\n\n{summary}\n" + "".join(map(_op, OPS.of(name).values()))


def _op(op: type[Op]) -> str:
    lines = [f"\n### {op.name}\n", _prose(op), ""]
    ports = "a list of inputs" if op.is_variadic() else ", ".join(f"`{port}`" for port in op.ports())
    lines.append(
        f"Reads {'nothing' if op.is_source() else ports}{f', or {ports}' if op.is_source() and ports else ''}."
    )
    attributes = list(_attributes(op))
    if attributes:
        lines += ["", "| attribute | default |", "|---|---|", *attributes]
    lines += ["", "```", *(f"- {example.layer}" for example in op.examples), "```", ""]
    return "\n".join(lines)


def _prose(op: type[Op]) -> str:
    return " ".join((op.__doc__ or "").split())


def _attributes(op: type[Op]) -> Iterator[str]:
    for name, info in op.model_fields.items():
        shown = f"**`{name}`**" if name == op.main() else f"`{name}`"
        yield f"| {shown} | {'required' if info.is_required() else f'`{_yaml(info.default)}`'} |"


def _yaml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(list(value) if isinstance(value, tuple) else value)


if __name__ == "__main__":
    import sys

    sys.stdout.write(reference())
